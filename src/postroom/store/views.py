"""The open views of one account, and how a committed change is folded into them.

Owns: the effects a change has on a view, the shared views and their counts of users, the \\Recent marks, the
subscribers. Never: reads a database (the loader is handed in), leaves the event loop. Raises: what the loader raises.
"""

import asyncio
import logging
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from sys import getrefcount

from .api import (
    SEEN,
    AnnotationsChanged,
    Change,
    FlagsChanged,
    GoneMessage,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    Subscriber,
    View,
)
from .books import Books, Box
from .idle_views import IdleViews
from .recent_changes import RecentChanges
from .view_cache import ViewCache

_COLUMNS = ("masks", "modseqs", "sizes", "dates", "content_ids", "uids")
_SPARSE = 8  # up to one message in so many is taken out by copying what lies between, beyond that one by one
_ALONE = getrefcount(array("L")) + 1  # references to an array that only its view has, as counted in _cut
_log = logging.getLogger("postroom.store")

Row = tuple[int, int, int, int, int, int]  # uid, mask, modseq, size, date, content_id: the arrays of a View, in order


@dataclass(slots=True)
class Added:
    mailbox_id: int
    rows: Sequence[Row]  # in uid order, all greater than any before
    change: MessagesAdded


@dataclass(slots=True)
class Masked:
    mailbox_id: int
    masks: Sequence[int]  # parallel to change.uids, which are in order
    change: FlagsChanged


@dataclass(slots=True)
class Gone:
    mailbox_id: int
    change: MessagesExpunged


@dataclass(slots=True)
class Mailboxes:
    change: MailboxesChanged


@dataclass(slots=True)
class Annotated:
    """Seen in no view."""

    change: AnnotationsChanged


Effect = Added | Masked | Gone | Mailboxes | Annotated


def added(box: Box, rows: Sequence[Row], modseq: int, origin: object) -> Added:
    """The effect of new messages."""
    uids = tuple([row[0] for row in rows])
    return Added(box.mailbox_id, rows, MessagesAdded(box.mailbox_id, uids, modseq, origin))


def gone(mailbox_id: int, rows: Sequence[Row], modseq: int, origin: object) -> Gone:
    """The effect of an expunge of these rows (as they were before it)."""
    messages = tuple(
        [GoneMessage(uid, mask, modseq, size, date, content) for uid, mask, _, size, date, content in rows]
    )
    return Gone(mailbox_id, MessagesExpunged(mailbox_id, messages, modseq, origin))


def event_of(kind: MailboxEventKind, box: Box, old_name: str = "") -> MailboxEvent:
    """What happened to a mailbox, as it is now."""
    return MailboxEvent(kind, box.mailbox_id, box.name, old_name)


def mailboxes_changed(
    books: Books, origin: object, events: Sequence[MailboxEvent], removed: tuple[int, ...] = ()
) -> Mailboxes:
    """The effect of the latest change, one of mailboxes."""
    return Mailboxes(MailboxesChanged(removed, books.modseq, origin, tuple(events)))


def append_rows(view: View, rows: Sequence[Row]) -> None:
    """Put rows behind the view's last. The uid goes last: who counts uids sees whole rows only."""
    if rows:
        append_columns(view, list(zip(*rows, strict=True)))


def append_columns(view: View, columns: Sequence[Sequence[int]]) -> None:
    """The same, a column at a time."""
    uids, masks, modseqs, sizes, dates, contents = columns
    view.masks.extend(masks)
    view.modseqs.extend(modseqs)
    view.sizes.extend(sizes)
    view.dates.extend(dates)
    view.content_ids.extend(contents)
    view.uids.extend(uids)


def set_masks(view: View, uids: Sequence[int], masks: Sequence[int], modseq: int) -> None:
    """New flags of some messages, in place."""
    if uids[0] < view.seen_below:
        unseen = (uid for uid, mask in zip(uids, masks, strict=True) if not mask & SEEN)
        view.seen_below = min(view.seen_below, next(unseen, view.seen_below))
    at = bisect_left(view.uids, uids[0])
    end = at + len(uids)
    if view.uids[at:end] == array("L", uids):  # one run: two copies of memory
        same = masks[0] == masks[-1] and masks.count(masks[0]) == len(masks)
        view.masks[at:end] = array("q", masks[:1]) * len(masks) if same else array("q", masks)
        view.modseqs[at:end] = array("q", [modseq]) * len(uids)
        return
    index = view.index
    for uid, mask in zip(uids, masks, strict=True):
        if (at := index(uid)) >= 0:
            view.masks[at] = mask
            view.modseqs[at] = modseq


