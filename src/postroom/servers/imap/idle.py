"""IDLE (RFC 2177): the client waits, and is told at once.

Owns: the command, and pushing updates from the change feed while it lasts. Never: waits for a client that does not read
(pushing stops until it does; what happens meanwhile is told in one go). Raises: Refused, EndOfSession.
"""

import asyncio
import logging

from postroom.base import MailError
from postroom.imap.types import Bare
from postroom.net.api import ConnectionEnd

from .contexts import Contexts
from .refusal import bad
from .selected import SelectedMailbox
from .session import Session

_log = logging.getLogger("postroom.imap")


async def idle(session: Session, command: Bare) -> bytes:
    """From "+" to DONE. EXPUNGE may be sent all the while (RFC 2177 §3)."""
    session.engine.expect_line(True)
    pusher = Pusher(session, session.selected) if session.selected is not None else None
    watching = WatcherPusher(session)
    try:
        session.send(b"+ idling\r\n")
        if pusher is not None:
            pusher.start()
        watching.start()
        line = await session.next_line()
    finally:
        session.engine.expect_line(False)
        watching.stop()
        if pusher is not None:
            pusher.stop()
    if line.strip().upper() != b"DONE":
        raise bad(b"Expected DONE")
    return b"OK IDLE terminated"


class WatcherPusher:
    """Sends what the session's other watchers have to tell (session.Watcher); waits for a client that does not read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._busy = False
        self._stopped = False

    def start(self) -> None:
        for watcher in self._session.watchers:
            watcher.on_news = self._schedule
        self._schedule()

    def stop(self) -> None:
        self._stopped = True
        for watcher in self._session.watchers:
            watcher.on_news = None

    def _schedule(self) -> None:
        if not self._busy and any(watcher.has_news for watcher in self._session.watchers):
            self._busy = True
            self._session.tasks.spawn(self._push(), name="watchers")

    async def _push(self) -> None:
        """Its first step is taken in the next turn of the loop: what happens in this one is told together."""
        connection = self._session.connection
        try:
            while not self._stopped and (news := self._take()):
                connection.send(news)
                connection.flush()
                await connection.drain()
        except ConnectionEnd:
            return  # the session's own receive says goodbye
        finally:
            self._busy = False

    def _take(self) -> bytes:
        return b"".join(watcher.take_news() for watcher in self._session.watchers if watcher.has_news)


class Pusher:
    """Sends a selected mailbox's updates as they happen, several of one turn of the loop together."""

    def __init__(self, session: Session, selected: SelectedMailbox) -> None:
        self._session = session
        self._selected = selected
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle | None = None
        self._busy = False  # a claim, or a client that does not read: push again afterwards
        self._unread = 0  # octets pushed since the client was last seen to read
        self._missed = False  # something happened while it was busy
        self._stopped = False

    def start(self) -> None:
        self._selected.on_change = self._schedule
        if self._session.has_news:
            self._schedule()

    def stop(self) -> None:
        self._stopped = True
        self._selected.on_change = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        if self._busy:
            self._missed = True
        elif self._handle is None and not self._stopped:
            self._handle = self._loop.call_soon(self._push)

    def _push(self) -> None:
        self._handle = None
        if self._stopped or self._busy:
            return
        selected, session = self._selected, self._session
        if selected.lost:
            self._leave()
        elif selected.guest is not None:  # an owner who has left, or was locked out, has taken the mailbox along
            self._busy = True
            session.tasks.spawn(self._visit(), name="visit")
        else:
            self._send_or_claim()

    def _leave(self) -> None:
        self._stopped = True
        self._session.mailbox_is_gone()
        self._session.tasks.spawn(self._session.connection.close(), name="close")

    async def _visit(self) -> None:
        here = False
        try:
            here = await self._session.owner_is_here(self._selected)
        except MailError as error:
            _log.warning("an owner was not found: %s", error)
        finally:
            self._busy = False
        if self._stopped:
            return
        if here and not self._selected.lost:
            self._send_or_claim()
        else:
            self._leave()

    def _send_or_claim(self) -> None:
        if self._selected.should_claim:  # who is told of a message first has it \Recent: ask before saying EXISTS
            self._busy = True
            self._session.tasks.spawn(self._claim(), name="claim")
        else:
            self._send()

    def _send(self) -> None:
        if (contexts := self._session.contexts) is not None:
            self._busy = True
            self._session.tasks.spawn(self._send_with(contexts), name="contexts")
        else:
            self._push_out(self._selected.take_updates(expunge=True))

    async def _send_with(self, contexts: Contexts) -> None:
        """The updates, and what the client's contexts (RFC 5267 §4.3.2) have to say before and after them."""
        self._missed = False
        try:
            async with contexts.lock:
                if not self._stopped:
                    self._push_out(contexts.removals() + self._selected.take_updates(expunge=True))
                    self._push_out(await contexts.catch_up())
        finally:
            self._busy = self._unread >= self._session.settings.output_piece_octets
        if self._missed:
            self._push()

    def _push_out(self, updates: bytes) -> None:
        if not updates:
            return
        connection = self._session.connection
        connection.send(updates)
        connection.flush()
        self._unread += len(updates)
        if self._unread >= self._session.settings.output_piece_octets:
            self._busy = True
            self._session.tasks.spawn(self._wait_for_reader(), name="drain")

    async def _claim(self) -> None:
        try:
            await self._selected.claim_recent()
        except MailError as error:
            _log.warning("\\Recent not claimed: %s", error)
        finally:
            self._busy = False
        if not self._stopped:
            self._send()

    async def _wait_for_reader(self) -> None:
        try:
            await self._session.connection.drain()
        except ConnectionEnd:
            return  # the session's own receive says goodbye
        finally:
            self._busy = False
        self._unread = 0
        if not self._stopped and self._session.has_news:
            self._push()
