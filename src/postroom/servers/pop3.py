"""POP3 sessions: joins the engine to the directory, the store and a connection.

Owns: the exclusive lock on a maildrop (RFC 1939 §4), the snapshot of INBOX, reading ahead, the removal at QUIT. Never:
parses a command or words a reply (pop3 does). Raises: nothing; an unknown error is logged and becomes
-ERR [SYS/TEMP], or, in the middle of a message, a cut connection, so that half a message never looks whole.
"""

import asyncio
import logging
import ssl
from array import array
from collections.abc import Callable, Iterator

from postroom.accounts import Directory, Person
from postroom.base import Clock, MailError
from postroom.net import Connection, ConnectionEnd, ServerStopping, TlsFailed, is_loopback
from postroom.pop3 import (
    CLOSED_ACCOUNT,
    STOPPING,
    Authenticate,
    AuthResponse,
    DotStuffer,
    Maildrop,
    Pop3Engine,
    Pop3Settings,
    Refusal,
    Request,
    Retrieve,
    Send,
    SignIn,
    StartTls,
    Top,
    Update,
    opening,
    stuffed,
)
from postroom.sasl import Challenge
from postroom.servers.clients import client_of
from postroom.signin import Exchange, Kind, Refused, SignedIn, Step
from postroom.signin import SignIn as SignInService
from postroom.store import Account, MailStore, NoSuchAccount, NoSuchContent, Stored, Want

from .expiry import expire
from .maildrops import Maildrops

_log = logging.getLogger("postroom.pop3")
# RFC 3206: [AUTH] for what a client has to change, [SYS/TEMP] for what it has to wait for
_REFUSALS: dict[Kind, Refusal] = {
    "credentials": Refusal.WRONG,
    "authorization": Refusal.WRONG,
    "expired": Refusal.WRONG,
    "banned": Refusal.LATER,
    "busy": Refusal.TEMPORARY,
    "unavailable": Refusal.TEMPORARY,
}
_BELIEVED_SECONDS = 0.1  # a client that takes one message after another makes thousands of look-ups otherwise


class Pop3Service:
    """net.api.Service for POP3, with STLS when `tls_context` is given."""

    def __init__(
        self,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        settings: Pop3Settings,
        tls_context: Callable[[], ssl.SSLContext] | None,
        hostname: str,
        maildrops: Maildrops,
        sign_in: SignInService,
    ) -> None:
        self.store = store
        self.directory = directory
        self.sign_in = sign_in
        self.clock = clock
        self.settings = settings
        self.tls_context = tls_context
        self.hostname = hostname
        self._maildrops = maildrops

    async def serve(self, connection: Connection) -> None:
        """One session from greeting to close."""
        await _Session(self, connection).run()

    def lock(self, account_id: int) -> bool:
        """Take the maildrop; False when another session has it (RFC 1939 §4)."""
        return self._maildrops.take(account_id)

    def unlock(self, account_id: int) -> None:
        self._maildrops.give_back(account_id)

    def too_soon(self, account_id: int) -> bool:
        """Whether LOGIN-DELAY forbids a sign-in now (RFC 2449 §6.5)."""
        if not self.settings.login_delay_seconds:
            return False
        last = self._maildrops.last_sign_in(account_id)
        return last is not None and self.clock.monotonic() - last < self.settings.login_delay_seconds

    def remember_sign_in(self, account_id: int) -> None:
        """For `too_soon`."""
        if self.settings.login_delay_seconds:
            self._maildrops.remember_sign_in(account_id, self.clock.monotonic())


class _ResponseCut(Exception):
    """A multi-line response can't be finished: the connection has to go."""


class _AccountClosed(Exception):
    """The person was disabled or removed while the session was open."""