def drop_rows(view: View, uids: Sequence[int]) -> None:
    """Take messages out. An array that anybody else has stays as it is, somebody's snapshot, and a new one follows."""
    if not uids:
        return
    first = bisect_left(view.uids, uids[0])
    end = first + len(uids)
    if view.uids[first:end] == array("L", uids):  # one run, as with one message or all
        for name in _COLUMNS:
            _cut(view, name, first, end)
        return
    places = [at for uid in uids if (at := view.index(uid)) >= 0]
    count = len(view.uids)
    if len(places) * _SPARSE <= count:
        starts, ends = [0, *[at + 1 for at in places]], [*places, count]

        def rest(column: "array[int]") -> "array[int]":
            kept = column[:0]
            for start, stop in zip(starts, ends, strict=True):
                kept += column[start:stop]
            return kept
    else:
        keep = bytearray(repeat(1, count))
        for at in places:
            keep[at] = 0

        def rest(column: "array[int]") -> "array[int]":
            return array(column.typecode, compress(column, keep))

    for name in _COLUMNS:
        setattr(view, name, rest(getattr(view, name)))


def _cut(view: View, name: str, first: int, end: int) -> None:
    """Take a run out of a column: a move of memory, after a copy only where somebody would see it."""
    alone = getrefcount(getattr(view, name)) <= _ALONE
    column: array[int] = getattr(view, name)
    if not alone:
        column = column[:]
        setattr(view, name, column)
    del column[first:end]


def fold(view: View, effect: Effect) -> None:
    """Bring a view from before a change to after it."""
    match effect:
        case Added(rows=rows, change=new):
            append_rows(view, rows)
            view.changes.add(new.modseq, new.uids)
        case Masked(masks=masks, change=change):
            if change.uids:
                set_masks(view, change.uids, masks, change.modseq)
                view.changes.add(change.modseq, change.uids)
        case Gone(change=expunged):
            drop_rows(view, [message.uid for message in expunged.gone])


class _Held:
    """A view somebody has, or is about to have."""

    __slots__ = ("late", "ready", "removed", "users", "view")

    def __init__(self, ready: "asyncio.Future[None]") -> None:
        self.users = 0
        self.view: View | None = None
        self.ready = ready
        self.removed = False  # its mailbox was deleted
        self.late: list[Effect] = []  # came while the view was being loaded


