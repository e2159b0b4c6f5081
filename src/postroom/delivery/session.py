"""One conversation with one remote server: the client engine joined to a connection.

Owns: the patience for each reply (RFC 5321 §4.5.3.2), STARTTLS, AUTH, streaming the content, the goodbye. Never:
chooses the server, decides what a refusal means for a message. Raises: SessionRefused from `open_session`; a
transaction never raises for what the peer does, its outcomes say it.
"""

import asyncio
import logging
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from postroom.base import ProtocolError
from postroom.mailauth import ResultType, Verdict
from postroom.net import ConnectFailed, Dialer, LocalFailure, SocketConnection, TlsFailed
from postroom.queue import destination_of
from postroom.sasl import CLIENT_MECHANISMS, client_mechanism
from postroom.smtp import (
    Authenticated,
    AuthRefused,
    BeginTls,
    ClientEngine,
    ClientEvent,
    Closed,
    Done,
    Outcome,
    Ready,
    Refused,
    ReplyLimits,
    SendContent,
    SendMail,
    ServerReply,
    Stage,
    TlsRefused,
    local_reply,
)

from .content import Content
from .settings import DeliverySettings
from .tls_demand import OPPORTUNISTIC, TlsDemand, TlsUse, handshake_failure

_log = logging.getLogger("postroom.delivery")

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")
_WRONG_CREDENTIALS = 535  # RFC 4954 §6


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call and how."""

    host: str
    address: str
    port: int
    tls: TlsUse
    context: ssl.SSLContext
    username: str = ""
    password: str = field(default="", repr=False)
    source: str = ""  # own address to call from; "": the system chooses
    demand: TlsDemand = OPPORTUNISTIC
    moment: float = 0.0  # now, for dates in certificates
    nonce: str = ""  # new for each call: for a sign-in that shows no password (SCRAM)

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]:{self.port}"

    @property
    def tls_name(self) -> str:
        """For SNI and the certificate: names that can't be one would make the handshake fail on our side."""
        return self.demand.server_name or (self.host if _HOST_NAME.fullmatch(self.host) else self.address)


class SessionRefused(Exception):
    """No session. `reply` is what the server said, or stands for what happened."""

    def __init__(
        self,
        reply: ServerReply,
        *,
        unreachable: bool = False,
        tls_failed: bool = False,
        failure: ResultType | None = None,
    ) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.unreachable = unreachable  # TCP did not get through
        self.tls_failed = tls_failed
        self.failure = failure or (ResultType.VALIDATION_FAILURE if tls_failed else None)  # what reports call it


def client_engine(hostname: str, settings: DeliverySettings, *, lmtp: bool = False) -> ClientEngine:
    """For one connection, with the limits of the settings."""
    return ClientEngine(
        hostname,
        limits=ReplyLimits(settings.max_reply_line_octets, settings.max_reply_lines),
        lmtp=lmtp,
        chunk_octets=settings.chunk_octets,
        chunk_large=settings.chunk_large,
    )


def patience(settings: DeliverySettings) -> Mapping[Stage, float]:
    """Seconds to wait for each kind of reply."""
    return {
        Stage.GREETING: settings.greeting_timeout_seconds,
        Stage.HELLO: settings.hello_timeout_seconds,
        Stage.STARTTLS: settings.starttls_timeout_seconds,
        Stage.AUTH: settings.auth_timeout_seconds,
        Stage.RSET: settings.hello_timeout_seconds,
        Stage.MAIL: settings.mail_timeout_seconds,
        Stage.RCPT: settings.rcpt_timeout_seconds,
        Stage.DATA: settings.data_timeout_seconds,
        Stage.CONTENT: settings.content_timeout_seconds,
        Stage.END: settings.end_timeout_seconds,
        Stage.QUIT: settings.quit_timeout_seconds,
    }


