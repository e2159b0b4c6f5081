"""The order of a whole mailbox for the sort programs used lately, kept with its view.

Owns: making such an order, bringing it up to date when messages have come or gone, picking from it what was found.
Never: knows what criteria compare (ordering.py does), answers the client. Raises: StoreError.

What is compared of a message never changes, and of two alike the first in the mailbox comes first (RFC 5256 §3): so the
order of some messages is that of all, less the others. An expunge only takes messages out of it. New ones are put in by
halving: each step asks for what is compared of one message, not of all.

An order has the view's own array of uids, which stays as it is for who has it when messages go (store.api.View): as
long as the view has that array, too, nothing has gone.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.imap.contexts import Entry
from postroom.imap.sorting import Criterion, SortKey

from .candidates import Candidates
from .ordering import FACTS_AT_ONCE, Expunged, entries, in_order, key_columns
from .searching import Searching
from .selected import SelectedMailbox
from .session import Session

_OCTETS = 12  # a message: its position, and its uid in an array that the view may not have any more
_FEW = 16  # of one message in so many, or fewer, the order is sooner found by itself
_MANY = 32  # so long as fewer than one in so many have come, or gone, an order is sooner mended than made anew


@dataclass(frozen=True, slots=True)
class Order:
    """Positions in the order asked for, of the first messages of `uids`."""

    uids: "array[int]"
    positions: "array[int]"


async def order_of_all(
    session: Session, selected: SelectedMailbox, searching: Searching, criteria: Sequence[Criterion], found: Candidates
) -> "array[int] | None":
    """The positions of all messages in order (and perhaps of some that the client does not know yet), if that is a
    good way to put those in order that were found."""
    view, uids, count = selected.view, searching.rows.uids, selected.count
    if not isinstance(uids, array) or uids is not view.uids or len(found) * _FEW < count:
        return None
    if any(one.key is SortKey.RELEVANCY for one in criteria):  # differs from search to search
        return None
    cache, key = view.cache, ("SORT", tuple(criteria))
    kept: Order | None = cache.get(key)
    made = kept and await _mended(session, selected, searching, criteria, kept)
    if made is None:
        if len(found) * 2 < count or count * _OCTETS > cache.max_octets:
            return None
        columns = await key_columns(session, selected, searching, criteria, range(count))
        made = Order(uids, array("I", await in_order(session, criteria, columns, count)))
    if made is not kept and view.uids is uids:
        cache.put(key, made, len(made.positions) * _OCTETS)
    return made.positions


def picked(order: "array[int]", found: Candidates) -> list[int]:
    """Those that were found, in the order of all."""
    if len(found) == len(order):
        return order.tolist()
    wanted = bytearray(len(order))
    if isinstance(found, range):
        wanted[found.start : found.stop] = b"\1" * len(found)
    else:
        for at in found:
            wanted[at] = 1
    return [at for at in order if wanted[at]]


async def _mended(
    session: Session, selected: SelectedMailbox, searching: Searching, criteria: Sequence[Criterion], kept: Order
) -> Order | None:
    """The order with those taken out that have gone, and those put in that have come; None when they are too many."""
    uids, count = searching.rows.uids, selected.count
    assert isinstance(uids, array)
    if kept.uids is not uids:
        gone = _gone(kept.uids, len(kept.positions), uids)
        if len(gone) * _MANY > len(kept.positions):
            return None
        kept = Order(uids, await _without(session, kept.positions, gone))
    new = range(len(kept.positions), count)
    if not new:
        return kept
    if len(new) * _MANY > count:
        return None
    try:
        places = await _places(session, selected, searching, criteria, kept.positions, new)
    except Expunged:  # what is compared of a message is not known any more: it can't be halved at
        return None
    order, start = kept.positions[:0], 0
    for place, _, at in sorted(places):
        order += kept.positions[start:place]
        order.append(at)
        start = place
    return Order(uids, order + kept.positions[start:])


async def _places(
    session: Session,
    selected: SelectedMailbox,
    searching: Searching,
    criteria: Sequence[Criterion],
    order: "array[int]",
    new: Sequence[int],
) -> list[tuple[int, Entry, int]]:
    """Before which place of the order each new message comes, what decides among several there, and its position."""

    async def keys_at(positions: Sequence[int]) -> list[Entry]:
        columns = await key_columns(session, selected, searching, criteria, positions, strict=True)
        return list(entries(criteria, columns, searching.uids(positions)))

    keys = await keys_at(new)
    spans = [(0, len(order))] * len(new)
    while middles := sorted({order[(low + high) // 2] for low, high in spans if low < high}):
        known = dict(zip(middles, await keys_at(middles), strict=True))
        for number, ((low, high), key) in enumerate(zip(spans, keys, strict=True)):
            if low < high:
                middle = (low + high) // 2
                spans[number] = (middle + 1, high) if known[order[middle]] < key else (low, middle)
    return [(low, key, at) for (low, _), key, at in zip(spans, keys, new, strict=True)]


def _gone(old: "array[int]", count: int, new: "array[int]") -> list[int]:
    """The positions among the first `count` of `old` that are not in `new`, which has only later ones beside the rest.

    Up to the first that has gone both are alike, which is found by halving; and so on from there.
    """
    left = bisect_right(new, old[count - 1]) if count else 0
    gone: list[int] = []
    low = 0
    while len(gone) < count - left:
        high, ahead = left, len(gone)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if new[middle] == old[middle + ahead] else (low, middle)
        gone.append(low + ahead)
    return gone


async def _without(session: Session, order: "array[int]", gone: Sequence[int]) -> "array[int]":
    """The order without these ascending positions; those behind them move up."""
    moved: list[int] = []  # by position
    start = 0
    for before, at in enumerate(gone):
        moved += range(start - before, at - before)
        moved.append(-1)
        start = at + 1
    moved += range(start - len(gone), len(order) - len(gone))
    left = array(order.typecode)
    for first in range(0, len(order), FACTS_AT_ONCE):
        await session.breathe()
        some = order[first : first + FACTS_AT_ONCE]
        left.extend([at for at in map(moved.__getitem__, some) if at >= 0])
    return left