class OpenViews:
    """The views of one account. All methods run on the event loop."""

    def __init__(self, describe: Callable[[View], None], idle: IdleViews) -> None:
        self._describe = describe  # brings view.mailbox and view.keywords up to date
        self._idle = idle
        self._held: dict[int, _Held] = {}
        self._ended = False  # see forget_all_idle
        self._subscribers: list[Subscriber] = []
        self._recent: dict[int, tuple[int, int]] = {}  # mailbox: first uid nobody was told of, how many such there are
        self.claimed: dict[int, int] = {}  # marks that are not on disk yet

    def __len__(self) -> int:
        """How many somebody has."""
        return sum(held.users > 0 for held in self._held.values())

    # ---- views
    async def hold(self, mailbox_id: int, load: Callable[[View], Awaitable[int]], empty: Callable[[], View]) -> View:
        """The shared view; `load` fills a new one and returns the modseq it is of."""
        held = self._held.get(mailbox_id)
        if held is None:
            held = self._held[mailbox_id] = _Held(asyncio.get_running_loop().create_future())
            held.users += 1
            try:
                view = empty()
                modseq = await load(view)
            except BaseException as error:
                del self._held[mailbox_id]
                if isinstance(error, Exception):
                    held.ready.set_exception(error)
                    held.ready.exception()  # looked at: nobody need be waiting
                else:
                    held.ready.cancel()
                raise
            view.changes, view.cache = RecentChanges(modseq), ViewCache(self._idle.room)
            for effect in held.late:
                if effect.change.modseq > modseq:
                    fold(view, effect)
            held.late.clear()
            held.view = view
            self._describe(view)
            held.ready.set_result(None)
            return view
        if held.users <= 0 and held.view is not None:  # kept up to date all the while, but for its description
            self._idle.take(self, mailbox_id)
            self._describe(held.view)
        held.users += 1
        if held.view is None:
            try:
                await asyncio.shield(held.ready)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if held.ready.cancelled() and not (task and task.cancelling()):
                    return await self.hold(mailbox_id, load, empty)  # who loaded it was cancelled: load it ourselves
                held.users -= 1
                self._drop_unused(mailbox_id, held)
                raise
        view_now = held.view
        assert view_now is not None
        return view_now

    def current(self, mailbox_id: int) -> View | None:
        """The view, if there is one: as of the last change that was told."""
        held = self._held.get(mailbox_id)
        return None if held is None else held.view

    def release(self, view: View) -> None:
        mailbox_id = view.mailbox.mailbox_id
        held = self._held.get(mailbox_id)
        if held is not None and held.view is view:
            held.users -= 1
            self._drop_unused(mailbox_id, held)

    def _drop_unused(self, mailbox_id: int, held: _Held) -> None:
        if held.users <= 0 and self._held.get(mailbox_id) is held and held.view is not None:
            if held.removed or self._ended:
                self._let_go(mailbox_id)
            else:
                self._idle.keep(self, mailbox_id, len(held.view.uids))

    def forget_idle(self, mailbox_id: int) -> None:
        """Let a view go that nobody has."""
        held = self._held.get(mailbox_id)
        if held is not None and held.users <= 0:
            self._let_go(mailbox_id)

    def _let_go(self, mailbox_id: int) -> None:
        view = self._held.pop(mailbox_id).view
        if view is not None:
            view.cache.clear()

    def forget_all_idle(self) -> None:
        """The account is being closed, or deleted: what others still have goes when they give it back."""
        self._ended = True
        for mailbox_id, held in list(self._held.items()):
            if held.users <= 0:
                self._idle.take(self, mailbox_id)
                self._let_go(mailbox_id)

    def refresh(self, mailbox_id: int) -> None:
        """Describe a view again, when somebody has it."""
        held = self._held.get(mailbox_id)
        if held is not None and held.view is not None:
            self._describe(held.view)

    # ---- \Recent (RFC 3501 §2.3.2)
    def recall_recent(self, mailbox_id: int, first: int, count: int) -> None:
        """What the disk says about a mailbox when the account is opened."""
        self._recent[mailbox_id] = (first, count)

    def recent(self, mailbox_id: int) -> int:
        return self._recent.get(mailbox_id, (0, 0))[1]

    def claim_recent(self, mailbox_id: int, uid_next: int) -> tuple[int, int]:
        first, count = self._recent.get(mailbox_id, (1, 0))
        self._recent[mailbox_id] = (uid_next, 0)
        if first != uid_next:
            self.claimed[mailbox_id] = uid_next
        return (first if count else uid_next), uid_next

    # ---- the change feed
    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def publish(self, effect: Effect) -> None:
        """After the commit, in its order: fold, then tell."""
        change: Change = effect.change
        if isinstance(effect, Mailboxes):
            for held in self._held.values():
                if held.view is not None and held.users > 0:
                    self._describe(held.view)
            for mailbox_id in effect.change.removed:
                self._remove(mailbox_id)
                self._recent.pop(mailbox_id, None)
                self.claimed.pop(mailbox_id, None)
        elif isinstance(effect, Annotated):
            if effect.change.mailbox_id is not None:
                self.refresh(effect.change.mailbox_id)
        else:
            self._count_recent(effect)
            self._fold_in(effect)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(change)
            except Exception:  # the commit stands: one listener's bug must not reach the others or the caller
                _log.exception("a subscriber failed on %s", type(change).__name__)

    def _fold_in(self, effect: "Added | Masked | Gone") -> None:
        held = self._held.get(effect.mailbox_id)
        if held is None:
            return
        if held.view is None:
            held.late.append(effect)
        else:
            fold(held.view, effect)
            if held.users > 0:
                self._describe(held.view)
            else:
                self._idle.grown(self, effect.mailbox_id, len(held.view.uids))

    def _remove(self, mailbox_id: int) -> None:
        """Who looks at a deleted mailbox keeps what there was; nobody else gets to see it."""
        held = self._held.get(mailbox_id)
        if held is not None:
            held.removed = True
            if held.users <= 0:
                self._idle.take(self, mailbox_id)
                self._let_go(mailbox_id)

    def _count_recent(self, effect: Effect) -> None:
        if isinstance(effect, Added):
            first, count = self._recent.get(effect.mailbox_id, (1, 0))
            self._recent[effect.mailbox_id] = (first, count + len(effect.rows))
        elif isinstance(effect, Gone):
            first, count = self._recent.get(effect.mailbox_id, (1, 0))
            if count:
                lost = sum(message.uid >= first for message in effect.change.gone)
                self._recent[effect.mailbox_id] = (first, count - lost)