class _Session:
    """One connection."""

    def __init__(self, service: Pop3Service, connection: Connection) -> None:
        self._service = service
        self._settings = service.settings
        self._connection = connection
        self._engine = Pop3Engine(
            service.settings,
            hostname=service.hostname,
            tls=connection.tls is not None,
            tls_offered=service.tls_context is not None,
            plaintext_sign_in=service.settings.plaintext_sign_in_on_loopback and is_loopback(connection.peer[0]),
        )
        self._offer()
        self._exchange: Exchange | None = None
        self._locked_id: int | None = None
        self._messages: _Messages | None = None
        self._in_response = False  # part of a multi-line response was sent
        self._content_queued = False  # since the last input, message octets were sent that may not have arrived
        self._active_at = float("-inf")  # when the person was last looked up
        self._unflushed = 0

    async def run(self) -> None:
        connection = self._connection
        connection.idle_timeout = self._settings.sign_in_timeout_seconds
        try:
            await self._converse()
        except _ResponseCut:
            connection.abort()
        except _AccountClosed:
            connection.send(CLOSED_ACCOUNT)
        except TlsFailed as error:
            _log.info("%s: TLS failed: %s", connection.peer[0], error)
        except ConnectionEnd as end:
            if self._in_response:
                connection.abort()
            elif isinstance(end, ServerStopping):
                connection.send(STOPPING)
            # RFC 1939 §3: a client that was silent too long gets no response
        finally:
            self._leave()

    def _leave(self) -> None:
        """However the session ended, its maildrop is free again."""
        if self._messages is not None:
            self._messages.account.close()
            self._messages = None
        if self._locked_id is not None:
            self._service.unlock(self._locked_id)
            self._locked_id = None

    async def _converse(self) -> None:
        connection, engine = self._connection, self._engine
        connection.send(engine.take_output())
        while data := await connection.receive():
            self._content_queued = False
            engine.feed(data)
            while (request := engine.next_request()) is not None:
                connection.send(engine.take_output())
                if self._content_queued and connection.closed:
                    # RETR, DELE and QUIT came in one go and the client was gone before it had the message: the QUIT
                    # can't be meant any more (RFC 1939 §6).
                    return
                await self._carry_out(request)
            connection.send(engine.take_output())
            if engine.closed:
                return

    async def _carry_out(self, request: Request) -> None:
        match request:
            case SignIn() | Authenticate() | AuthResponse():
                refusal = await self._sign_in(request)
                if refusal is not None:
                    self._engine.refuse_sign_in(refusal)
            case StartTls():
                assert self._service.tls_context is not None
                await self._connection.start_tls(self._service.tls_context())
                self._engine.tls_started()
                self._offer()
            case Retrieve():
                if self._service.clock.monotonic() - self._active_at > _BELIEVED_SECONDS:
                    await self._require_active()
                await self._retrieve(request)
            case Send(pieces):
                await self._send(pieces)
                self._engine.sent()
            case Update(uids, retrieved):
                await self._require_active()
                removed = await self._remove(uids) if uids else 0
                if removed is not None:
                    await self._expire(retrieved)
                self._engine.updated(removed)

    # ---- sign-in

    def _offer(self) -> None:
        """What the client may use, as its connection is now."""
        sign_in = self._service.sign_in
        self._engine.mechanisms = sign_in.mechanisms(client_of(self._connection, "pop3"))
        self._engine.takes_passwords = sign_in.takes_passwords

    async def _sign_in(self, request: SignIn | Authenticate | AuthResponse) -> Refusal | None:
        """None: it is answered."""
        peer = self._connection.peer[0]
        try:
            step = await self._ask(request)
            match step:
                case Challenge(data):
                    self._engine.challenge(data)
                    return None
                case SignedIn(person):
                    return await self._open(person)
                case Refused(kind, words, username):
                    _log.warning("%s: sign-in as %r refused: %s", peer, username or "nobody", words)
                    return _REFUSALS[kind]
        except NoSuchAccount as error:
            _log.error("%s: no mail account: %s", peer, error)
            return Refusal.PERMANENT
        except MailError as error:
            _log.warning("%s: sign-in failed: %s", peer, error)
        except Exception:
            _log.exception("%s: sign-in failed", peer)
        return Refusal.TEMPORARY

    async def _ask(self, request: SignIn | Authenticate | AuthResponse) -> Step:
        sign_in, client = self._service.sign_in, client_of(self._connection, "pop3")
        if isinstance(request, SignIn):
            return await sign_in.password(request.username, request.password, client)
        if isinstance(request, Authenticate):
            self._exchange = sign_in.exchange(request.mechanism, client)
        if self._exchange is None:  # the settings have changed since it was offered
            return Refused("unavailable", "no such mechanism any more")
        return await self._exchange.step(request.initial if isinstance(request, Authenticate) else request.response)

    async def _open(self, person: Person) -> Refusal | None:
        service, account_id = self._service, person.account_id
        if service.too_soon(account_id):
            return Refusal.LOGIN_DELAY
        if not service.lock(account_id):
            return Refusal.IN_USE
        account: Account | None = None
        try:
            account = await service.store.open(account_id)
            drop = await _snapshot(account)
        except BaseException:
            # RFC 1939 §4: the lock is released before the command is refused
            service.unlock(account_id)
            if account is not None:
                account.close()
            raise
        self._locked_id = account_id
        self._messages = _Messages(account, drop, self._settings)
        service.remember_sign_in(account_id)
        self._connection.idle_timeout = self._settings.idle_timeout_seconds
        self._engine.signed_in(drop)
        _log.info("%s: %s signed in, %d messages", self._connection.peer[0], person.address, drop.count)
        return None

    async def _require_active(self) -> None:
        """Whoever was disabled or removed since the sign-in reads and deletes no more."""
        assert self._locked_id is not None
        try:
            person = await self._service.directory.person(self._locked_id)
        except MailError as error:
            _log.warning("account %d: %s", self._locked_id, error)  # the directory has trouble, not the person
            return
        if person is None or not person.enabled:
            _log.info("%s: account %d is no longer active", self._connection.peer[0], self._locked_id)
            raise _AccountClosed
        self._active_at = self._service.clock.monotonic()

    # ---- messages

    async def _retrieve(self, request: Retrieve) -> None:
        engine, messages = self._engine, self._messages
        assert messages is not None
        try:
            stored = await messages.read(request.position, header_only=request.lines == 0)
            whole = stored.whole if request.lines != 0 else stored.header
            piece = whole if whole is not None else await messages.piece(stored, 0)
        except NoSuchContent:  # expunged in another session, and for so long that the store has forgotten it
            return engine.gone(request.number)
        except MailError as error:
            _log.warning("account %d: message %d: %s", messages.account.account_id, request.number, error)
            return engine.fail()
        except Exception:
            _log.exception("account %d: message %d", messages.account.account_id, request.number)
            return engine.fail()
        if self._settings.refuse_utf8_headers and not engine.utf8 and _needs_utf8(piece[: stored.header_len]):
            return engine.refuse_utf8()
        self._content_queued = True
        if request.lines is None:
            first_line, top = opening(messages.drop.size(request.number)), None
        else:
            first_line, top = opening(None), Top(stored.header_len, request.lines)
        if whole is not None:
            response = first_line + stuffed(whole if top is None else top.feed(whole))
            self._connection.send(response)
            self._unflushed += len(response)
        else:
            self._in_response = True
            self._connection.send(first_line)
            await self._stream(messages, stored, piece, top)
            self._in_response = False
        engine.retrieved()
        if self._unflushed > self._settings.output_octets:
            self._unflushed = 0
            await self._connection.drain()
        return None

    async def _stream(self, messages: "_Messages", stored: Stored, piece: bytes, top: Top | None) -> None:
        """A message too large to hold, piece by piece as the peer takes it."""
        connection, stuffer, position = self._connection, DotStuffer(), 0
        while True:
            connection.send(stuffer.feed(piece if top is None else top.feed(piece)))
            await connection.drain()
            position += len(piece)
            if connection.closed:
                raise _ResponseCut
            if position >= stored.size or (top is not None and top.done):
                break
            try:
                piece = await messages.piece(stored, position)
            except Exception as error:
                _log.exception("account %d: content %d", messages.account.account_id, stored.content_id)
                raise _ResponseCut from error
        connection.send(stuffer.finish())

    async def _send(self, pieces: Iterator[bytes]) -> None:
        connection = self._connection
        self._in_response = True
        first = True
        for piece in pieces:
            if not first:
                await connection.drain()
                if connection.closed:
                    raise _ResponseCut
                await asyncio.sleep(0)  # a long listing lets other sessions run
            first = False
            connection.send(piece)  # the last piece leaves together with the line that ends it
        self._in_response = False

    async def _remove(self, uids: tuple[int, ...]) -> int | None:
        """The UPDATE state: returns when the removal is durable, None when it failed."""
        messages = self._messages
        assert messages is not None
        account = messages.account
        try:
            removed = await account.remove(messages.drop.mailbox_id, uids, origin=self)
        except MailError as error:
            _log.warning("account %d: removing %d messages: %s", account.account_id, len(uids), error)
        except Exception:
            _log.exception("account %d: removing %d messages", account.account_id, len(uids))
        else:
            _log.info("account %d: %d messages removed", account.account_id, len(removed))
            return len(removed)
        return None

    async def _expire(self, retrieved: tuple[int, ...]) -> None:
        """What was left too long. A failure only means that a later session tries again."""
        messages, days = self._messages, self._settings.expire_days
        assert messages is not None
        if days is None:
            return
        account, now = messages.account, self._service.clock.now()
        try:
            gone = await expire(account, messages.drop.mailbox_id, retrieved, days, now, self)
        except Exception:
            _log.exception("account %d: expiring messages", account.account_id)
        else:
            if gone:
                _log.info("account %d: %d messages expired", account.account_id, len(gone))


