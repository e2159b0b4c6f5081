"""The form in which an index is kept: blocks of terms, each with the documents that have it.

Owns: that form, reading and writing. Never: says what a term is. Raises: nothing.

The documents of an index are numbered from 0. A set of them is an int, bit n for document n: union and intersection are
one machine loop. All terms of a block have postings of the same width, so that none needs an offset: either a bitmap,
or some document numbers of two octets each, the last one repeated to fill the width. Blocks of wider postings come
first: who looks for a piece that is in many terms has seen nearly all documents after the first blocks.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

MOST_DOCUMENTS = 65_536  # numbers of two octets
MARK = b"\xff"  # around each term; no UTF-8 has it
_TERMS_OCTETS = 32_768  # of a block; more does not pay: the whole of it is searched, and read where a term is found
_POSTINGS_OCTETS = 65_536
_NUMBERS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096]
Numbers: TypeAlias = "int | array[int]"  # one document, or some (two at least) in ascending order, of type H
_MANY = 10  # where more than one term in so many has the piece, taking all of them apart is quicker
_FEW = 64  # documents that are put into a set one by one
_ONE = ord("1")


class Block(NamedTuple):
    width: int  # octets of each term's postings
    terms: bytes  # MARK term MARK term … MARK
    postings: bytes


def bitmap_octets(documents: int) -> int:
    """Octets of a set of documents, written as a bitmap."""
    return max((documents + 7) // 8, 1)


def pack(postings: Mapping[str, Numbers], documents: int) -> Iterator[Block]:
    """The blocks of some terms."""
    whole = bitmap_octets(documents)
    counts = [count for count in _NUMBERS if count * 2 < whole]
    classes: list[list[str]] = [[] for _ in range(len(counts) + 1)]
    class_of = [at for at, (low, high) in enumerate(pairwise([0, *counts])) for _ in range(low, high)]
    most = len(class_of)
    for term, listed in postings.items():
        count = 1 if isinstance(listed, int) else len(listed)
        classes[class_of[count - 1] if count <= most else -1].append(term)
    for terms, count in zip(reversed(classes), [0, *reversed(counts)], strict=True):
        width = count * 2 or whole
        for some in _portions(terms, max(_POSTINGS_OCTETS // width, 1)):
            packed = MARK.join([b"", *[term.encode() for term in some], b""])
            yield Block(width, packed, _fill(some, postings, count) if count else _bitmaps(some, postings, documents))


def _fill(terms: Iterable[str], postings: Mapping[str, Numbers], count: int) -> bytes:
    filled = array("H")
    for term in terms:
        listed = postings[term]
        if isinstance(listed, int):
            filled.append(listed)
        else:
            filled += listed
            filled += listed[-1:] * (count - len(listed))
    return filled.tobytes()


def _bitmaps(terms: Iterable[str], postings: Mapping[str, Numbers], documents: int) -> bytes:
    sets = [1 << listed if isinstance(listed, int) else set_of(listed) for listed in map(postings.__getitem__, terms)]
    return b"".join([to_bitmap(bits, documents) for bits in sets])


def _portions(terms: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    start = octets = 0
    for at, term in enumerate(terms):
        if at - start >= most or octets >= _TERMS_OCTETS:
            yield terms[start:at]
            start, octets = at, 0
        octets += len(term) + 1
    if start < len(terms):
        yield terms[start:]


def places(terms: bytes, piece: bytes) -> Iterable[int]:
    """Which terms of a block have the piece, by their number. MARK at its ends is the beginning or end of a term."""
    begins, ends = piece.startswith(MARK), piece.endswith(MARK)
    if (begins and ends) or terms.count(piece) * _MANY < terms.count(MARK):
        return _places_among_few(terms, piece, 1 if begins else 0)
    listed, inner = enumerate(terms[1:-1].split(MARK)), piece.strip(MARK)
    if begins:
        return [number for number, term in listed if term.startswith(inner)]
    if ends:
        return [number for number, term in listed if term.endswith(inner)]
    return [number for number, term in listed if inner in term]


def _places_among_few(terms: bytes, piece: bytes, skip: int) -> Iterator[int]:
    number, start = -1, 0
    while (at := terms.find(piece, start)) >= 0:
        at += skip
        number += terms.count(MARK, start, at)
        yield number
        start = terms.find(MARK, at)


class Union:
    """The documents of some terms together."""

    def __init__(self, documents: int) -> None:
        self._documents = documents
        self._whole = bitmap_octets(documents)
        self._bits = 0
        self._lists: list[bytes] = []

    def add(self, block: Block, piece: bytes) -> int:
        """The terms of the block that have the piece. How many they are."""
        width, postings = block.width, block.postings
        found = [postings[number * width : number * width + width] for number in places(block.terms, piece)]
        if width == self._whole:
            for bitmap in found:
                self._bits |= from_bitmap(bitmap)
        else:
            self._lists += found
        return len(found)

    def documents(self) -> int:
        if self._lists:
            numbers = array("H", b"".join(self._lists))
            self._bits |= set_of(numbers) if len(numbers) <= _FEW else _large_set(numbers, self._documents)
            self._lists.clear()
        return self._bits


def set_of(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def _large_set(numbers: Iterable[int], documents: int) -> int:
    digits = bytearray(b"0") * documents
    for number in numbers:
        digits[~number] = _ONE
    return int(digits, 2)


def to_bitmap(bits: int, documents: int) -> bytes:
    return bits.to_bytes(bitmap_octets(documents), "little")


def from_bitmap(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


_TRUTH = bytes.maketrans(b"01", b"\0\1")


def flags(bits: int, documents: int) -> bytes:
    """An octet for each document: 1 when it is in the set."""
    return format(bits, f"0{documents}b").encode().translate(_TRUTH)[::-1]


def numbers_in(bits: int, documents: int) -> Iterator[int]:
    """The members of a set, ascending."""
    octets, at = flags(bits, documents), -1
    while (at := octets.find(1, at + 1)) >= 0:
        yield at
