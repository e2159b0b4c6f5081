"""One message to one destination: host after host until every recipient has an answer.

Owns: the order of hosts and addresses tried, TLS or not, when the next host is asked. Never: touches the queue's
entries, decides on retry or bounce (runner.py). Raises: what reading the content raises; never for what a peer does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter

from postroom.base import Clock, Ids
from postroom.dns import DnsTemporary, Resolver
from postroom.journal import NO_JOURNAL, Journal
from postroom.net import Dialer, LocalFailure, Raced, SocketConnection
from postroom.queue import Entry, Queue
from postroom.signing import UNSIGNED, Signing
from postroom.smtp import Outcome, ServerReply, local_reply

from .api import Attempted, Undeliverable
from .content import QueuedContent
from .destination import Destination, ascii_domain
from .message_tls import MessageTls
from .outbound_tls import OutboundTls
from .routes import RouteGone, Routes
from .routing import Found, Host, LeadsBack, Router
from .session import Call, Session, SessionRefused, not_connected, open_session
from .settings import DeliverySettings
from .tls_demand import TlsDemand
from .tls_policy import HostRefused
from .told import Told, note_doubt
from .transaction import Transaction, Transactions, Unfit, leaves_deadline_behind, with_content
from .unreachable import UnreachableHosts

_log = logging.getLogger("postroom.delivery")
_NONCE_CHARACTERS = 32


@dataclass(slots=True)
class Carried:
    """What an attempt left: every entry's answer, and a session for the next message."""

    attempted: list[Attempted]
    session: Session | None


