"""What happens is told while the session waits for its client: in IDLE (RFC 2177), and between commands where NOTIFY
asks for that (RFC 5465 §3.1).

Owns: when updates are sent that no command brings along. Never: decides which (Session.tell_updates and the watchers
do), waits with more than one piece for a client that does not read: what happens meanwhile is told in one go. Raises:
nothing.
"""

import asyncio
import logging

from postroom.base import MailError
from postroom.net.api import ConnectionEnd

from .refusal import EndOfSession, Refused
from .session import Session

_log = logging.getLogger("postroom.imap")


class Pusher:
    """Tells a client that is waited for what happens, several things of one turn of the loop together."""

    def __init__(self, session: Session, *, idle: bool) -> None:
        """`idle`: during IDLE EXPUNGE may be sent all the while (RFC 2177 §3)."""
        self._session = session
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None  # it asks the store, or waits for the client to read
        self._again = False  # something happened since it began to tell
        self._unread = 0  # octets pushed since the client was last seen to read
        self._stopped = True

    def start(self) -> None:
        """From here on, until `stop`."""
        self._stopped = False
        session = self._session
        if session.selected is not None:
            session.selected.on_change = self._schedule
        for watcher in session.watchers:
            watcher.on_news = self._schedule
        if self._has_news():
            self._schedule()

    async def stop(self) -> None:
        """Say nothing more; what is just being said is said to its end."""
        self._unhook()
        if (task := self._task) is not None:
            await asyncio.wait((task,))

    def abandon(self) -> None:
        """The session is over."""
        self._unhook()
        if self._task is not None:
            self._task.cancel()

    def _unhook(self) -> None:
        self._stopped = True
        session = self._session
        if session.selected is not None:
            session.selected.on_change = None
        for watcher in session.watchers:
            watcher.on_news = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _has_news(self) -> bool:
        return self._session.has_news or any(watcher.has_news for watcher in self._session.watchers)

    def _schedule(self) -> None:
        if self._task is not None:
            self._again = True
        elif self._handle is None and not self._stopped:
            self._handle = self._loop.call_soon(self._push)

    def _push(self) -> None:
        self._handle = None
        if self._stopped or self._task is not None:
            return
        session, selected = self._session, self._session.selected
        if selected is not None and selected.lost:
            self._say_goodbye()
            return
        if (
            selected is None
            or selected.guest is not None  # an owner who has left, or was locked out, has taken the mailbox along
            or session.notified is not None
            or session.contexts is not None
            or (session.watchers and any(watcher.has_news for watcher in session.watchers))
        ):
            self._task = session.tasks.spawn(self._tell(), name="push")
            return
        if selected.should_claim:  # who is told of a message first has it \Recent: ask before saying EXISTS
            selected.reserve_claim()  # the others, whose turn comes before the task's, need not ask
            self._task = session.tasks.spawn(self._tell(), name="push")
            return
        # An IDLE like most, and thousands of them may hear of one message
        if updates := selected.take_updates(expunge=True):
            session.connection.send(updates)
            session.connection.flush()
            self._unread += len(updates)
            if self._unread >= session.settings.output_piece_octets:
                self._task = session.tasks.spawn(self._tell(), name="push")

    def _say_goodbye(self) -> None:
        self._stopped = True
        self._session.mailbox_is_gone()
        self._session.tasks.spawn(self._session.connection.close(), name="close")

    async def _tell(self) -> None:
        session = self._session
        try:
            if self._unread >= session.settings.output_piece_octets:
                await session.connection.drain()
                self._unread = 0
            self._again = True
            while self._again and not self._stopped:
                self._again = False
                await self._tell_once()
                await session.connection.drain()
        except (ConnectionEnd, EndOfSession):
            return  # the session's own receive says goodbye
        except (MailError, Refused) as error:
            _log.warning("%s: not told: %s", session.peer, error)
        finally:
            self._task = None
            if session.selected is not None:
                session.selected.give_up_claim()  # stopped before it could

    async def _tell_once(self) -> None:
        session, selected = self._session, self._session.selected
        if selected is not None:
            if selected.lost or (selected.guest is not None and not await session.owner_is_here(selected)):
                self._say_goodbye()
                return
            notified = session.notified
            if notified is None or notified.messages:  # RFC 5465 §3.1: else only the client's own commands are answered
                at_once = self._idle or (notified is not None and notified.expunge_at_once)
                await session.tell_updates(selected, expunge=at_once)
        await session.tell_news()