async def _snapshot(account: Account) -> Maildrop:
    """INBOX as it is now. The arrays stay as they are up to `count`, whatever happens to the mailbox (store.View)."""
    inbox = await account.mailbox("INBOX")
    view = await account.view(inbox.mailbox_id)
    try:
        uids, sizes, contents = view.uids, view.sizes, view.content_ids
        count = len(uids)
        octets: int | None = view.mailbox.octets
        if more := await account.line_end_octets():
            # RFC 1939 §11: sizes count octets as they are sent, and lines are sent with CRLF
            sizes = array("q", [size + more.get(content, 0) for size, content in zip(sizes, contents, strict=False)])
            octets = None
        return Maildrop(inbox.mailbox_id, view.mailbox.uid_validity, uids, sizes, contents, count, octets)
    finally:
        account.release(view)


def _needs_utf8(header: bytes) -> bool:
    """RFC 6532 header fields: octets over 127 that are UTF-8 (others were never legal, in any mode)."""
    if header.isascii():
        return False
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Messages:
    """Reads a session's messages, several at once when the client takes one after another."""

    def __init__(self, account: Account, drop: Maildrop, settings: Pop3Settings) -> None:
        self.account = account
        self.drop = drop
        self._settings = settings
        self._ahead: dict[int, Stored] = {}  # by content id
        self._ahead_want = Want.WHOLE
        self._last_position = -1

    async def read(self, position: int, *, header_only: bool) -> Stored:
        """A message's facts with its header or, when it is small enough, the whole of it."""
        want = Want.HEADER if header_only else Want.WHOLE
        serial = position == self._last_position + 1
        self._last_position = position
        if want is self._ahead_want and (stored := self._ahead.pop(self.drop.content_id(position), None)) is not None:
            return stored
        limit = self._settings.read_ahead_messages if serial else 1
        ids = self.drop.following(position, limit)
        found = await self.account.read(ids, want, self._settings.read_ahead_octets)
        self._ahead = {stored.content_id: stored for stored in found}
        self._ahead_want = want
        stored = self._ahead.pop(ids[0], None)
        if stored is None:
            raise NoSuchContent(f"content {ids[0]}")
        return stored

    async def piece(self, stored: Stored, start: int) -> bytes:
        """Octets from `start` on; never none, unless the message is empty."""
        piece = await self.account.read_range(stored.content_id, start, start + self._settings.piece_octets)
        if not piece and stored.size:
            raise NoSuchContent(f"content {stored.content_id} at {start}")
        return piece
