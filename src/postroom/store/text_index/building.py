"""Makes an index of some texts.

Owns: which terms an index has. Never: keeps a text. Raises: nothing.

For each text all its tokens; and all its pairs, that is, two tokens with a short separator between them, where both are
*frequent*, which is to say in so many texts that the index could not tell "both are in it" from "one follows the
other" without reading a great part of them. Which tokens are frequent is guessed from a sample, and kept: any guess
gives right answers.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from .blocks import Block, Numbers, from_bitmap, pack, set_of, to_bitmap
from .tokens import LONGEST_SEPARATOR, split

_FREQUENT_SHARE = 8  # a token is frequent that is in one of so many texts
_MOST_FREQUENT = 1000  # frequent tokens, at most
_JUNK_OCTETS = 8192  # of tokens that no other text has: from here on a text of little else is left to be scanned


class Part(IntEnum):
    """What the terms of a block are."""

    FREQUENT = 0  # tokens
    OTHER = 1  # tokens
    PAIRS = 2


class Cover(NamedTuple):
    """Which documents an index knows of, as sets."""

    present: int  # those with any text
    skipped: int  # of these, those whose rarest tokens are not in the index


class Built(NamedTuple):
    cover: Cover
    blocks: list[tuple[Part, Block]]


def frequent_tokens(sample: Iterable[str]) -> frozenset[str]:
    """The tokens that many texts have, judged by some of them."""
    counts: Counter[str] = Counter()
    texts = 0
    for text in sample:
        counts.update(set(split(text)[0]))
        texts += 1
    del counts[""]
    least = max(texts / _FREQUENT_SHARE, 2)
    return frozenset([token for token, count in counts.most_common(_MOST_FREQUENT) if count >= least])


def _note(index: dict[str, Numbers], terms: Iterable[str], number: int) -> None:
    for term in terms:
        known = index.get(term)
        if known is None:
            index[term] = number
        elif isinstance(known, int):
            index[term] = array("H", (known, number))
        else:
            known.append(number)


class IndexBuilder:
    """`add` documents in ascending order, then `build`."""

    def __init__(self, frequent: frozenset[str]) -> None:
        self._frequent = frequent
        # Numbers and arrays of them: a hundred thousand lists would keep the garbage collector busy, with all other
        # threads waiting
        self._tokens: dict[str, Numbers] = {}
        self._pairs: dict[str, Numbers] = {}
        self._present: list[int] = []
        self._junk: list[int] = []  # documents that may have to be skipped

    def add(self, number: int, text: str) -> None:
        if not text:
            return
        self._present.append(number)
        tokens, separators = split(text)
        different = set(tokens)
        different.discard("")
        _note(self._tokens, different, number)
        frequent = self._frequent
        if not frequent.isdisjoint(different):
            pairs = {
                before + separator + after
                for before, separator, after in zip(tokens, separators, tokens[1:], strict=False)
                if before in frequent and after in frequent and len(separator) <= LONGEST_SEPARATOR
            }
            _note(self._pairs, pairs, number)
        if len(text) > _JUNK_OCTETS and sum(map(len, different)) * 2 > len(text):
            self._junk.append(number)

    def build(self, documents: int) -> Built:
        """The index of so many documents. The builder is of no use from now on."""
        skipped = self._skip_junk()
        frequent = {token: self._tokens.pop(token) for token in self._frequent if token in self._tokens}
        cover = Cover(set_of(self._present), set_of(skipped))
        return Built(cover, list(self._blocks(frequent, documents)))

    def _blocks(self, frequent: dict[str, Numbers], documents: int) -> Iterator[tuple[Part, Block]]:
        for part, postings in ((Part.FREQUENT, frequent), (Part.OTHER, self._tokens), (Part.PAIRS, self._pairs)):
            for block in pack(postings, documents):
                yield part, block
            postings.clear()

    def _skip_junk(self) -> list[int]:
        """A text of tokens that nobody else has, as a file in base64, would be in the index once more as it is."""
        if not self._junk:
            return []
        octets = dict.fromkeys(self._junk, 0)
        for token, numbers in self._tokens.items():
            if isinstance(numbers, int) and numbers in octets:
                octets[numbers] += len(token)
        skipped = {number for number, sum_ in octets.items() if sum_ >= _JUNK_OCTETS}
        for token in [token for token, one in self._tokens.items() if isinstance(one, int) and one in skipped]:
            del self._tokens[token]
        return sorted(skipped)


def pack_cover(cover: Cover, documents: int) -> tuple[bytes, bytes]:
    return to_bitmap(cover.present, documents), to_bitmap(cover.skipped, documents) if cover.skipped else b""


def unpack_cover(present: bytes, skipped: bytes) -> Cover:
    return Cover(from_bitmap(present), from_bitmap(skipped))