class Sender:
    """Has everything an attempt needs."""

    def __init__(
        self,
        *,
        queue: Queue,
        resolver: Resolver,
        dialer: Dialer,
        clock: Clock,
        ids: Ids,
        settings: DeliverySettings,
        hostname: str,
        routes: Routes,
        tls: OutboundTls,
        journal: Journal = NO_JOURNAL,
        signing: Signing = UNSIGNED,
    ) -> None:
        self._queue = queue
        self._signing = signing
        self.journal = journal
        self._dialer = dialer
        self.clock = clock
        self._ids = ids
        self._settings = settings
        self._hostname = ascii_domain(hostname)  # RFC 5321 §2.3.5: for EHLO
        self._routes = routes
        self._router = Router(resolver, ids, settings, hostname, routes, dialer.own)
        self._tls = tls
        self.unreachable = UnreachableHosts(clock, settings.unreachable_memory_seconds, settings.max_unreachable_hosts)

    async def carry(self, destination: Destination, entries: Sequence[Entry], session: Session | None) -> Carried:
        """Bring one message to those recipients; `session` is an open one to this destination."""
        attempt = _Attempt(self, destination, entries)
        if session is not None and not await attempt.reuse(session):
            return Carried(attempt.done, session)
        seconds = with_content(self._settings, self._settings.max_attempt_seconds, entries[0].message.size)
        try:
            async with asyncio.timeout(seconds) as limit:
                session = await self._carry(attempt, destination)
        except TimeoutError:
            if not limit.expired():
                raise
            attempt.give_up(f"The attempt was given up after {seconds:.0f} seconds")
            session = None
        return Carried(attempt.done, session)

    async def _carry(self, attempt: "_Attempt", destination: Destination) -> Session | None:
        try:
            hosts = await self._router.hosts(destination)
        except (Undeliverable, DnsTemporary, RouteGone) as error:
            attempt.answer_all(local_reply(error.code, error.enhanced, error.text))
            return None
        return await attempt.try_hosts(hosts)

    # ---- used by one attempt

    def is_ourselves(self, session: Session) -> bool:
        """It says that it is this very server."""
        return self._router.is_own_name(session.name)

    async def demand(
        self, destination: Destination, host: Host, *, authenticated: bool = False, waived: bool = False
    ) -> TlsDemand:
        """What is asked of a connection to the host. Raises HostRefused, DnsTemporary, RouteGone."""
        relay = self._routes.relay(destination)
        return await self._tls.demand(destination, relay, host, authenticated=authenticated, waived=waived)

    def note_host(self, host: Host, refused: HostRefused) -> None:
        """It may not get the mail."""
        self._tls.note_host(host, refused)

    def call(self, destination: Destination, host: Host, demand: TlsDemand, address: str) -> Call:
        relay = self._routes.relay(destination)
        return Call(
            host.name,
            address,
            host.port,
            demand.use,
            self._tls.context(relay, demand),
            relay.username,
            relay.password,
            relay.source_for(address),
            demand,
            self.clock.now(),
            self._ids.token(_NONCE_CHARACTERS) if relay.username else "",
        )

    async def race(
        self, calls: Sequence[Call], late: Callable[[], Awaitable[Sequence[Call]]] | None = None
    ) -> Raced[Call]:
        """Connect to one of a host's addresses, and remember what could not be reached."""
        settings = self._settings
        raced = await self._dialer.race(
            calls,
            stagger=settings.connection_attempt_delay_seconds,
            timeout=settings.connect_timeout_seconds,
            late=late,
        )
        for call, failure in raced.failed:
            if not isinstance(failure, LocalFailure):
                self.unreachable.failed(call.address, call.port, call.source, str(failure))
        if raced.winner is not None:
            self.unreachable.reached(raced.winner.address, raced.winner.port, raced.winner.source)
        return raced

    async def open(self, call: Call, connection: SocketConnection) -> Session:
        """A session, with less TLS than `call` asks for where that may be. Raises SessionRefused."""
        given: SocketConnection | None = connection
        local, told = connection.local[0], False
        while True:
            try:
                session = await open_session(self._dialer, call, self._hostname, self._settings, given)
                if not told:
                    self._tls.note_session(call, local, secure=session.secure)
                return session
            except SessionRefused as refused:
                if refused.failure is not None and not told:
                    self._tls.note_failure(call, local, refused.failure, refused.reply.lines[0])
                    told = True
                lesser = self._lesser(call, refused)
                if lesser is None:
                    raise
                _log.info("%s: %s; trying with less", call, refused.reply)
                call, given = lesser, None

    def _lesser(self, call: Call, refused: SessionRefused) -> Call | None:
        demand, why = call.demand, refused.reply.lines[0]
        if demand.soft and refused.failure is not None:  # RFC 8461 §5: in testing it is sent all the same
            demand = replace(demand, use=demand.otherwise, by=f"{demand.by}, not met: {why}", names=(), soft=False)
            return replace(call, tls=demand.use, context=self._tls.contexts.any_certificate, demand=demand)
        if refused.tls_failed and call.tls == "opportunistic" and self._settings.plaintext_after_tls_failure:
            by = "; ".join(filter(None, (demand.by, f"without TLS, since: {why}")))
            return replace(call, tls="never", demand=replace(demand, use="never", by=by))
        return None

    async def find_all(self, hosts: Sequence[Host]) -> list[Found | Undeliverable | DnsTemporary]:
        """The addresses of hosts of one preference. Raises LeadsBack: one of them is us."""
        return await self._router.find_all(hosts)

    def content(self, entry: Entry) -> QueuedContent:
        return QueuedContent(self._queue, entry.message, self._signing)

    @property
    def settings(self) -> DeliverySettings:
        return self._settings


