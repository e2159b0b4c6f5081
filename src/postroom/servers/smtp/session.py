"""One SMTP, submission or LMTP session: joins the engine to the directory and to intake.

Owns: policy at each command, the transaction's routes, time limits by state, what is logged. Never: parses the
protocol, touches the store. Raises: nothing; a failure nobody foresaw becomes 451 for the peer and a traceback in the
log.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence

from postroom.accounts import Directory, Person, domain_key
from postroom.base import MailError
from postroom.guard import Guard
from postroom.intake import Intake, Reception, Route, Source
from postroom.junk import NO_SCORE
from postroom.net import Connection, IdleTimeout, ServerStopping, TlsFailed
from postroom.queue import Envelope, HeldMail, Recipient
from postroom.reputation import Strangers
from postroom.sasl import Challenge
from postroom.servers.clients import client_of
from postroom.signin import Exchange, Refused, SignedIn, SignIn
from postroom.smtp import (
    Auth,
    AuthResponse,
    Event,
    Mail,
    MessageData,
    MessageEnd,
    MessageStart,
    Offers,
    Rcpt,
    Reply,
    ServerEngine,
    SmtpSettings,
    StartTls,
    Verify,
    refusal,
    replies,
)

from .budgets import SessionBudgets
from .milters import Milters
from .policy import Policy
from .stranger import Stranger
from .verification import verify
from .wishes import NO_WISHES, Wishes, check_quota

_log = logging.getLogger("postroom.smtp")
_EVENTS_IN_A_ROW = 64  # of one client, before others have their turn
# RFC 4954 §6: who is not refused for good may try again
_TRY_AGAIN = {
    "busy": replies.AUTH_TEMPORARY_FAILURE,
    "unavailable": replies.AUTH_TEMPORARY_FAILURE,
    "banned": replies.TOO_MANY_FAILED_SIGN_INS,
}


class SenderRefused(MailError):
    """A person sends with an address that is not theirs (RFC 6409 §6.1)."""

    code, enhanced, text = 550, "5.7.1", "Sender address not owned by the signed-in user"


class SmtpService:
    """net.Service for one listener. `tls` makes STARTTLS available, `held` counts what people have held, `guard` what
    everybody does; without `sign_in` nobody can."""

    def __init__(
        self,
        policy: Policy,
        *,
        hostname: str,
        intake: Intake,
        directory: Directory,
        settings: SmtpSettings,
        tls: ssl.SSLContext | None = None,
        held: HeldMail | None = None,
        guard: Guard | None = None,
        strangers: Strangers | None = None,
        sign_in: SignIn | None = None,
    ) -> None:
        self.policy = policy
        self.hostname = domain_key(hostname) or hostname  # RFC 6531 §3.7.1: as A-labels
        self.intake = intake
        self.directory = directory
        self.settings = settings
        self.tls = tls
        self.held = held
        self.guard = None if policy.lmtp else guard  # whoever speaks LMTP is one of ours
        self.strangers = strangers  # None: nobody looks at those who have not signed in
        self.sign_in = sign_in

    @property
    def busy(self) -> bytes:
        """What a listener tells a client when it has too many already (RFC 5321 §3.1)."""
        return Reply(421, "4.3.2", f"{self.hostname} Too many connections, please try again later").wire

    async def serve(self, connection: Connection) -> None:
        await _Session(self, connection).run()


class _Session:
    def __init__(self, service: SmtpService, connection: Connection) -> None:
        self._service = service
        self._connection = connection
        self._settings = service.settings
        self._policy = service.policy
        self._intake = service.intake
        self._directory = service.directory
        self._engine = ServerEngine(service.hostname, service.settings, lmtp=service.policy.lmtp)
        self._stranger = Stranger.at(service.strangers, service.policy, connection)
        self._milters = Milters.at(self._intake.filters, service.policy.name, connection)
        self._person: Person | None = None
        self._exchange: Exchange | None = None
        self._auth_failures = 0
        self._mail: Mail | None = None
        self._wishes = NO_WISHES
        self._routes: list[Route] = []
        self._reception: Reception | None = None
        self._budgets = SessionBudgets(service.guard, connection.peer[0])

    async def run(self) -> None:
        """From the greeting to the end; the listener closes the connection."""
        engine, connection, settings = self._engine, self._connection, self._settings
        _log.debug("%s: %s connected", self._policy.name, connection.peer[0])
        self._offer()
        try:
            await self._greet()
            while True:
                if out := engine.take_output():
                    connection.send(out)
                    await connection.drain()  # a client that reads no replies gets no more of them
                if engine.closed:
                    return
                connection.idle_timeout = (
                    settings.data_timeout_seconds if engine.in_message else settings.command_timeout_seconds
                )
                data = await connection.receive()
                if not data:
                    _log.debug("%s: %s is gone", self._policy.name, connection.peer[0])
                    return
                engine.feed(data)
                await self._step()
        except IdleTimeout:
            self._leave(Reply(421, "4.4.2", f"{self._service.hostname} Error: timeout exceeded"))
        except ServerStopping:  # RFC 5321 §3.8: a server that has to go says so
            self._leave(Reply(421, "4.3.2", f"{self._service.hostname} Service not available, closing channel"))
        except TlsFailed as error:
            _log.info("%s: TLS handshake with %s failed: %s", self._policy.name, connection.peer[0], error)
        finally:
            self._drop()
            if self._milters is not None:
                self._milters.close()

    async def _greet(self) -> None:
        """Unless a milter turns the client away."""
        early = await self._stranger.greet() if self._stranger is not None else b""
        try:
            if self._milters is not None:
                await self._milters.connected()
        except MailError as error:
            _log.info("%s: %s turned away: %s", self._policy.name, self._connection.peer[0], error)
            self._leave(Reply(421, error.enhanced, f"{self._service.hostname} {error.text}"))
            return
        self._engine.greet()
        if early:
            self._engine.feed(early)
            await self._step()

    def _leave(self, reply: Reply) -> None:
        self._engine.close(reply)
        self._connection.send(self._engine.take_output())

    def _offer(self) -> None:
        """What EHLO may announce in the connection's present state."""
        policy, settings, connection = self._policy, self._settings, self._connection
        allowed, sign_in = policy.may_sign_in(connection, settings), self._service.sign_in
        longest = settings.max_hold_seconds if policy.sign_in_needed else 0  # RFC 4865 §4.2 (2): on submission alone
        self._engine.offers = Offers(
            starttls=self._service.tls is not None and connection.tls is None,
            tls_active=connection.tls is not None,
            auth=sign_in.mechanisms(client_of(connection, "smtp")) if allowed and sign_in is not None else (),
            auth_needs_tls=policy.signs_in and not allowed,
            sign_in_first=policy.before_mail(connection, settings),
            verify=policy.verify,
            hold=(longest, self._intake.clock.now() + longest) if longest else None,
        )

    async def _step(self) -> None:
        """Act on every event that the octets received so far make."""
        engine = self._engine
        events = 0
        while (event := engine.next_event()) is not None:
            events += 1
            if not events % _EVENTS_IN_A_ROW:
                await asyncio.sleep(0)
            if type(event) is MessageData:
                assert self._reception is not None
                self._reception.write(event.piece)
                continue
            try:
                await self._handle(event)
            except MailError as error:
                self._answer(error, event)
            except TlsFailed:
                raise
            except Exception as error:
                _log.exception(
                    "%s: %s from %s failed", self._policy.name, type(event).__name__, self._connection.peer[0]
                )
                self._answer(MailError(repr(error)), event)
        if self._reception is not None and not engine.message_open:  # RSET between two chunks, or one was refused
            self._drop()

    def _answer(self, error: MailError, event: Event) -> None:
        """Refuse what was asked; every recipient of a finished LMTP message is told."""
        what = (
            f"{type(event).__name__} {event.address}"
            if isinstance(event, Mail | Rcpt | Verify)
            else type(event).__name__
        )
        _log.info("%s: %s refused %s: %s %s", self._policy.name, self._connection.peer[0], what, error.code, error)
        reply = refusal(error)
        self._engine.reply(reply)
        while type(event) is MessageEnd and self._engine.reply_due:
            self._engine.reply(reply)

    async def _handle(self, event: Event) -> None:
        match event:
            case Rcpt():
                await self._rcpt(event)
            case Mail():
                await self._start(event)
            case MessageStart():
                self._receive(event)
            case MessageEnd():
                await self._finish(event)
            case Verify():
                self._engine.reply(await verify(event, self._intake, self._person))
            case StartTls():
                await self._start_tls()
            case Auth():
                sign_in = self._service.sign_in
                self._exchange = (
                    None if sign_in is None else sign_in.exchange(event.mechanism, client_of(self._connection, "smtp"))
                )
                await self._sign_in(event.initial)
            case AuthResponse():
                await self._sign_in(event.response)

    # ---- the transaction

    async def _start(self, mail: Mail) -> None:
        assert self._person is not None or not self._policy.sign_in_needed  # else the engine gives no Mail
        if self._person is not None:
            await self._check_sender(self._person, mail.address)
        trusted = self._policy.max_priority(self._connection, self._settings, signed_in=self._person is not None)
        wishes = Wishes.of(mail, self._settings, now=self._intake.clock.now(), max_priority=trusted)
        await self._check_held(wishes, mail.size or 0)
        self._budgets.begin(self._person)
        if self._milters is not None:
            await self._milters.mail(mail, self._engine.hello, self._person)
        self._wishes = wishes
        self._mail = mail
        if self._stranger is not None:
            self._stranger.mail(self._engine)
        self._routes = []
        self._engine.reply(self._wishes.reply)

    async def _check_held(self, wishes: Wishes, octets: int) -> None:
        """RFC 4865 §5 (3). A moment that is over already holds nothing."""
        now, held, person = self._intake.clock.now(), self._service.held, self._person
        if held is not None and person is not None and wishes.hold_until is not None and wishes.hold_until > now:
            await check_quota(held, person.account_id, octets, self._settings, now=now)

    async def _check_sender(self, person: Person, address: str) -> None:
        current = await self._directory.person(person.account_id)  # accounts change while sessions last
        if current is None or not current.enabled:
            raise SenderRefused(f"{person.address} is no longer welcome", enhanced="5.7.13", text="Account disabled")
        # RFC 6409 §3.2: the null sender is nobody's, and has to be accepted
        if address and not await self._directory.may_send_as(current, address):
            raise SenderRefused(f"{person.address} sends as {address}")

    async def _rcpt(self, rcpt: Rcpt) -> None:
        assert self._mail is not None
        recipient = Recipient(rcpt.address, rcpt.notify, rcpt.original)
        self._budgets.recipient(self._person)
        try:
            route = await self._intake.route(recipient, sender=self._person, size=self._mail.size)
        except MailError as error:
            if self._milters is not None:
                await self._milters.refused(rcpt)
            await self._refuse_recipient(error, rcpt)
            return
        self._budgets.found(self._person)
        if self._stranger is not None and self._person is None:
            await self._stranger.recipient(self._mail.address, rcpt.address, self._intake)
        if self._milters is not None:
            await self._milters.rcpt(rcpt)
        self._routes.append(route)
        self._engine.reply(replies.RECIPIENT_OK)

    async def _refuse_recipient(self, error: MailError, rcpt: Rcpt) -> None:
        """Whoever tries many that nobody is waits for the answers, and then has to go (RFC 5321 §7.8)."""
        answer = self._budgets.refused(self._person, error)
        if answer.delay:
            await self._intake.clock.sleep(answer.delay)
        self._answer(error, rcpt)
        if answer.close:
            words = f"{self._service.hostname} Too many recipients that are not here, closing connection"
            self._engine.close(Reply(421, "4.7.0", words))

    def _receive(self, start: MessageStart) -> None:
        engine, connection, mail = self._engine, self._connection, self._mail
        assert mail is not None
        self._drop()
        stranger = self._stranger if self._person is None else None
        if stranger is not None:
            stranger.data(engine, start)
        self._reception = self._intake.receive(
            Source(
                hello=engine.hello,
                address=connection.peer[0],
                extended=engine.extended,
                lmtp=self._policy.lmtp,
                tls=connection.tls,
                person=self._person,
                check=self._policy.checks_senders,
                score=stranger.score if stranger is not None else NO_SCORE,
                visit=stranger.visit if stranger is not None else None,
                listener=self._policy.name,
                milters=self._milters.visit if self._milters is not None else None,
            ),
            mail.address,
        )
        engine.reply(replies.START_MAIL_INPUT)

    async def _finish(self, end: MessageEnd) -> None:
        mail, routes, reception = self._mail, self._routes, self._reception
        assert mail is not None
        assert reception is not None
        self._budgets.came(self._person, reception.size)
        try:
            if end.refusal is not None:
                raise MailError(code=end.refusal.code, enhanced=end.refusal.enhanced, text=end.refusal.text)
            await self._check_held(self._wishes, reception.size)  # MAIL may have said no size, and others were here
            envelope = Envelope(
                mail.address,
                body_8bit=end.eight_bit or mail.body in ("8BITMIME", "BINARYMIME"),
                smtputf8=mail.smtputf8,
                ret=mail.ret,
                envid=mail.envid,
                binary=mail.binary,
                long_lines=end.long_lines,
                require_tls=mail.require_tls,
                deliver_by=self._wishes.deliver_by,
                hold_until=self._wishes.hold_until,
                priority=self._wishes.priority,
                holder=self._person.account_id if self._person else None,
            )
            self._budgets.sends(self._person, routes)
            outcomes = await reception.finish(envelope, routes, each=self._policy.lmtp)
            self._accepted(reception, mail, outcomes)
        finally:
            self._drop()
            self._mail, self._routes = None, []

    def _accepted(self, reception: Reception, mail: Mail, outcomes: Sequence[MailError | None]) -> None:
        queued = Reply(250, "2.0.0", f"Ok: queued as {reception.trace_id}")
        for error in outcomes if self._policy.lmtp else outcomes[:1]:
            self._engine.reply(queued if error is None else refusal(error))
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "%s: %s from=<%s> to=%s size=%d priority=%d client=%s user=%s",
                self._policy.name,
                reception.trace_id,
                mail.address,
                ",".join(route.recipient.address for route in self._routes[:10]),
                reception.size,
                self._wishes.priority,  # RFC 6710 §4.1 (3)
                self._connection.peer[0],
                self._person.address if self._person else "-",
            )

    def _drop(self) -> None:
        reception, self._reception = self._reception, None
        if reception is not None:
            reception.close()

    # ---- TLS and sign-in

    async def _start_tls(self) -> None:
        engine, connection, tls = self._engine, self._connection, self._service.tls
        if tls is None:
            engine.reply(replies.TLS_NOT_AVAILABLE)
            return
        engine.reply(replies.READY_FOR_TLS)
        connection.send(engine.take_output())
        if engine.thrown_away_at_starttls:  # RFC 3207 §4.2, CVE-2011-0411
            _log.warning("%s: %s sent commands behind STARTTLS", self._policy.name, connection.peer[0])
        await connection.start_tls(tls)
        engine.tls_started()
        self._person = None
        self._offer()

    async def _sign_in(self, response: bytes | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self._engine.reply(replies.NO_SUCH_MECHANISM)
            return
        step = await exchange.step(response)
        if isinstance(step, Challenge):
            self._engine.challenge(step.data)
            return
        self._exchange = None
        if isinstance(step, SignedIn):
            self._person = step.person
            self._engine.reply(replies.AUTHENTICATED)
            return
        self._refuse_sign_in(step)

    def _refuse_sign_in(self, refused: Refused) -> None:
        name = refused.username or "nobody"
        peer = self._connection.peer[0]
        _log.warning("%s: sign-in as %r from %s refused: %s", self._policy.name, name, peer, refused.words)
        if refused.kind in ("busy", "unavailable"):
            self._engine.reply(_TRY_AGAIN[refused.kind])
            return
        self._auth_failures += 1
        self._engine.reply(_TRY_AGAIN.get(refused.kind, replies.BAD_CREDENTIALS))
        if self._auth_failures >= self._settings.max_auth_failures:
            hostname = self._service.hostname
            self._engine.close(Reply(421, "4.7.0", f"{hostname} closing connection: too many failed sign-ins"))
