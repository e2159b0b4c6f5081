"""What changes did, kept beside them for other processes that have the same account open.

Owns: the table feed and the form of its rows, how the books and the effects are had from them. Never: decides when to
look, holds back what is there. Raises: FeedGap when the rows don't reach back far enough, TooMuch, apsw.Error.

A row is written with each change, in its transaction, where several processes take part. It names the modseq it begins
at and the one it ends at, so a row that is missing (pruned, or never written) shows. What messages and mailboxes have
become stands in their own tables and is read there; a row says what happened and to which.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import apsw
import msgspec

from postroom.store.api import (
    AnnotationsChanged,
    FlagsChanged,
    GoneMessage,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    StoreFailure,
    View,
)
from postroom.store.books import Books
from postroom.store.settings import StoreSettings
from postroom.store.views import Added, Annotated, Claimed, Effect, Gone, Mailboxes, Masked

from . import ledger
from .query import fetch

_ADDED, _MASKED, _GONE, _MAILBOXES, _ANNOTATED, _CLAIMED = range(6)
_PRUNED_TOGETHER = 64  # changes, so that not every commit has one more page to write
_TOO_LARGE = b""  # in place of a change: who was not there looks at all there is
_MANY_BOXES = 64  # changed mailboxes that are too much to look up on the event loop
_INSERT = "INSERT INTO feed VALUES (?, ?, ?)"
_PRUNE = "DELETE FROM feed WHERE modseq <= ?"
_MODSEQ = "SELECT modseq FROM account"
_CHAIN = "SELECT modseq, before, length(data) FROM feed WHERE modseq > ? ORDER BY modseq"
_DATA = "SELECT data FROM feed WHERE modseq > ? ORDER BY modseq"

# How a change is written down: the mailboxes whose books it touched, whether it touched the subscriptions, its effects
Record = tuple[list[int], bool, list[list[Any]]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class FeedGap(Exception):
    """The rows don't reach back to what is known."""


class TooMuch(Exception):
    """It would keep the event loop."""


@dataclass(slots=True)
class News:
    """What others have done."""

    books: Books
    records: list[Record]


# ---- writing
def record(
    db: apsw.Connection,
    old: Books,
    new: Books,
    touched: Iterable[int],
    effects: Sequence[Effect],
    settings: StoreSettings,
) -> None:
    """Write down a change, the step from one state of the books to the next."""
    boxes = set(touched)
    for effect in effects:
        if isinstance(effect, Mailboxes):
            boxes.update(effect.change.removed)
    subscriptions = old.subscriptions is not new.subscriptions
    octets = _encode((sorted(boxes), subscriptions, list(map(_plain, effects))))
    if len(octets) > settings.max_feed_change_octets:
        octets = _TOO_LARGE
    db.execute(_INSERT, (new.modseq, old.modseq, octets))
    if old.modseq // _PRUNED_TOGETHER != new.modseq // _PRUNED_TOGETHER:
        db.execute(_PRUNE, (new.modseq - settings.max_feed_changes,))


def _plain(effect: Effect) -> list[Any]:
    match effect:
        case Added(mailbox_id, rows, change):
            _, masks, _, sizes, dates, contents = zip(*rows, strict=True)
            columns = [_column(column) for column in (masks, sizes, dates, contents)]
            return [_ADDED, mailbox_id, change.modseq, _runs(change.uids), *columns]
        case Masked(mailbox_id, masks, change):
            return [_MASKED, mailbox_id, change.modseq, _runs(change.uids), _column(masks), change.touched]
        case Gone(mailbox_id, change):  # what they were, who has the view knows
            return [_GONE, mailbox_id, change.modseq, _runs([message.uid for message in change.gone])]
        case Mailboxes(change):
            events = [(event.kind.value, event.mailbox_id, event.name, event.old_name) for event in change.events]
            return [_MAILBOXES, change.modseq, change.removed, events]
        case Annotated(change):
            return [_ANNOTATED, change.modseq, change.mailbox_id, change.owner, change.entries]
        case Claimed(mailbox_id, uid_next):
            return [_CLAIMED, mailbox_id, uid_next]


def _runs(uids: Sequence[int]) -> list[int]:
    """First uid and length of each run, one behind the other."""
    if not uids:
        return []
    if uids[-1] - uids[0] == len(uids) - 1:
        return [uids[0], len(uids)]
    found: list[int] = []
    start = following = uids[0]
    for uid in uids:
        if uid != following:
            found += (start, following - start)
            start = uid
        following = uid + 1
    found += (start, following - start)
    return found


