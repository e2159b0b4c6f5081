"""Results that the server keeps up to date for its client: RETURN (UPDATE) of SEARCH and SORT (RFC 5267 §4.3).

Owns: the contexts of one selected mailbox; which of its changes touch them; ADDTO and REMOVEFROM, and when they are
said. Never: finds or sorts (searching.py and ordering.py do). Raises: Refused, StoreError.

A context holds the result as the client knows it. Of what happens only the changed, new and expunged messages are
looked at again. A message that is expunged leaves at once, before the EXPUNGE itself, while its number is still good
(§4.3.4). All else is asked of the mailbox as the client sees it after EXPUNGE, EXISTS and FETCH, when new numbers are
good already (§4.3.3). `lock` keeps the view from moving in between: who calls take_updates while there are contexts
holds it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from postroom.base import MailError
from postroom.imap import encode
from postroom.imap.contexts import Entry, Followed, FollowedSearch, FollowedSort, update_line
from postroom.imap.search_parser import keys_within, mentions
from postroom.imap.sorting import CancelUpdate, Criterion
from postroom.imap.types import And, FetchItem, Fuzzy, HasFlag, InSet, ModSeq, Not, Or, SearchKey, SeqSet
from postroom.store.api import Change, FlagsChanged, MessagesExpunged

from .fetch import send_items
from .ordering import entries, key_columns
from .refusal import Refused, bad, no
from .searching import Searching
from .selected import SelectedMailbox
from .session import Session

_log = logging.getLogger("postroom.imap")
_MAX_UID = 2**32


@dataclass(slots=True)
class Context:
    """One result that is kept up to date."""

    tag: bytes
    uid: bool
    key: SearchKey
    criteria: tuple[Criterion, ...] = ()  # of SORT
    items: tuple[FetchItem, ...] = ()  # told of new messages (RFC 5465 §7)
    followed: Followed = field(default_factory=lambda: FollowedSearch(()))

    @property
    def heeds_flags(self) -> bool:
        """Whether a change of flags can change the result."""
        return mentions(self.key, HasFlag) or mentions(self.key, ModSeq)

    def heeds_others(self, last_uid: int) -> bool:
        """Whether a message's being found depends on which others there are, when `last_uid` or a higher one is the
        last. It does not with 5:*, as long as there is a message 5 or a later one (RFC 3501 §6.4.8)."""
        return _names_last(self.key, last_uid)


class Contexts:
    """Those of one session, while one mailbox is selected."""

    def __init__(self, session: Session, selected: SelectedMailbox) -> None:
        self.lock = asyncio.Lock()
        self._session = session
        self._selected = selected
        self._contexts: dict[bytes, Context] = {}
        self._changed: set[int] = set()  # uids whose flags may be others than when they were last looked at
        self._gone: set[int] = set()  # uids that were expunged and may be in results yet
        self._moved = False  # something was expunged since all was last looked at
        self._last_uid = 0  # the last one that was looked at
        self._top = 0  # the highest that was there then
        self.fetched: set[int] = set()  # uids of new messages of which `catch_up` has sent FETCH
        selected.account.subscribe_changes(self._hear)

    def close(self) -> None:
        """The mailbox is not selected any more: updates cease (RFC 5267 §4.3)."""
        self._selected.account.unsubscribe_changes(self._hear)
        self._contexts.clear()

    def _hear(self, change: Change) -> None:
        if isinstance(change, FlagsChanged):
            if change.mailbox_id == self._selected.mailbox_id:
                self._changed.update(change.uids)
        elif isinstance(change, MessagesExpunged) and change.mailbox_id == self._selected.mailbox_id:
            self._gone.update([message.uid for message in change.gone])
            self._moved = True

    @property
    def has_news(self) -> bool:
        """Whether something has happened that results may not show yet."""
        if not self._contexts:
            return False
        return bool(self._gone or self._changed or self._last_uid < self._selected.last_uid or self.lock.locked())

    # ---- beginning and end

    @asynccontextmanager
    async def begin(
        self, key: SearchKey, *, uid: bool, criteria: Sequence[Criterion] = (), items: Sequence[FetchItem] = ()
    ) -> AsyncIterator[Context]:
        """A context for the search that is carried out meanwhile; `follow` begins its updates.

        What happens while it is carried out is looked at again afterwards.
        """
        tag = self._session.tag
        async with self.lock:
            if tag in self._contexts:  # RFC 5267 §4.3
                raise bad(b"Tag reuse")
            if not self._contexts:
                self._changed.clear()
                self._gone.clear()
                self._last_uid = self._selected.last_uid
                self._top = self._top_now()
            self._gone.update(self._selected.unsaid_gone)
            yield Context(tag, uid, self._freeze(key), tuple(criteria), tuple(items))

    def may_follow(self, context: Context, messages: int) -> bool:
        """Whether a result with so many messages can be kept up to date; the client is told when not."""
        messages += sum(len(one.followed) for one in self._contexts.values())
        settings = self._session.settings
        if not self._contexts or (  # RFC 5267 §4.3.1: one at least, always
            len(self._contexts) < settings.max_contexts and messages <= settings.max_context_messages
        ):
            return True
        self._session.send(encode.untagged(b"NO", "Too many contexts", b'NOUPDATE "%b"' % context.tag))
        return False

    def follow(self, context: Context, followed: Followed) -> None:
        """Keep a result up to date from now on."""
        context.followed = followed
        self._contexts[context.tag] = context

    def cancel(self, tags: Iterable[bytes]) -> None:
        """RFC 5267 §4.3.5; a tag without a context is none that anything would be said of."""
        for tag in tags:
            self._contexts.pop(tag, None)

    def _freeze(self, key: SearchKey, room: list[int] | None = None) -> SearchKey:
        """Numbers and "$" name what they name now (RFC 5267 §4.3): as ranges of uids, all together so many as "$"."""
        room = [self._session.settings.max_saved_result_ranges] if room is None else room
        match key:
            case InSet(seqset, uid) if not uid or seqset.saved:
                ranges = self._selected.uid_ranges(self._selected.resolve(seqset, uid=uid, lenient=True))
                room[0] -= len(ranges.ranges)
                if room[0] < 0:
                    raise no(b"LIMIT", b"The search names too many ranges to be kept up to date")
                return InSet(ranges, uid=True)
            case And(keys):
                return And(tuple([self._freeze(one, room) for one in keys]))
            case Or(left, right):
                return Or(self._freeze(left, room), self._freeze(right, room))
            case Not(inner):
                return Not(self._freeze(inner, room))
            case Fuzzy(inner):
                return Fuzzy(self._freeze(inner, room))
        return key

    # ---- updates

    def _top_now(self) -> int:
        uids = self._selected.known_uids()
        return uids[-1] if uids else 0

    def removals(self) -> bytes:
        """What to say before EXPUNGE: the expunged leave the results (RFC 5267 §4.3.4)."""
        if not self._gone:
            return b""
        gone, self._gone = self._gone, set()
        self._changed -= gone
        out: list[bytes] = []
        for context in self._told():
            pairs = context.followed.remove(gone)
            out.append(update_line(context.tag, b"REMOVEFROM", pairs, self._namer(context)))
        return b"".join(out)

    async def catch_up(self) -> bytes:
        """What to say after EXISTS and FETCH: the results with the changed and new messages looked at again.

        The FETCH responses that a context wants of new messages are sent at once, for they come before (RFC 5465 §7).
        """
        selected = self._selected
        self.fetched.clear()
        changed, first, last = self._changed, self._last_uid + 1, selected.last_uid
        if not self._contexts or not (changed or first <= last or self._moved):
            return b""
        self._changed = set()
        self._last_uid = last
        self._moved = bool(selected.unsaid_gone)  # then again when the client knows
        top, self._top = self._top, self._top_now()
        lowest = min(top, self._top)
        if not changed and first > last and not any(one.heeds_others(lowest) for one in self._contexts.values()):
            return b""
        some = _Looking(self._session, selected, changed, (first, last), lowest)
        looked: list[tuple[Context, tuple[set[int], list[Entry]]]] = []
        try:
            for context in self._told():
                looked.append((context, await some.look(context)))
                await self._session.breathe()
        except (MailError, Refused) as error:
            _log.warning("%s: contexts not updated: %s", self._session.peer, error)
            self._changed |= changed
            self._last_uid, self._top, self._moved = first - 1, top, True
            return b""
        if any(context.items for context, _ in looked):
            await self._fetch_new(looked, first)
        return b"".join([self._update(context, *found) for context, found in looked])

    async def _fetch_new(self, looked: "Iterable[tuple[Context, tuple[set[int], list[Entry]]]]", first: int) -> None:
        """One FETCH a message, with all that its contexts and NOTIFY ask for (RFC 5465 §5.2)."""
        session, selected = self._session, self._selected
        wanted: dict[int, dict[FetchItem, None]] = {}
        for context, (_, into) in looked:
            for entry in into:
                if entry[-1] >= first and context.items:
                    wanted.setdefault(entry[-1], {}).update(dict.fromkeys(context.items))
        for start, stop in selected.arrived(first - 1):
            for uid in selected.uids_of([(start, stop)]):
                if (items := wanted.get(uid)) is not None:
                    self.fetched.add(uid)
                    if session.notified is not None:
                        items.update(dict.fromkeys(session.notified.items))
                    at = selected.position(uid)
                    await send_items(session, selected, tuple(items), [(at, at + 1)])

    def _told(self) -> list[Context]:
        """Those whose client can read their numbers (RFC 9586)."""
        return [context for context in self._contexts.values() if context.uid or not self._selected.uid_only]

    def _update(self, context: Context, out: set[int], into: list[Entry]) -> bytes:
        if self._contexts.get(context.tag) is not context:
            return b""
        there = self._selected.view.index  # not what was expunged while it was looked at
        namer = self._namer(context)
        line = update_line(context.tag, b"REMOVEFROM", context.followed.remove(out), namer)
        into = [entry for entry in into if there(entry[-1]) >= 0]
        if isinstance(context.followed, FollowedSort):
            pairs = context.followed.add(into)
        else:
            pairs = context.followed.add([uid for (uid,) in into])
        return line + update_line(context.tag, b"ADDTO", pairs, namer)

    def _namer(self, context: Context) -> Callable[[int], int] | None:
        if context.uid:
            return None
        position = self._selected.position
        return lambda uid: position(uid) + 1


class _Looking:
    """Looks at messages again, for one context after the other."""

    def __init__(
        self, session: Session, selected: SelectedMailbox, changed: set[int], new: tuple[int, int], top: int
    ) -> None:
        """`new`: the first and the last uid that have come. `top`: there is this one or a higher, as there was."""
        self._session = session
        self._selected = selected
        self._top = top
        self._searching = Searching(session, selected)
        spans = selected.resolve(SeqSet((new,)), uid=True) if new[0] <= new[1] else []
        self._new = [at for start, stop in spans for at in range(start, stop)]
        uids, there = self._searching.rows.uids, selected.view.index
        if len(changed) * 8 < selected.count:
            known = {selected.position(uid) for uid in changed if there(uid) >= 0} - {-1}
        else:
            known = {at for at in range(selected.count) if uids[at] in changed}
        self._changed = sorted(known.union(self._new))

    async def look(self, context: Context) -> tuple[set[int], list[Entry]]:
        """The uids that leave the result, and the entries that come into it."""
        uids, followed = self._searching.rows.uids, context.followed
        candidates: Sequence[int] = self._new
        everything = context.heeds_others(self._top)
        if everything:
            candidates = range(self._selected.count)
        elif context.heeds_flags:
            candidates = self._changed
        found = await self._searching.find(context.key, candidates)
        matching = {uids[at] for at in found}
        looked_at = followed.members() if everything else [uids[at] for at in candidates]
        out = {uid for uid in looked_at if uid not in matching and uid in followed}
        into = [at for at in found if uids[at] not in followed]
        if not context.criteria or not into:
            return out, [(uids[at],) for at in into]
        columns = await key_columns(self._session, self._selected, self._searching, context.criteria, into)
        return out, list(entries(context.criteria, columns, [uids[at] for at in into]))


def _names_last(key: SearchKey, last_uid: int) -> bool:
    """Whether there is a set in which "*" stands for the last message, and not for all that come."""
    return any(
        None in bounds and (bounds[0] or bounds[1] or _MAX_UID) > last_uid
        for one in keys_within(key)
        if isinstance(one, InSet)
        for bounds in one.seqset.ranges
    )


def contexts_of(session: Session) -> Contexts:
    """The session's contexts; there are none before the first is asked for."""
    if session.contexts is None:
        session.contexts = Contexts(session, session.mailbox)
    return session.contexts


async def cancel_update(session: Session, command: CancelUpdate) -> bytes:
    """CANCELUPDATE (RFC 5267 §4.3.5)"""
    if session.contexts is not None:
        session.contexts.cancel(command.tags)
    return b"OK No further updates"