class Session:
    """An open conversation. `send` any number of transactions, `close` once."""

    def __init__(self, call: Call, connection: SocketConnection, engine: ClientEngine, waits: Mapping[Stage, float]):
        self.call = call
        self.relay = str(call)
        self.name = ""  # what the server calls itself
        self.uses = 0
        self.proven_until = 0.0  # message_tls.py
        self._until, self._over = math.inf, ""  # when the transaction under way has to be done; what to say if not
        self._domains: set[str] = set()  # of recipients named so far
        self.verdict: Verdict | None = None  # on the certificate; None in the clear
        self._connection = connection
        self._engine = engine
        self._waits = waits

    @property
    def usable(self) -> bool:
        """As far as one can see without asking: a server may have closed it, or said 421, in the meantime."""
        most = self._engine.extensions.limits.get("MAILMAX", 0)  # RFC 9422 §4.1
        return self._engine.usable and not self._connection.closed and not 0 < most <= self.uses

    def fits(self, addresses: Sequence[str]) -> list[bool]:
        """Who of them may be named in the next transaction, by what the server says of its limits (RFC 9422 §4)."""
        limits = self._engine.extensions.limits
        room = limits.get("RCPTMAX", len(addresses))
        most_domains = limits.get("RCPTDOMAINMAX", 0)  # in the whole session
        domains = set(self._domains)
        fit: list[bool] = []
        for address in addresses:
            domain = destination_of(address)
            fits = room > 0 and (not most_domains or domain in domains or len(domains) < most_domains)
            fit.append(fits)
            if fits:
                room -= 1
                domains.add(domain)
        return fit

    @property
    def tls(self) -> str:
        """Version and cipher, for people; "" in the clear."""
        tls = self._connection.tls
        return "" if tls is None else f"{tls.version} {tls.cipher}"

    @property
    def tls_words(self) -> str:
        """Who demanded what, and how that was met."""
        return ": ".join(filter(None, (self.call.demand.by, self.verdict.words if self.verdict else "")))

    @property
    def secure(self) -> bool:
        return self._connection.tls is not None

    @property
    def extensions(self) -> Mapping[str, str]:
        return self._engine.extensions.keywords

    async def event(self) -> ClientEvent:
        """Send what is due and wait for the engine's next event. A silent or broken peer is an event as well."""
        engine, connection = self._engine, self._connection
        loop = asyncio.get_running_loop()
        stage, since = engine.stage, loop.time()
        while True:
            if (event := engine.next_event()) is not None:
                return event
            if engine.stage is Stage.CLOSED:
                return Closed(_lost("anything"))
            connection.send(engine.take_output())
            if engine.stage is not stage:  # progress: a peer that drips octets makes none
                stage, since = engine.stage, loop.time()
            since = await self._hear(stage, since)

    async def _hear(self, stage: Stage, since: float) -> float:
        """Wait for octets from the server; since when it makes no progress. Its silence tells the engine too."""
        engine, loop = self._engine, asyncio.get_running_loop()
        wait = self._waits.get(stage, 60.0)
        try:
            data = await self._connection.receive_by(min(since + wait, self._until))
        except TimeoutError:
            engine.lost(self._over_now() or f"No reply to {stage.value} within {wait:g} seconds")
            return since
        if not data:
            engine.lost(f"Connection lost while waiting for the reply to {stage.value}")
            return since
        replies = engine.replies
        self._feed(data)
        return loop.time() if engine.replies != replies else since

    def _feed(self, data: bytes) -> None:
        try:
            self._engine.feed(data)
        except ProtocolError as error:
            _log.info("%s: %s", self.relay, error)  # the engine has made an event of it

    async def send(self, mail: SendMail, content: Content, seconds: float = math.inf) -> tuple[Outcome, ...]:
        """One transaction, in that time: what has no answer then ends as a temporary failure, and so does the session.

        Raises what reading the content raises; then the session can only be closed.
        """
        self.uses += 1
        self._domains.update(destination_of(recipient.address) for recipient in mail.recipients)
        self._until = asyncio.get_running_loop().time() + seconds
        self._over = f"{self.relay} was not done with the message after {seconds:.0f} seconds"
        self._engine.send(mail)
        try:
            while True:
                match await self.event():
                    case Done(outcomes=outcomes):
                        return outcomes
                    case SendContent():
                        await self._stream(content)
        finally:
            self._until = math.inf

    def _over_now(self) -> str:
        return self._over if asyncio.get_running_loop().time() >= self._until else ""

    @property
    def undecided(self) -> bool:
        """All of a message is out, and its answer is not in: the server may have taken it."""
        return self._engine.undecided

    async def _stream(self, content: Content) -> None:
        engine = self._engine
        left = content.size
        async with aclosing(content.pieces()) as pieces:
            async for piece in pieces:
                engine.content(piece)
                left -= len(piece)
                if left <= 0:
                    break  # the last piece leaves together with the end
                if not await self._push():
                    return
        engine.end_content()

    async def _push(self) -> bool:
        """Send a block; False when the server does not want more."""
        engine, connection = self._engine, self._connection
        connection.send(engine.take_output())
        deadline = min(asyncio.get_running_loop().time() + self._waits[Stage.CONTENT], self._until)
        try:
            async with asyncio.timeout_at(deadline):
                await connection.drain()
        except TimeoutError:
            engine.lost(self._over_now() or "The server stopped taking the message")
            connection.abort()
            return False
        if early := connection.receive_nowait():
            self._feed(early)
        if connection.closed:
            engine.lost("Connection lost while sending the message")
        since = asyncio.get_running_loop().time()
        while engine.holds_content:  # without PIPELINING each chunk has to be answered first
            since = await self._hear(Stage.CONTENT, since)
            connection.send(engine.take_output())
        return engine.wants_content

    async def start_tls(self) -> bool:
        """STARTTLS; False when the server declined. Raises SessionRefused when it went wrong."""
        self._engine.start_tls()
        match await self.event():
            case BeginTls():
                pass
            case TlsRefused() if self.usable:
                return False
            case TlsRefused(reply=reply):
                raise SessionRefused(reply, tls_failed=True)
            case _:
                raise SessionRefused(_lost("STARTTLS"), tls_failed=True)
        try:
            await self._connection.start_tls_client(self.call.context, self.call.tls_name)
        except TlsFailed as error:
            raise _handshake_failed(error) from error
        self.check_certificate()
        self._engine.tls_started()
        return True

    def check_certificate(self) -> None:
        """Raises SessionRefused when it is not the one that is demanded."""
        call = self.call
        verdict = self.verdict = call.demand.check(self._connection.peer_certificates(), call.moment)
        if verdict.failure is not None:
            reply = local_reply(454, "4.7.5", f"{call.demand.by}: {verdict.words}")
            raise SessionRefused(reply, tls_failed=True, failure=verdict.failure)

    async def ready(self) -> None:
        """Wait for the greeting and the answer to EHLO. Raises SessionRefused."""
        match await self.event():
            case Ready(name=name):
                self.name = name
                return
            case Refused(reply=reply):
                raise SessionRefused(reply)
            case _:
                raise SessionRefused(_lost("EHLO"))

    async def authenticate(self) -> None:
        """AUTH with the call's name and password. Raises SessionRefused, always a temporary one."""
        call, offered = self.call, self._engine.extensions.auth
        known = [client_mechanism(name, call.username, call.password, nonce=call.nonce) for name in CLIENT_MECHANISMS]
        mechanisms = [one for one in known if one is not None and one.name in offered]
        if not mechanisms:
            raise SessionRefused(local_reply(454, "4.7.0", f"{self.relay} offers no AUTH mechanism we know"))
        for mechanism in mechanisms:
            self._engine.authenticate(mechanism)
            match await self.event():
                case Authenticated():
                    return
                case AuthRefused(reply=reply):
                    # A server may offer SCRAM and have no keys for us, only a hash: then the password is shown.
                    if mechanism.complete or reply.code != _WRONG_CREDENTIALS or not self._engine.usable:
                        # A wrong password is our operator's mistake, not a reason to return people's mail.
                        raise SessionRefused(local_reply(454, "4.7.0", f"{self.relay} refused our sign-in: {reply}"))
                    _log.info("%s refused %s: %s", self.relay, mechanism.name, reply)
                case _:
                    raise SessionRefused(_lost("AUTH"))
        raise SessionRefused(local_reply(454, "4.7.0", f"{self.relay} refused our sign-in"))

    async def close(self) -> None:
        """QUIT if that can be said, then close; waits for the answer a short time only."""
        if self._connection.closed:
            return
        if self._engine.can_quit:
            self._engine.quit()
            await self.event()
            await self._connection.close()
        else:
            self._connection.abort()

    def abort(self) -> None:
        self._connection.abort()