class _Attempt:
    """The state of one `carry`."""

    def __init__(self, sender: Sender, destination: Destination, entries: Sequence[Entry]) -> None:
        self._sender = sender
        self._destination = destination
        self._pending = list(entries)
        self._message = entries[0].message
        content = sender.content(entries[0])
        self._transactions = Transactions(self._message, content, sender.settings, sender.clock)
        self._tls = MessageTls(self._message.envelope, content.header, partial(sender.demand, destination))
        # an operator's "retry" is recognised by its due time (unreachable.py)
        self._due_since = max((e.next_attempt for e in entries if e.attempts), default=None)
        self._failures: list[ServerReply] = []  # why the next host was asked
        self._met_ourselves = False
        self._room = 0  # for calls
        self._again = False  # the host took some recipients, and wants a new connection for the others
        self.done: list[Attempted] = []

    async def try_hosts(self, hosts: Sequence[Host]) -> Session | None:
        """Each address of each host until nobody is pending; the session that is still good, if any."""
        self._room = self._sender.settings.max_addresses
        for _, group in groupby(hosts, key=attrgetter("configured", "preference")):
            equals = list(group)
            try:
                found = await self._sender.find_all(equals)
            except LeadsBack as error:  # RFC 5321 §5.1: those are ours, and worse ones would send it here
                if not self._failures:
                    self._failures.append(local_reply(error.code, error.enhanced, error.text))
                break
            for host, one in zip(equals, found, strict=True):
                session = await self._try_found(host, one)
                if not self._pending:
                    return session
                if self._met_ourselves or self._room <= 0:
                    break
            if self._met_ourselves or self._room <= 0:
                break
        self.answer_all(self._summary())
        return None

    async def _try_found(self, host: Host, found: Found | Undeliverable | DnsTemporary) -> Session | None:
        if not isinstance(found, Found):
            self._failures.append(local_reply(found.code, found.enhanced, f"{host.name}: {found.text}"))
            return None
        demand = await self._demand(host)
        if demand is None:
            return None
        make = partial(self._sender.call, self._destination, host, demand)
        return await self._try_host(host, make, found)

    def _calls(self, make: Callable[[str], Call], addresses: Sequence[str]) -> list[Call]:
        """Those that are worth it, as many as there is room for."""
        calls = [call for call in map(make, addresses) if self._worth(call)][: max(self._room, 0)]
        self._room -= len(calls)
        return calls

    async def _demand(self, host: Host) -> TlsDemand | None:
        """What is asked of a connection to the host; None: the mail can't go there now."""
        try:
            return await self._tls.demand(host)
        except HostRefused as refused:
            self._sender.note_host(host, refused)
            reply = local_reply(refused.code, refused.enhanced, refused.text)
        except DnsTemporary as error:  # RFC 7672 §2.1.2: as if it could not be reached
            text = f"{host.name}: what its TLS has to be like can't be found out now: {error}"
            reply = local_reply(error.code, error.enhanced, text)
        self._note_call(host.name, str(reply))
        self._failures.append(reply)
        return None

    def _worth(self, call: Call) -> bool:
        """Not when it could not be reached a moment ago."""
        reason = self._sender.unreachable.recent(call.address, call.port, call.source, self._due_since)
        if reason is not None:
            self._failures.append(local_reply(421, "4.4.1", f"{reason} (a moment ago)"))
        return reason is None

    async def _try_host(self, host: Host, make: Callable[[str], Call], found: Found) -> Session | None:
        """The addresses of one host: that which is connected first, then the others."""
        calls, more = self._calls(make, found.addresses), found.late

        async def late() -> Sequence[Call]:
            nonlocal more
            assert more is not None
            addresses = await more()
            more = None
            added = self._calls(make, addresses)
            calls.extend(added)
            return added

        while calls or more is not None:
            raced = await self._sender.race(list(calls), late if more is not None else None)
            for call, failure in raced.failed:
                self._no_session(call, not_connected(failure).reply)
            if raced.connection is None or raced.winner is None:
                return None
            for call in raced.dropped:
                self._note_call(call, f"not waited for: {raced.winner.address} was quicker")
            session = await self._try_call(host, raced.winner, raced.connection)
            if not self._pending or self._met_ourselves:
                return session
            gone = {call.address for call, _ in raced.failed}
            if not self._again:
                gone.add(raced.winner.address)
            calls[:] = [call for call in calls if call.address not in gone]
        return None

    async def _try_call(self, host: Host, call: Call, connection: SocketConnection) -> Session | None:
        try:
            session = await self._sender.open(call, connection)
        except SessionRefused as refused:
            self._no_session(call, self._tls.refusal(refused))
            return None
        except BaseException:
            connection.abort()
            raise
        if not host.configured and self._sender.is_ourselves(session):
            # RFC 5321 §5.1: an MX is us by a name or address that the settings do not know; worse ones lead in circles
            self._met_ourselves = True
            await session.close()
            text = f"{call} is this server itself: mail for {self._destination} goes in circles"
            self._failures.append(local_reply(554, "5.4.6", text))
            return None
        if (unfit := self._tls.unfit(session)) is not None:
            self._no_session(call, unfit)
            await session.close()
            return None
        answer = await self.transact(session)
        if answer is None:
            return session
        self._failures.append(answer)
        return None

    def _no_session(self, call: Call, reply: ServerReply) -> None:
        self._note_call(call, str(reply), call.demand.by)
        self._failures.append(replace(reply, lines=(f"{call}: {reply.lines[0]}", *reply.lines[1:])))

    def _note_call(self, whom: Call | str, words: str, tls_by: str = "") -> None:
        """Every address that was called is told."""
        _log.info("%s: %s: %s", self._message.message_id, whom, words)
        self._sender.journal.note(self._message.message_id, "call", relay=str(whom), reply=words, tls_by=tls_by)

    def _summary(self) -> ServerReply:
        """Permanent only if every host said so itself: one that can't be asked now may say something else later."""
        failures = self._failures
        if not failures:
            text = f"No mail server of {self._destination} has an address"
            return local_reply(550, "5.4.4", text)
        temporary = [reply for reply in failures if not reply.permanent]
        return temporary[-1] if temporary else failures[-1]

    def give_up(self, words: str) -> None:
        """There is no more time."""
        last = f"; {self._failures[-1]}" if self._failures else ""
        self.answer_all(local_reply(421, "4.4.2", words + last))

    def answer_all(self, reply: ServerReply, session: Session | None = None) -> None:
        relay, host = (session.relay, session.call.host) if session else ("none", "")
        self.done += [Attempted(entry, reply, relay, delivered=False, host=host) for entry in self._pending]
        self._pending = []

    async def reuse(self, session: Session) -> ServerReply | None:
        """As `transact`, over a session that was opened for another message, if that is as safe as it has to be."""
        if session.usable and not await self._tls.may_use(session, self._sender.clock.now()):
            await session.close()
            return local_reply(421, "4.7.5", "The open connection is less safe than it has to be")
        return await self.transact(session, reused=True)

    async def transact(self, session: Session, *, reused: bool = False) -> ServerReply | None:
        """Send to all pending recipients; None when each has an answer, else why the next host has to be asked."""
        self._again = False
        if reused and not session.usable:
            await session.close()
            return local_reply(421, "4.4.2", "The open connection was closed")
        while True:
            entries, waiting = self._portion(session)
            if not entries:
                return await self._worn(session)
            try:
                transaction = await self._transactions.for_server(session.extensions, entries)
                outcomes = await self._send(session, transaction)
            except Unfit as unfit:
                await session.close()
                return unfit.reply
            except BaseException:
                if session.undecided:
                    note_doubt(self._sender.journal, session.relay, entries)
                session.abort()  # never say the final dot of a message that was not sent whole
                raise
            told = Told.of(entries, outcomes)
            note_doubt(self._sender.journal, session.relay, told.in_doubt)
            self._pending = [*waiting, *told.unasked, *told.left_over]
            self.done += [self._attempted(entry, outcome, session) for entry, outcome in told.answered]
            if told.parting is not None:
                await session.close()
                return told.parting
            if not self._pending:
                if not session.usable:
                    await session.close()
                return None
            self._again = True
            if not session.usable:
                return await self._worn(session)

    def _portion(self, session: Session) -> tuple[list[Entry], list[Entry]]:
        """Who is sent to next, and who waits."""
        fits = session.fits([entry.recipient.address for entry in self._pending])
        both = list(zip(self._pending, fits, strict=True))
        return [entry for entry, fit in both if fit], [entry for entry, fit in both if not fit]

    async def _worn(self, session: Session) -> ServerReply:
        await session.close()
        return local_reply(421, "4.4.2", "The connection was closed between two transactions")

    async def _send(self, session: Session, transaction: Transaction) -> Sequence[Outcome]:
        settings = self._sender.settings
        seconds = with_content(settings, settings.max_transaction_seconds, self._message.size)
        return await session.send(transaction.mail, transaction.content, seconds)

    def _attempted(self, entry: Entry, outcome: Outcome, session: Session) -> Attempted:
        return Attempted(
            entry,
            outcome.reply,
            session.relay,
            delivered=outcome.delivered,
            passed_dsn_on="DSN" in session.extensions,
            forgot_deadline=leaves_deadline_behind(
                self._message.envelope.deliver_by, session.extensions, self._sender.clock.now()
            ),
            tls=session.tls,
            tls_words=session.tls_words,
            host=session.call.host,
        )
