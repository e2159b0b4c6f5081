"""Sets of messages while a search narrows them down: ascending positions in a mailbox, and the tests of its columns.

Owns: what a set leaves of candidates, Columns (all conditions on a view's columns at once), what a key costs. Never:
knows a session. Raises: nothing.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress

from postroom.imap.seqset import Span, merge
from postroom.imap.types import And, DateField, DateRange, Fuzzy, InSet, Not, Or, SearchKey, Text, TextIn, ThreadId
from postroom.store.api import LOWEST_OCTET

from .rows import Rows

_ONE = re.compile(b"\1")
_SPARSE = 16  # positions for each candidate that a table of them may have

Candidates = Sequence[int]


@dataclass(slots=True)
class Columns:
    """Conditions that must all hold: flags, ranges of values by column, positions."""

    there: int = 0  # flags that a message must have
    missing: int = 0  # flags that it must not have
    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)  # a column of Rows: least and greatest value
    sets: list[list[Span]] = field(default_factory=list)  # in each of which the positions must be
    beside_saved: list[list[Span]] = field(default_factory=list)  # the same, of those that "$" does not name
    outside: list[Span] = field(default_factory=list)  # where they must not be
    outside_saved: bool = False  # nor where "$" is
    spans: list[Span] | None = None  # once settled: what all this leaves; None: anywhere
    never: bool = False  # no message can fulfil them

    def bound(self, column: str, least: int | None = None, most: int | None = None) -> None:
        """A further condition on a column's values."""
        low, high = self.bounds.get(column, (-(2**63), 2**63 - 1))
        low = low if least is None else max(low, least)
        high = high if most is None else min(high, most)
        self.bounds[column] = low, high
        self.never |= low > high

    def flag(self, bit: int, present: bool) -> None:
        """A further condition on the flags; bit 0 is a flag that no message has."""
        if not bit:
            self.never |= present
        elif present:
            self.there |= bit
        else:
            self.missing |= bit
        self.never |= bool(self.there & self.missing)

    def among(self, spans: list[Span]) -> None:
        """A further condition on the positions; `spans` ascend and are disjoint."""
        self.sets.append(spans)

    def settle(self, count: int, saved: Callable[[], list[Span]] = list) -> None:
        """No condition will come any more; the mailbox has `count` messages. `saved` tells what "$" names."""
        if self.beside_saved:  # all of (these or "$") is (all of these) or "$"
            self.among(merge([*intersection(self.beside_saved), *saved()]))
        if self.outside_saved:
            self.outside += saved()
        if self.outside:
            self.among(complement(merge(self.outside), count))
        if self.sets:
            self.spans = intersection(self.sets)
            self.never |= not self.spans

    def look(self, rows: Rows, candidates: Candidates) -> Candidates:
        """The candidates for which all holds; the positions are not looked at."""
        if self.there or self.missing:
            candidates = flagged(rows.masks, candidates, self.there, self.missing)
        for name, (low, high) in self.bounds.items():
            values: Sequence[int] = getattr(rows, name)
            candidates = [at for at in candidates if low <= values[at] <= high]
        return candidates


def flagged(masks: Sequence[int], candidates: Candidates, there: int, missing: int) -> Candidates:
    """The candidates that have all flags of `there` and none of `missing`."""
    if there & missing:
        return ()
    asked = there | missing
    if asked > 255 or not isinstance(masks, array) or not isinstance(candidates, range):
        return [at for at in candidates if masks[at] & asked == there]
    # The system flags lie in the lowest octet of a mask: sixteen times faster by octets than by numbers.
    octets = masks[candidates.start : candidates.stop].tobytes()[LOWEST_OCTET :: masks.itemsize]
    hits = octets.translate(bytes([mask & asked == there for mask in range(256)]))
    count = hits.count(1)
    if count == len(candidates):
        return candidates
    if count * 4 > len(candidates):
        return list(compress(candidates, hits))
    first = candidates.start
    return [first + hit.start() for hit in _ONE.finditer(hits)]


def intersection(sets: Sequence[Sequence[Span]]) -> list[Span]:
    """What all lists of spans have in common, in one sweep: thousands of lists cost what their spans cost."""
    if len(sets) == 1:
        return list(sets[0])
    some = [span for spans in sets for span in spans if span[0] < span[1]]
    edges = sorted([*((start, 1) for start, _ in some), *((stop, -1) for _, stop in some)])
    found: list[Span] = []
    depth = 0
    for edge, step in edges:  # where one span ends and another begins, the end comes first
        depth += step
        if depth == len(sets):
            start = edge
        elif step < 0 and depth == len(sets) - 1:
            found.append((start, edge))
    return found


def complement(spans: Sequence[Span], count: int) -> list[Span]:
    """The positions below `count` that are in none of the spans."""
    edges = [0, *(edge for span in spans for edge in span), count]
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]


def within(candidates: Candidates, spans: Sequence[Span]) -> Candidates:
    """The candidates in the spans."""
    if len(spans) == 1:
        start, stop = spans[0]
        return candidates[bisect_left(candidates, start) : bisect_left(candidates, stop)]
    found: list[int] = []
    for start, stop in spans:
        found += candidates[bisect_left(candidates, start) : bisect_left(candidates, stop)]
    return found


def without(candidates: Candidates, found: Candidates) -> Candidates:
    """The candidates that were not found; `found` are some of them."""
    if not found:
        return candidates
    if len(found) == len(candidates):
        return ()
    first, last = candidates[0], candidates[-1]
    if last - first >= len(candidates) * _SPARSE:
        out = set(found)
        return [at for at in candidates if at not in out]
    left = bytearray(b"\1") * (last - first + 1)
    for at in found:
        left[at - first] = 0
    if isinstance(candidates, range):
        return list(compress(candidates, left))
    return [at for at in candidates if left[at - first]]


def union(candidates: Candidates, left: Candidates, right: Candidates) -> Candidates:
    """Two disjoint sets of candidates as one."""
    if not left or not right:
        return left or right
    if len(left) + len(right) == len(candidates):
        return candidates
    return sorted([*left, *right])


def cost(key: SearchKey) -> int:
    """What to ask first: the view before the index, the narrow field before the whole text."""
    match key:
        case And(keys):
            return max(map(cost, keys), default=0)
        case Or(left, right):
            return max(cost(left), cost(right))
        case Not(inner) | Fuzzy(inner):
            return cost(inner)
        case InSet():
            return 0
        case Text(where):
            return 4 if where in (TextIn.BODY, TextIn.TEXT) else 3
        case ThreadId():
            return 2
        case DateRange(date_field):
            return 1 if date_field is DateField.INTERNAL else 2
    return 1
