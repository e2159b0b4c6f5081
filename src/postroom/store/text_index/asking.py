"""Answers from an index.

Owns: how a needle is looked for. Never: reads a text: of some documents the index can't tell, and the caller looks.
Raises: nothing.

A needle inside one token is in the documents of all terms that contain it. A needle across two frequent tokens is in
those of all pairs that contain it. For any other needle the index tells which documents have its tokens, next to each
other as far as pairs tell, and these are to be looked at. Where asking on would cost more than looking, it ends early.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from .blocks import MARK, Block, Union
from .building import Cover, Part
from .tokens import LONGEST_SEPARATOR, Needle

_FEW_SHARE = 32  # one document in so many is looked at in the time that one more part of the index is asked
_TERMS_PER_TEXT = 6  # terms gone through in the time that a text of usual length is looked at
_SHORT = 3  # octets of a token that tell something when more may come before or after them


class Answer(NamedTuple):
    hits: int  # documents that have the needle, as a set
    unsure: int  # documents to look at; all others do not have it


class Index(Protocol):
    """What is asked."""

    documents: int
    cover: Cover

    def blocks(self, part: Part, piece: bytes) -> Iterator[Block]:
        """Of one part, in their order; those may be left out whose terms do not contain the piece."""


def ask(index: Index, needle: Needle) -> Answer:
    """Where the needle, which is not empty, is."""
    return _Question(index, needle).answer()


class _Question:
    def __init__(self, index: Index, needle: Needle) -> None:
        self._index = index
        self._needle = needle
        self._walked = 0  # terms gone through
        self._hits = 0
        self._unsure = index.cover.present
        self._few = index.documents // _FEW_SHARE
        self._known: dict[tuple[Part, bytes], int] = {}

    def answer(self) -> Answer:
        if len(self._needle.tokens) == 1 and self._needle.bare:
            self._look_inside_tokens()
        else:
            self._look_across_tokens()
        present, skipped = self._index.cover
        return Answer(self._hits, (self._unsure | skipped & present) & ~self._hits)

    @property
    def _done(self) -> bool:
        """Whether looking at what is left costs no more than was spent on asking."""
        left = self._unsure.bit_count()
        return left <= self._few or self._walked > left * _TERMS_PER_TEXT

    def _look_inside_tokens(self) -> None:
        piece = self._piece(0, 0)
        if not self._take_hits(Part.FREQUENT, piece) or len(piece) == 1:
            return  # a letter is in most texts, and in half of all other tokens
        if self._take_hits(Part.OTHER, piece):
            self._unsure = 0

    def _take_hits(self, part: Part, piece: bytes) -> bool:
        """What has the piece has the needle. False: not all of it was found."""
        union = Union(self._index.documents)
        for block in self._index.blocks(part, piece):
            self._walked += union.add(block, piece)
            self._hits |= union.documents()
            self._unsure &= ~self._hits
            if self._done:
                return False
        return True

    def _look_across_tokens(self) -> None:
        tokens = len(self._needle.tokens)
        if tokens <= 2 and not self._take_hits(Part.PAIRS, self._needle.text.encode()):
            return
        for at in sorted(range(tokens), key=lambda at: -len(self._needle.tokens[at])):  # long ones are rare
            if self._done:
                return
            self._unsure &= self._having(at)
        for at in range(tokens - 1):
            if self._done:
                return
            self._unsure &= self._neighbours(at)

    def _having(self, at: int) -> int:
        """Documents that have this token of the needle, or one that ends or begins so."""
        piece = self._piece(at, at)
        if self._vague(piece):
            return self._index.cover.present
        frequent = self._documents(Part.FREQUENT, piece)
        if frequent and piece.startswith(MARK) and piece.endswith(MARK):
            return frequent  # it is that one term
        return frequent | self._documents(Part.OTHER, piece)

    def _vague(self, piece: bytes) -> bool:
        """Whether so many terms end or begin like this that asking for them does not pay."""
        return len(piece) - 1 < _SHORT and not (piece.startswith(MARK) and piece.endswith(MARK))

    def _neighbours(self, at: int) -> int:
        """Documents that may have this token and the next one side by side, as the needle has them."""
        if len(self._needle.between[at]) > LONGEST_SEPARATOR:
            return self._unsure
        first, second = self._piece(at, at), self._piece(at + 1, at + 1)
        if self._vague(first) or self._vague(second):
            return self._unsure
        rare, next_rare = self._documents(Part.OTHER, first), self._documents(Part.OTHER, second)
        apart = rare & self._having(at + 1) | self._having(at) & next_rare
        if len(self._needle.tokens) == 2 and self._needle.bare:
            return apart  # pairs that have them have the needle
        return apart | self._documents(Part.PAIRS, self._piece(at, at + 1))

    def _documents(self, part: Part, piece: bytes) -> int:
        """Those of all terms that contain the piece; more than these where asking costs more than it saves."""
        if (known := self._known.get((part, piece))) is not None:
            return known
        union = Union(self._index.documents)
        for block in self._index.blocks(part, piece):
            self._walked += union.add(block, piece)
            if self._done:
                return self._index.cover.present
        self._known[part, piece] = union.documents()
        return self._known[part, piece]

    def _piece(self, first: int, last: int) -> bytes:
        """The needle's tokens from `first` up to and with `last`, as they stand in a block."""
        needle = self._needle
        text = needle.tokens[first]
        for at in range(first, last):
            text += needle.between[at] + needle.tokens[at + 1]
        before = b"" if needle.open_before(first) else MARK
        after = b"" if needle.open_after(last) else MARK
        return before + text.encode() + after
