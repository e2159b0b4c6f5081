"""NOTIFY (RFC 5465): the client is told of what happens in the mailboxes it names, whenever that is.

Owns: the command, what is watched, what is news of mailboxes that are not selected. Never: keeps more than one note for
each mailbox, or sends by itself (pushing.py and the session do). Raises: Refused, StoreError.

What the change feed says is only noted; responses are made when they can be sent, from what is true by then. So a
client that reads slowly is told less often, and memory is bounded by the number of mailboxes.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial

from postroom.imap import encode
from postroom.imap.list_match import DELIMITER, parents
from postroom.imap.mailbox_filter import OF_SELECTED, MailboxFilter, Scope, covers
from postroom.imap.metadata import metadata_changed
from postroom.imap.notify import MESSAGE_EVENTS, EventGroup, Notify, NotifyEvent
from postroom.imap.types import FetchItem
from postroom.store.annotations import EVERYBODY
from postroom.store.api import (
    Account,
    AnnotationsChanged,
    BadMailboxName,
    Change,
    FlagsChanged,
    Mailbox,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    NoSuchAccount,
    NoSuchMailbox,
)
from postroom.store.names import INBOX

from .fetch import send_items
from .filters import Covered, covered
from .places import is_account, is_foreign, owner_of
from .pushing import Pusher
from .refusal import Refused, no
from .rights import NEEDED, effective, meets
from .selected import SelectedMailbox
from .session import Session

Key = tuple[int, int]  # account, mailbox
_OVERFLOW = b"NOTIFICATIONOVERFLOW"
_SERVER: Key = (0, 0)  # no mailbox: the server's own annotations (RFC 5464 §4.4.2)
_OF_MESSAGES = {
    MessagesAdded: NotifyEvent.MESSAGE_NEW,
    MessagesExpunged: NotifyEvent.MESSAGE_EXPUNGE,
    FlagsChanged: NotifyEvent.FLAG_CHANGE,
}
_SUBSCRIPTIONS = (MailboxEventKind.SUBSCRIBED, MailboxEventKind.UNSUBSCRIBED)


async def notify(session: Session, command: Notify) -> bytes:
    """NOTIFY SET and NOTIFY NONE (RFC 5465 §3.1). What can't be watched leaves everything as it was."""
    news, before = Notification(session, command.groups), session.notified
    try:
        await news.start()
        if command.groups and session.selected is not None and not session.selected.lost:
            session.notified = None  # §3.1: an implicit NOOP, whatever is wanted from now on
            await session.tell_updates(session.selected, expunge=True)
        await session.emit(await news.refused_names())
        if command.status:
            await session.emit(news.statuses())
    except BaseException:
        news.close()
        session.notified = before
        raise
    for watcher in session.watchers:
        if isinstance(watcher, Notification):
            watcher.close()
    session.watchers = [watcher for watcher in session.watchers if not isinstance(watcher, Notification)]
    session.watchers.append(news)
    session.notified = news
    session.pusher = Pusher(session, idle=False)
    return b"OK NOTIFY completed"


@dataclass(slots=True)
class _Watched:
    """A mailbox that is watched, under the name the client knows it by."""

    name: str
    mailbox: Mailbox  # as it was when the client was told last
    events: set[NotifyEvent]


@dataclass(slots=True)
class _Feed:
    """An account whose changes are heard."""

    account: Account
    hear: Callable[[Change], None]
    prefix: str  # what the client puts before its names
    own: bool


