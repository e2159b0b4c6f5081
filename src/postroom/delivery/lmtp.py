"""Mail for another program's socket: LMTP (RFC 2033) over a Unix socket or TCP.

Owns: where "lmtp:/path" and "lmtp:host:port" are, sessions with them, one answer a recipient. Never: looks up MX, uses
TLS or passwords: such a socket is on this machine or on a network of our own. Raises: what reading the content raises;
never for what a peer does.
"""

from collections.abc import Sequence

from postroom.base import MailError
from postroom.dns import Resolver
from postroom.journal import NO_JOURNAL, Journal
from postroom.net import ConnectFailed, Dialer, SocketConnection, client_context
from postroom.queue import Entry, Queue
from postroom.signing import UNSIGNED, Signing
from postroom.smtp import Outcome, ServerReply, local_reply

from .api import Attempted
from .content import QueuedContent
from .destination import Destination, ascii_domain
from .sender import Carried
from .session import Call, Session, SessionRefused, client_engine, patience
from .settings import DeliverySettings
from .told import Told, note_doubt
from .transaction import Transactions, Unfit, with_content

_LOOPBACK = ("127.0.0.1", "::1")  # RFC 6761 §6.3: nobody is asked for localhost


class LmtpSender:
    """`carry`, as sender.Sender does it, for destinations that are sockets."""

    def __init__(
        self,
        *,
        queue: Queue,
        resolver: Resolver,
        dialer: Dialer,
        settings: DeliverySettings,
        hostname: str,
        journal: Journal = NO_JOURNAL,
        signing: Signing = UNSIGNED,
    ) -> None:
        self._queue = queue
        self._signing = signing
        self._resolver = resolver
        self._dialer = dialer
        self._settings = settings
        self._hostname = ascii_domain(hostname)
        self._journal = journal
        self._context = client_context(verify=False)  # never used: the session has no TLS

    async def carry(self, destination: Destination, entries: Sequence[Entry], session: Session | None) -> Carried:
        """Bring one message to those recipients; `session` is an open one to this destination."""
        content = QueuedContent(self._queue, entries[0].message, self._signing)
        attempt = _Attempt(entries, content, self._settings, self._journal)
        if session is not None:
            if not session.usable or not await attempt.transact(session, last=False):
                await session.close()
            else:
                return Carried(attempt.done, session)
        try:
            session = await self._open(destination)
        except SessionRefused as refused:
            self._journal.note(
                entries[0].message.message_id, "call", relay=destination.domain, reply=str(refused.reply)
            )
            # A program that does not greet is our operator's trouble, not a reason to return people's mail.
            reply = refused.reply
            attempt.answer_all(local_reply(451, "4.3.0", str(reply)) if reply.permanent else reply)
            return Carried(attempt.done, None)
        await attempt.transact(session, last=True)
        if not session.usable:
            await session.close()
            return Carried(attempt.done, None)
        return Carried(attempt.done, session)

    async def _open(self, destination: Destination) -> Session:
        """Raises SessionRefused."""
        place = destination.domain.removeprefix("lmtp:")
        try:
            connection = await self._connect(place)
        except ConnectFailed as error:
            raise SessionRefused(local_reply(421, "4.4.1", str(error)), unreachable=True) from error
        settings = self._settings
        engine = client_engine(self._hostname, settings, lmtp=True)
        session = Session(Call(place, place, 0, "never", self._context), connection, engine, patience(settings))
        session.relay = destination.domain
        try:
            await session.ready()
        except SessionRefused:
            await session.close()
            raise
        except BaseException:
            session.abort()
            raise
        return session

    async def _connect(self, place: str) -> SocketConnection:
        """Raises ConnectFailed."""
        timeout = self._settings.connect_timeout_seconds
        if place.startswith("/"):
            return await self._dialer.connect_unix(place, timeout=timeout)
        host, _, port = place.rpartition(":")
        failure = ConnectFailed(f"{host} has no address")
        for address in await self._addresses(host):
            try:
                return await self._dialer.connect(address, int(port), timeout=timeout)
            except ConnectFailed as error:
                failure = error
        raise failure

    async def _addresses(self, host: str) -> Sequence[str]:
        if host == "localhost":
            return _LOOPBACK
        if host.startswith("[") or host.replace(".", "").isdecimal():
            return (host.strip("[]"),)
        try:
            found = [*(await self._resolver.a(host)).records, *(await self._resolver.aaaa(host)).records]
        except MailError as error:
            raise ConnectFailed(f"{host}: {error.text}") from error
        return found


class _Attempt:
    """The state of one `carry`."""

    def __init__(
        self, entries: Sequence[Entry], content: QueuedContent, settings: DeliverySettings, journal: Journal
    ) -> None:
        self._pending = list(entries)
        self._journal = journal
        self._seconds = with_content(settings, settings.max_transaction_seconds, content.size)
        self._transactions = Transactions(entries[0].message, content, settings)
        self.done: list[Attempted] = []

    def answer_all(self, reply: ServerReply) -> None:
        """Nobody can be asked."""
        self.done += [Attempted(entry, reply, "none", delivered=False, is_local=True) for entry in self._pending]
        self._pending = []

    async def transact(self, session: Session, *, last: bool) -> bool:
        """Everybody who is left has an answer; False when the connection was gone and another one may do."""
        while self._pending:
            entries, self._pending = self._pending, []
            try:
                transaction = await self._transactions.for_server(session.extensions, entries)
                outcomes = await session.send(transaction.mail, transaction.content, self._seconds)
            except Unfit as unfit:
                self._pending = list(entries)
                self.answer_all(unfit.reply)
                return True
            except BaseException:
                if session.undecided:
                    note_doubt(self._journal, session.relay, entries)
                session.abort()  # never say the final dot of a message that was not sent whole
                raise
            told = Told.of(entries, outcomes, elsewhere=not last, again=session.usable)
            note_doubt(self._journal, session.relay, told.in_doubt)
            self.done += [_attempted(entry, outcome, session) for entry, outcome in told.answered]
            self._pending = [*told.unasked, *told.left_over]
            if told.parting is not None:
                return False
        return True


def _attempted(entry: Entry, outcome: Outcome, session: Session) -> Attempted:
    """RFC 2033 §4.2: each recipient has a reply of its own."""
    return Attempted(
        entry,
        outcome.reply,
        session.relay,
        delivered=outcome.delivered,
        is_local=True,
        passed_dsn_on="DSN" in session.extensions,
    )
