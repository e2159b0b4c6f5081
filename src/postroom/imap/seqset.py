"""Sequence sets: read them, find what they name, write them (RFC 3501 §9 sequence-set).

Owns: SeqSet <-> octets, SeqSet -> positions in a mailbox. Never: knows a mailbox beyond its count or its sorted UIDs.
Raises: BadSyntax from `parse`.

Positions are 0-based and half-open, merged and ascending, so that a caller may slice parallel arrays with them.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from .syntax import BadSyntax
from .types import SeqSet

Span = tuple[int, int]

_SET = re.compile(
    rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?(?:,(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?)*"
    rb"(?:,\$)?"
)
_MAX = 2**32 - 1


def parse(raw: bytes) -> SeqSet:
    """A set as written: "2,4:7,9,12:*", "$" (RFC 5182 §3), or (RFC 9051 §9 sequence-set) both: "2,4:7,$"."""
    if raw.isdigit() and len(raw) < 10 and raw[0] != 48:
        number = int(raw)
        return SeqSet(((number, number),))
    if raw == b"$":
        return SeqSet((), saved=True)
    if not _SET.fullmatch(raw):
        raise BadSyntax("Invalid message set")
    if saved := raw.endswith(b"$"):
        raw = raw[:-2]
    ranges: list[tuple[int | None, int | None]] = []
    highest = 0
    for part in raw.split(b","):
        low, colon, high = part.partition(b":")
        first = None if low == b"*" else int(low)
        last = first if not colon else None if high == b"*" else int(high)
        ranges.append((first, last))
        highest = max(highest, first or 0, last or 0)
    if highest > _MAX:
        raise BadSyntax("Number too large in message set")
    return SeqSet(tuple(ranges), saved)


def merge(spans: list[Span]) -> list[Span]:
    """Sort, and join what touches or overlaps."""
    if len(spans) < 2:
        return spans
    spans.sort()
    merged = [spans[0]]
    for start, end in spans:
        if start > merged[-1][1]:
            merged.append((start, end))
        elif end > merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
    return merged


def fits(seqset: SeqSet, count: int) -> bool:
    """False when a sequence number lies beyond the mailbox, "*" in an empty one included.

    RFC 3501 §9 (seq-number): such a command should get BAD. Not for UIDs (§6.4.8: unknown UIDs are ignored).
    """
    return all((low or 1) <= count and (high or 1) <= count for low, high in seqset.ranges)


def by_number(seqset: SeqSet, count: int) -> list[Span]:
    """The positions that a set of message sequence numbers names in a mailbox of `count` messages."""
    spans: list[Span] = []
    if count:
        for low, high in seqset.ranges:
            first, last = low or count, high or count
            if first > last:  # RFC 3501 §9 (seq-range): 4:2 is 2:4
                first, last = last, first
            if first <= count:
                spans.append((first - 1, min(last, count)))
    return merge(spans)


def by_uid(seqset: SeqSet, uids: Sequence[int]) -> list[Span]:
    """The positions in the ascending `uids` that a set of UIDs names; "*" is the last one, whatever its size."""
    spans: list[Span] = []
    if uids:
        top = uids[-1]
        for low, high in seqset.ranges:
            first = top if low is None else low
            last = top if high is None else high
            if first > last:  # so that 559:* always holds the last message (RFC 3501 §6.4.8)
                first, last = last, first
            start = bisect_left(uids, first)
            end = start + 1 if first == last else bisect_right(uids, last, start)
            if start < end and start < len(uids) and uids[start] <= last:
                spans.append((start, end))
    return merge(spans)


def numbers_within(seqset: SeqSet, highest: int) -> Iterator[int]:
    """The numbers of a set one by one, in the set's order; a range ends where `highest` is passed."""
    for low, high in seqset.ranges:
        first, last = low or highest, high or highest
        yield from range(first, min(last, highest) + 1) if first <= highest else (first,)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers that ascend by one, in the order given."""
    if isinstance(numbers, range) and numbers.step == 1:
        if numbers:
            yield numbers[0], numbers[-1]
        return
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            yield first, last
        first = last = number
    if first >= 0:
        yield first, last


def as_spans(positions: Iterable[int]) -> list[Span]:
    """Positions, ascending, as spans."""
    return [(first, last + 1) for first, last in runs(positions)]


def write_pieces(numbers: Iterable[int], size: int = 8192) -> Iterator[bytes]:
    """Numbers as a compact set: 1,2,3,5 is "1:3,5"; in pieces of at most `size` runs.

    Runs are joined only while ascending by one, so the order is kept even when it is not ascending (COPYUID, SORT).
    """
    joined = iter(runs(numbers))
    comma = ""
    while parts := [f"{first}:{last}" if first != last else str(first) for first, last in islice(joined, size)]:
        yield (comma + ",".join(parts)).encode("ascii")
        comma = ","


def write(numbers: Iterable[int]) -> bytes:
    """The same in one; empty for none."""
    return b"".join(write_pieces(numbers))


def written(seqset: SeqSet) -> bytes:
    """The set as a client would write it."""
    parts = [_bound(low) if low == high else b"%b:%b" % (_bound(low), _bound(high)) for low, high in seqset.ranges]
    return b",".join([*parts, b"$"] if seqset.saved else parts)


def _bound(number: int | None) -> bytes:
    return b"*" if number is None else b"%d" % number