class Notification:
    """session.Watcher and session.Notified: one NOTIFY while it lasts."""

    def __init__(self, session: Session, groups: Sequence[EventGroup]) -> None:
        self.on_news: Callable[[], None] | None = None
        self._session = session
        self._groups = [group for group in groups if group.mailboxes.scope not in OF_SELECTED and group.events]
        selected = next((group for group in groups if group.mailboxes.scope in OF_SELECTED), None)
        events = selected.events if selected is not None else frozenset()
        self.messages = NotifyEvent.MESSAGE_NEW in events
        self.flags = NotifyEvent.FLAG_CHANGE in events
        self.expunge_at_once = selected is not None and selected.mailboxes.scope is Scope.SELECTED  # §6.1
        self.items: Sequence[FetchItem] = selected.items if selected is not None else ()
        self._wanted = frozenset[NotifyEvent]().union(*(group.events for group in self._groups))
        self._feeds: dict[int, _Feed] = {}
        self._watched: dict[Key, _Watched] = {}
        self._validities: dict[str, int] = {}  # UIDVALIDITY by the names that are, or were, watched for FlagChange
        self._subscribed: set[str] = set()
        self._stale = False  # mailboxes have come, gone, changed their names: look again what is watched
        # The news
        self._stirred: dict[Key, set[NotifyEvent]] = {}
        self._names: dict[str, str] = {}  # to be listed, with their old names
        self._known: set[str] = set()  # of those that are others': what the client could see when it happened
        self._granted: set[str] = set()  # of those: what nothing happened to but that rights were given or taken
        self._above: dict[str, set[str]] = {}  # of those: what was listed for the sake of these below it only
        self._annotated: dict[Key, dict[str, None]] = {}
        self._overflown = False

    # ---- what is watched

    async def start(self) -> None:
        """Begin to hear. Raises Refused where that is too much."""
        if not self._groups:
            return
        self._listen(self._session.account, "", own=True)
        await self._listen_to_others()
        if NotifyEvent.SERVER_METADATA_CHANGE in self._wanted:
            self._session.service.note_watchers.add(self._hear_notes)
        await self._look()
        if self._overflown:
            raise no(_OVERFLOW, b"Too many mailboxes to watch")

    def close(self) -> None:
        """Hear nothing more."""
        self._session.service.note_watchers.discard(self._hear_notes)
        for feed in self._feeds.values():
            feed.account.unsubscribe_changes(feed.hear)
            if not feed.own:
                feed.account.close()
        self._feeds.clear()

    def _listen(self, account: Account, prefix: str, *, own: bool) -> None:
        feed = _Feed(account, partial(self._hear, account.account_id), prefix, own)
        self._feeds[account.account_id] = feed
        account.subscribe_changes(feed.hear)

    async def _listen_to_others(self) -> None:
        """Hear of accounts that names lead to, whatever may be seen there now: rights can be given later (§5.9)."""
        session = self._session
        names = {name for group in self._groups for name in group.mailboxes.mailboxes}
        if any(group.mailboxes.scope is Scope.SUBSCRIBED for group in self._groups):
            names.update(await session.account.subscriptions())
        for name in names:
            if not is_foreign(name):
                continue
            if is_account(name):  # the whole tree of one account, which its INBOX stands for
                name = f"{name}{DELIMITER}{INBOX}"
            try:
                person, rest = await owner_of(session, name)
                if person.account_id in self._feeds:
                    continue
                if len(self._feeds) > session.settings.max_notify_accounts:
                    raise no(_OVERFLOW, b"Too many accounts to watch")
                account = await session.service.store.open(person.account_id)
            except (NoSuchMailbox, NoSuchAccount):
                continue
            self._listen(account, name.removesuffix(rest), own=False)

    def _may_watch(self, one: Covered) -> bool:
        """§5: "l" and "r"."""
        session = self._session
        if one.account.account_id == session.account.account_id:
            return True
        return meets(effective(one.mailbox.acl, session.address), NEEDED[b"NOTIFY"])

    async def _look(self) -> None:
        """Which mailboxes the groups cover now."""
        session, most = self._session, self._session.settings.max_notify_mailboxes
        self._stale = False
        self._subscribed = set(await session.account.subscriptions())
        before, found = self._watched, dict[Key, _Watched]()
        for group in self._groups:
            for one in await covered(session, [group.mailboxes]):
                key = one.account.account_id, one.mailbox.mailbox_id
                if key[0] not in self._feeds or not self._may_watch(one):
                    continue
                if key not in found:
                    told = before[key].mailbox if key in before else one.mailbox
                    found[key] = _Watched(one.name, told, set())
                found[key].events |= group.events
            if len(found) > most:
                self._overflown = True
                return
        self._watched = found
        self._compare_validities()

    def _compare_validities(self) -> None:
        """§5.1: another mailbox with the name of one that was watched is news."""
        if len(self._validities) > 2 * self._session.settings.max_notify_mailboxes:
            self._validities.clear()
        for key, watched in self._watched.items():
            if NotifyEvent.FLAG_CHANGE in watched.events:
                now = watched.mailbox.uid_validity
                if self._validities.setdefault(watched.name, now) != now:
                    self._validities[watched.name] = now
                    self._stirred[key] = set(MESSAGE_EVENTS)

    def _wants(self, event: NotifyEvent, name: str, own: bool) -> bool:
        return event in self._wanted and any(
            event in group.events and self._covers(group.mailboxes, name, own) for group in self._groups
        )

    def _covers(self, one: MailboxFilter, name: str, own: bool) -> bool:
        if not own and one.scope in (Scope.PERSONAL, Scope.INBOXES):
            return False
        return covers(one, name, self._subscribed)

    # ---- what happens

    def _hear(self, account_id: int, change: Change) -> None:
        session = self._session
        mine = change.origin is session or (session.selected is not None and change.origin is session.selected)
        if isinstance(change, MailboxesChanged):
            self._stale = True
            self._hear_mailboxes(self._feeds[account_id], change, mine)
        elif mine:  # §5: no need to tell a client what it has done
            return
        elif isinstance(change, AnnotationsChanged):
            self._hear_annotations(account_id, change)
        else:
            key, event = (account_id, change.mailbox_id), _OF_MESSAGES[type(change)]
            if self._is_selected(key):
                return
            watched = self._watched.get(key)
            if not self._stale and (watched is None or event not in watched.events):
                return
            self._stirred.setdefault(key, set()).add(event)
        self._note()

    def _note(self) -> None:
        waiting = len(self._stirred) + len(self._names) + sum(map(len, self._annotated.values()))
        if waiting > self._session.settings.max_notifications:
            self._overflown = True
        if self.has_news and self.on_news is not None:
            self.on_news()

    def _is_selected(self, key: Key) -> bool:
        selected = self._session.selected
        return selected is not None and key == (selected.account.account_id, selected.mailbox_id)

    def _hear_mailboxes(self, feed: _Feed, change: MailboxesChanged, mine: bool) -> None:
        renamed = {event.old_name for event in change.events if event.kind is MailboxEventKind.RENAMED}
        for event in change.events:
            if event.kind in _SUBSCRIPTIONS:
                self._hear_subscription(feed, event, mine)
            elif mine:
                continue
            elif event.kind is not MailboxEventKind.RENAMED:
                # §5.4: of a mailbox that comes or goes its parent is affected too, and what may be seen comes and goes
                above = event.name.rpartition(DELIMITER)[0]
                if event.kind is not MailboxEventKind.ACL:
                    self._affect(feed, event.name, above)
                    if event.old_name and (name := feed.prefix + event.name) in self._names:
                        self._names[name] = feed.prefix + event.old_name  # INBOX was renamed, and is there again
                elif not feed.own and ((name := feed.prefix + event.name) not in self._names or name in self._above):
                    self._affect(feed, event.name)
                    self._granted.add(name)
            elif parents((event.old_name,)).isdisjoint(renamed):  # §5.4: children need no response of their own
                self._rename(feed, event)

    def _affect(self, feed: _Feed, inner: str, above: str = "") -> None:
        name, parent = feed.prefix + inner, feed.prefix + above
        wants_name = self._wants(NotifyEvent.MAILBOX_NAME, name, feed.own)
        if wants_name:
            self._list(feed, name)
        if not above or not self._wants(NotifyEvent.MAILBOX_NAME, parent, feed.own):
            return
        if feed.own:
            self._list(feed, parent)
        elif wants_name and (parent in self._above or parent not in self._names):
            self._above.setdefault(parent, set()).add(name)
            self._names.setdefault(parent, "")

    def _list(self, feed: _Feed, name: str, old: str = "") -> None:
        self._names[name] = old or self._names.pop(name, "")
        self._granted.discard(name)
        self._above.pop(name, None)
        if not feed.own and any(one.name in (name, old) for one in self._watched.values()):
            self._known.add(name)

    def _rename(self, feed: _Feed, event: MailboxEvent) -> None:
        old, new = feed.prefix + event.old_name, feed.prefix + event.name
        if any(self._wants(NotifyEvent.MAILBOX_NAME, name, feed.own) for name in (old, new)):
            # Renamed again before the client was told: it knows only the first name
            self._list(feed, new, self._names.pop(old, "") or old)

    def _hear_subscription(self, feed: _Feed, event: MailboxEvent, mine: bool) -> None:
        if not feed.own:
            return  # they are the other person's
        on = event.kind is MailboxEventKind.SUBSCRIBED
        if on:
            self._subscribed.add(event.name)
        if not mine and self._wants(NotifyEvent.SUBSCRIPTION_CHANGE, event.name, own=True):
            self._list(feed, event.name)
        if not on:
            self._subscribed.discard(event.name)

    def _hear_annotations(self, account_id: int, change: AnnotationsChanged) -> None:
        session = self._session
        if change.owner not in (EVERYBODY, session.account.account_id):
            return
        if change.mailbox_id is None:
            if account_id == session.account.account_id:
                self._hear_notes(change.entries, change.origin)
            return
        watched = self._watched.get((account_id, change.mailbox_id))
        if watched is None or NotifyEvent.MAILBOX_METADATA_CHANGE not in watched.events:
            return
        if b"METADATA" not in session.enabled:  # else metadata_news.py tells it anyway
            self._annotated.setdefault((account_id, change.mailbox_id), {}).update(dict.fromkeys(change.entries))

    def _hear_notes(self, entries: Sequence[str], origin: object) -> None:
        """The server's annotations: its own and the account's."""
        session = self._session
        if origin is session or session.enabled & {b"METADATA", b"METADATA-SERVER"}:
            return
        if NotifyEvent.SERVER_METADATA_CHANGE in self._wanted:
            self._annotated.setdefault(_SERVER, {}).update(dict.fromkeys(entries))
            self._note()

    # ---- what the client is told

    @property
    def has_news(self) -> bool:
        stale = self._stale and NotifyEvent.FLAG_CHANGE in self._wanted  # see _compare_validities
        return bool(self._overflown or self._stirred or self._names or self._annotated or stale)

    async def take_news(self) -> bytes:
        """LIST, STATUS and METADATA responses; the end of it all when there is too much to tell."""
        if self._stale and not self._overflown:
            await self._look()
        if self._overflown:
            return self._give_up()
        stirred, self._stirred = self._stirred, {}
        annotated, self._annotated = self._annotated, {}
        name_of = self._session.mailbox_name
        lines = await self._lists() if self._names else []
        for key, events in stirred.items():
            if not self._is_selected(key) and (watched := self._watched.get(key)) is not None:
                lines.append(await self._status(key[0], watched, events & watched.events))
        for key, entries in annotated.items():
            if key == _SERVER:
                lines.append(metadata_changed(name_of(""), entries))
            elif (watched := self._watched.get(key)) is not None:  # None: it is gone, or the right to know of it
                lines.append(metadata_changed(name_of(watched.name), entries))
        return b"".join(lines)

    def _give_up(self) -> bytes:
        """RFC 5465 §5.8: as if NOTIFY NONE had come."""
        self.close()
        self._groups, self._wanted, self._watched = [], frozenset(), {}
        self._stirred, self._names, self._annotated = {}, {}, {}
        self._known, self._granted, self._above = set(), set(), {}
        self.messages = self.flags = self._overflown = self._stale = False
        return b"* OK [%b] There is too much to tell; ask again\r\n" % _OVERFLOW

    async def _lists(self) -> list[bytes]:
        """LIST responses as they are true now (§5.4, §5.5)."""
        names, self._names = self._names, {}
        known, self._known = self._known, set()
        granted, self._granted = self._granted, set()
        above, self._above = self._above, {}
        session = self._session
        boxes = {mailbox.name: mailbox for mailbox in await session.account.mailboxes()}
        boxes |= {one.name: one.mailbox for key, one in self._watched.items() if not self._feeds[key[0]].own}
        others = [feed.prefix for feed in self._feeds.values() if not feed.own]
        with_children = parents(boxes)
        lines: list[bytes] = []
        for name, old in names.items():
            mailbox = boxes.get(name)
            if any(map(name.startswith, others)):
                if name in above and above[name].isdisjoint(known | boxes.keys()):
                    continue  # of what has come or gone below it the client knows nothing
                mailbox = mailbox or await self._visible(name)
                if mailbox is None and name not in known:
                    continue  # it is not this client's business that there ever was one
                if name in granted and (mailbox is not None) == (name in known):
                    continue  # it is others whose rights have changed
                if mailbox is None and old:
                    name, old = old, ""  # where it went the client can't see
                elif name not in known:
                    old = ""  # nor can it know the name that it had before it was shared
            attributes = [] if mailbox is not None else ["\\NonExistent"]
            attributes.append("\\HasChildren" if name in with_children else "\\HasNoChildren")
            if name in self._subscribed:
                attributes.append("\\Subscribed")
            # RFC 6154 §2: a use is its owner's alone, and theirs have names in front of the mailbox's own
            if mailbox is not None and mailbox.special_use is not None and name == mailbox.name:
                attributes.append(mailbox.special_use)
            more = b' ("OLDNAME" (%b))' % session.mailbox_name(old) if old else b""
            lines.append(encode.list_line(attributes, session.mailbox_name(name), more=more))
        return lines

    async def _visible(self, name: str) -> Mailbox | None:
        """Another person's mailbox, if this one may know of it."""
        try:
            return await (await self._session.place(name)).mailbox(b"LIST")
        except (NoSuchMailbox, BadMailboxName, Refused):
            return None

    async def _status(self, account_id: int, watched: _Watched, events: set[NotifyEvent]) -> bytes:
        before, feed = watched.mailbox, self._feeds[account_id]
        if not feed.own:
            owner = await self._session.service.directory.person(account_id)
            if owner is None or not owner.enabled:  # and with them what they shared
                return b""
            if not await self._session.is_active():
                return b""
        try:
            now = await feed.account.mailbox(watched.name.removeprefix(feed.prefix))
        except NoSuchMailbox:
            return b""
        if now.mailbox_id != before.mailbox_id:
            return b""
        watched.mailbox = now
        condstore = b"CONDSTORE" in self._session.enabled
        came_or_went = bool(events - {NotifyEvent.FLAG_CHANGE})
        if not events or (not came_or_went and not condstore and now.unseen == before.unseen):
            return b""  # §5.1: other flags than \Seen show in nothing that such a client knows
        return self._status_line(watched, came_or_went=came_or_went, condstore=condstore)

    def _status_line(self, watched: _Watched, *, came_or_went: bool, condstore: bool) -> bytes:
        mailbox, flags = watched.mailbox, NotifyEvent.FLAG_CHANGE in watched.events
        items = [b"MESSAGES %d" % mailbox.messages, b"UIDNEXT %d" % mailbox.uid_next] if came_or_went else []
        items.append(b"UIDVALIDITY %d" % mailbox.uid_validity)
        if flags:
            items.append(b"UNSEEN %d" % mailbox.unseen)
        if condstore:
            items.append(b"HIGHESTMODSEQ %d" % mailbox.highest_modseq)
        return encode.status_line(self._session.mailbox_name(watched.name), items)

    def statuses(self) -> bytes:
        """What the STATUS indicator asks for: how things are where events of messages are to be told (§3.1)."""
        condstore = b"CONDSTORE" in self._session.enabled
        lines = [
            self._status_line(one, came_or_went=True, condstore=condstore or NotifyEvent.FLAG_CHANGE in one.events)
            for key, one in self._watched.items()
            if one.events & MESSAGE_EVENTS and not self._is_selected(key)
        ]
        return b"".join(lines)

    async def refused_names(self) -> bytes:
        """\\NoAccess for mailboxes that may be listed and not be watched (§3.1)."""
        session, lines = self._session, dict[str, bytes]()
        for group in self._groups:
            for name in group.mailboxes.mailboxes:
                session.visits.trim()
                try:
                    await (await session.place(name)).mailbox(b"NOTIFY")
                except (NoSuchMailbox, BadMailboxName):
                    continue
                except Refused:
                    lines[name] = encode.list_line(("\\NoAccess",), session.mailbox_name(name))
        return b"".join(lines.values())

    async def tell_new(self, selected: SelectedMailbox, after: int, said: Container[int]) -> None:
        """FETCH responses behind EXISTS, for what others have brought (§5.2)."""
        if not self.items:
            return
        spans = selected.arrived(after)
        if said:
            positions = [at for span in spans for at in range(*span)]
            spans = [(at, at + 1) for at in positions if selected.uids_of([(at, at + 1)])[0] not in said]
        await send_items(self._session, selected, self.items, spans)
