"""METADATA responses nobody asked for: somebody else has changed an annotation (RFC 5464 §4.4.2).

Owns: watching one session's account for such changes. Never: tells values, or a session of its own changes; decides
which it wants to hear of (ENABLE does, and whoever else asks for `metadata_news`). Raises: nothing.
"""

from collections.abc import Callable, Sequence

from postroom.imap.metadata import metadata_changed
from postroom.store.annotations import EVERYBODY
from postroom.store.api import AnnotationsChanged, Change, MailboxesChanged, MailboxEventKind

from .session import Session

_NAMED = (MailboxEventKind.CREATED, MailboxEventKind.RENAMED)
_SERVER = 0  # no mailbox's id


async def watch_metadata(session: Session) -> None:
    """What ENABLE METADATA and METADATA-SERVER ask for (RFC 5464 §4.1)."""
    if session.enabled & {b"METADATA", b"METADATA-SERVER"}:
        news = await metadata_news(session)
        news.of_server = True
        news.of_mailboxes = b"METADATA" in session.enabled


async def metadata_news(session: Session) -> "MetadataNews":
    """The session's, which tells nothing before it is told what to tell."""
    for watcher in session.watchers:
        if isinstance(watcher, MetadataNews):
            return watcher
    news = MetadataNews(session)
    session.watchers.append(news)
    await news.start()
    return news


class MetadataNews:
    """session.Watcher. Which entries of which mailbox have changed since the client was told last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._account = session.account
        self._names: dict[int, str] = {}
        self._changed: dict[int, dict[str, None]] = {}
        self.of_mailboxes = False  # of the person's own
        self.of_server = False
        self.on_news: Callable[[], None] | None = None

    async def start(self) -> None:
        self._account.subscribe_changes(self._on_change)
        self._session.service.note_watchers.add(self._on_notes)
        loaded = {mailbox.mailbox_id: mailbox.name for mailbox in await self._account.mailboxes()}
        self._names = loaded | self._names  # what was heard meanwhile is newer

    def close(self) -> None:
        self._account.unsubscribe_changes(self._on_change)
        self._session.service.note_watchers.discard(self._on_notes)

    @property
    def has_news(self) -> bool:
        return bool(self._changed)

    async def take_news(self) -> bytes:
        """The responses that are due."""
        changed, self._changed = self._changed, {}
        name_of, found = self._session.mailbox_name, []
        for mailbox_id, entries in changed.items():
            name = "" if mailbox_id == _SERVER else self._names.get(mailbox_id)
            if name is not None:  # None: it was deleted
                found.append(metadata_changed(name_of(name), entries))
        return b"".join(found)

    def _on_change(self, change: Change) -> None:
        if isinstance(change, MailboxesChanged):
            self._names.update((event.mailbox_id, event.name) for event in change.events if event.kind in _NAMED)
            for mailbox_id in change.removed:
                self._names.pop(mailbox_id, None)
        elif isinstance(change, AnnotationsChanged) and change.owner in (EVERYBODY, self._account.account_id):
            self._add(change.mailbox_id or _SERVER, change.entries, change.origin)

    def _on_notes(self, entries: Sequence[str], origin: object) -> None:
        self._add(_SERVER, entries, origin)

    def _add(self, mailbox_id: int, entries: Sequence[str], origin: object) -> None:
        wanted = self.of_server if mailbox_id == _SERVER else self.of_mailboxes
        if not wanted or origin is self._session:
            return
        self._changed.setdefault(mailbox_id, {}).update(dict.fromkeys(entries))
        if self.on_news is not None:
            self.on_news()
