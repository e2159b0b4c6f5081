"""Results that a client follows: the list as the client has it, and the ADDTO and REMOVEFROM that change it (RFC 5267).

Owns: FollowedSearch and FollowedSort, how their changes are written. Never: searches, knows what messages are. Raises:
nothing.

A change is pairs of a context position and the uids that go in or out there, which the client carries out one after the
other (§4.3.2). Those of SEARCH are in the order of the mailbox, which the client can keep itself: position 0 (§4.3.3).
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from .seqset import write

Pair = tuple[int, Sequence[int]]
# What SORT compares of a message, so that entries compare as messages do. The uid comes last: of messages that are
# alike the first in the mailbox comes first (RFC 5256 §3).
Entry = tuple[Any, ...]
_FEW = 32


class Descending:
    """A value that compares the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.value == other.value)

    def __lt__(self, other: "Descending") -> bool:
        return bool(other.value < self.value)

    def __hash__(self) -> int:
        return hash(self.value)


class FollowedSearch:
    """The result of a SEARCH."""

    def __init__(self, uids: Iterable[int]) -> None:
        self._uids = set(uids)

    def __len__(self) -> int:
        return len(self._uids)

    def __contains__(self, uid: int) -> bool:
        return uid in self._uids

    def members(self) -> Iterable[int]:
        return self._uids

    def add(self, uids: Iterable[int]) -> list[Pair]:
        """Messages that are not in it come into it."""
        new = sorted(uids)
        self._uids.update(new)
        return [(0, new)] if new else []

    def remove(self, uids: Collection[int]) -> list[Pair]:
        """Those of these messages that are in it leave it."""
        gone = sorted(self._uids.intersection(uids))
        self._uids.difference_update(gone)
        return [(0, gone)] if gone else []


class FollowedSort:
    """The result of a SORT."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """`entries` in their order."""
        self._order = list(entries)
        self._by_uid: dict[int, Entry] = {entry[-1]: entry for entry in self._order}

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, uid: int) -> bool:
        return uid in self._by_uid

    def members(self) -> Iterable[int]:
        return self._by_uid

    def add(self, entries: Iterable[Entry]) -> list[Pair]:
        """Messages that are not in it come into it."""
        new = sorted(entries)
        order = self._order
        # Where each is once all before it are in: so the client can put them in from the first to the last.
        places: list[int] = []
        if len(new) <= _FEW:
            for entry in new:
                places.append(bisect_left(order, entry))
                order.insert(places[-1], entry)
        else:
            order += new
            order.sort()  # two ascending runs: one merge
            uids = {entry[-1] for entry in new}
            places = [at for at, entry in enumerate(order) if entry[-1] in uids]
        self._by_uid.update((entry[-1], entry) for entry in new)
        return [(places[start] + 1, [entry[-1] for entry in new[start:stop]]) for start, stop in _runs(places)]

    def remove(self, uids: Collection[int]) -> list[Pair]:
        """Those of these messages that are in it leave it."""
        order, by_uid = self._order, self._by_uid
        gone = {uid for uid in uids if uid in by_uid}
        if len(gone) <= _FEW:
            places = sorted(bisect_left(order, by_uid[uid]) for uid in gone)
        else:
            places = [at for at, entry in enumerate(order) if entry[-1] in gone]
        # From the first to the last: those before are out already.
        pairs: list[Pair] = [
            (places[start] - start + 1, [order[at][-1] for at in places[start:stop]]) for start, stop in _runs(places)
        ]
        if len(gone) <= _FEW:
            for at in reversed(places):
                del order[at]
        else:
            self._order = [entry for entry in order if entry[-1] not in gone]
        for uid in gone:
            del by_uid[uid]
        return pairs


Followed = FollowedSearch | FollowedSort


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Slices of adjacent places."""
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield start, at
            start = at


def update_line(tag: bytes, word: bytes, pairs: Sequence[Pair], number_of: Callable[[int], int] | None = None) -> bytes:
    """ESEARCH with ADDTO or REMOVEFROM (RFC 5267 §4.3); by UID, or by the number that each uid has."""
    if not pairs:
        return b""
    if number_of is None:
        told = b" ".join([b"%d %b" % (position, write(uids)) for position, uids in pairs])
    else:
        told = b" ".join([b"%d %b" % (position, write(map(number_of, uids))) for position, uids in pairs])
    return b'* ESEARCH (TAG "%b")%b %b (%b)\r\n' % (tag, b" UID" if number_of is None else b"", word, told)