def _uids(runs: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        chain.from_iterable(range(first, first + count) for first, count in zip(*[iter(runs)] * 2, strict=True))
    )


def _column(values: Sequence[int]) -> int | list[int]:
    """One number where all are the same."""
    if values and values.count(values[0]) == len(values):
        return values[0]
    return list(values)


def _values(column: int | list[int], count: int) -> Iterable[int]:
    return repeat(column, count) if isinstance(column, int) else column


# ---- reading
def news(db: apsw.Connection, known: Books, limit: int | None) -> News | None:
    """What others have done since the books were as they are known; None for nothing. At most `limit` octets of it."""
    if fetch(db, _MODSEQ)[0][0] == known.modseq:
        return None
    db.execute("BEGIN")
    try:
        modseq = fetch(db, _MODSEQ)[0][0]
        if modseq < known.modseq:
            raise StoreFailure(f"{db.filename} has gone back to an earlier state")
        rows = fetch(db, _CHAIN, (known.modseq,))
        reached = known.modseq
        for end, before, octets in rows:
            if before != reached or not octets:
                raise FeedGap
            reached = end
        if reached != modseq:
            raise FeedGap
        if limit is not None and sum(row[2] for row in rows) > limit:
            raise TooMuch
        records = [_decode(data) for (data,) in fetch(db, _DATA, (known.modseq,))]
        touched = {mailbox_id for boxes, _, _ in records for mailbox_id in boxes}
        if limit is not None and len(touched) > _MANY_BOXES:
            raise TooMuch
        subscriptions = any(changed for _, changed, _ in records)
        return News(ledger.follow(db, known, touched, subscriptions=subscriptions), records)
    finally:
        db.execute("ROLLBACK")


def effects_of(record: Record, view_of: Callable[[int], View | None]) -> Iterator[Effect]:
    """The effects of a change, each made when those before it have been folded into the views."""
    for kind, *values in record[2]:
        if kind == _ADDED:
            yield _added(*values)
        elif kind == _MASKED:
            mailbox_id, modseq, runs, masks, touched = values
            uids = _uids(runs)
            change = FlagsChanged(mailbox_id, uids, modseq, None, touched)
            yield Masked(mailbox_id, tuple(_values(masks, len(uids))), change)
        elif kind == _GONE:
            mailbox_id, modseq, runs = values
            yield Gone(mailbox_id, _expunged(mailbox_id, _uids(runs), modseq, view_of(mailbox_id)))
        elif kind == _MAILBOXES:
            modseq, removed, events = values
            told = tuple([MailboxEvent(MailboxEventKind(event[0]), *event[1:]) for event in events])
            yield Mailboxes(MailboxesChanged(tuple(removed), modseq, None, told))
        elif kind == _ANNOTATED:
            modseq, box, owner, entries = values
            yield Annotated(AnnotationsChanged(box, owner, tuple(entries), modseq, None))
        else:
            yield Claimed(*values)


def _added(mailbox_id: int, modseq: int, runs: list[int], *columns: int | list[int]) -> Added:
    uids = _uids(runs)
    masks, sizes, dates, contents = [_values(column, len(uids)) for column in columns]
    rows = list(zip(uids, masks, repeat(modseq, len(uids)), sizes, dates, contents, strict=True))
    return Added(mailbox_id, rows, MessagesAdded(mailbox_id, uids, modseq, None))


def _expunged(mailbox_id: int, uids: Sequence[int], modseq: int, view: View | None) -> MessagesExpunged:
    return MessagesExpunged(mailbox_id, gone_from(view, uids, modseq), modseq, None)


def gone_from(view: View | None, uids: Iterable[int], modseq: int) -> tuple[GoneMessage, ...]:
    """What these messages are in a view; of one that it does not have nobody has anything."""
    found: list[GoneMessage] = []
    for uid in uids:
        if view is not None and (at := view.index(uid)) >= 0:
            found.append(GoneMessage(uid, view.masks[at], modseq, view.sizes[at], view.dates[at], view.content_ids[at]))
        else:
            found.append(GoneMessage(uid, 0, modseq, 0, 0, 0))
    return tuple(found)