def _lost(stage: str) -> ServerReply:
    return local_reply(421, "4.4.2", f"Connection lost while waiting for the reply to {stage}")


def not_connected(error: ConnectFailed) -> SessionRefused:
    """What a call that did not get through comes to."""
    return SessionRefused(local_reply(421, "4.4.1", str(error)), unreachable=not isinstance(error, LocalFailure))


def _handshake_failed(error: TlsFailed) -> SessionRefused:
    reply = local_reply(421, "4.7.5", f"TLS handshake failed: {error}")
    return SessionRefused(reply, tls_failed=True, failure=handshake_failure(error))


async def open_session(
    dialer: Dialer,
    call: Call,
    hostname: str,
    settings: DeliverySettings,
    connection: SocketConnection | None = None,
) -> Session:
    """Connect, greet, secure and sign in as `call` asks, over a connection that there is already, or a new one.

    Raises SessionRefused; then the connection is closed.
    """
    try:
        if connection is None:
            connection = await dialer.connect(
                call.address, call.port, timeout=settings.connect_timeout_seconds, source=call.source
            )
        if call.tls == "implicit":
            await connection.start_tls_client(call.context, call.tls_name)
    except ConnectFailed as error:
        raise not_connected(error) from error
    except TlsFailed as error:
        raise _handshake_failed(error) from error
    session = Session(call, connection, client_engine(hostname, settings), patience(settings))
    try:
        await session.ready()
        await _secure(session, call)
        if call.username:
            await session.authenticate()
    except SessionRefused:
        await session.close()
        raise
    except BaseException:
        session.abort()
        raise
    return session


async def _secure(session: Session, call: Call) -> None:
    if call.tls == "implicit":
        session.check_certificate()
    if call.tls in ("implicit", "never"):
        return
    if "STARTTLS" in session.extensions:
        if await session.start_tls():
            try:
                await session.ready()
            except SessionRefused as refused:
                raise SessionRefused(refused.reply, tls_failed=True) from refused
            return
        if call.tls == "opportunistic":
            return
    if call.tls == "starttls":
        reply = local_reply(454, "4.7.10", f"{call} does not offer TLS, which is required")
        raise SessionRefused(reply, failure=ResultType.STARTTLS_NOT_SUPPORTED)
