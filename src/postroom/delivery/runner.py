"""Takes due mail from the queue and sees to it that each recipient is served, tried again, or reported.

Owns: the runner that claims, and the workers. Never: speaks SMTP (session.py), chooses hosts (routing.py), decides what
an outcome means (settlement.py). Raises: nothing; what goes wrong ends as a temporary failure and in the log.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from postroom.base import Clock, Ids, MailError, TaskOwner
from postroom.dns import Resolver
from postroom.journal import NO_JOURNAL, Journal
from postroom.net import Dialer
from postroom.queue import BOUNCE, RETRY, Entry, Queue, QueueError, destination_of
from postroom.signing import UNSIGNED, Signing
from postroom.smtp import ServerReply, local_reply

from .api import Attempted, LocalDelivery, LocalDomains
from .content import QueuedContent
from .destination import LOCAL, Destination
from .idle import IdleSessions
from .lanes import Job, Lane, Lanes, grouped
from .lmtp import LmtpSender
from .outbound_tls import OutboundTls
from .reports import Reporter
from .routes import Routes
from .sender import Sender
from .session import Session
from .settings import DeliverySettings
from .settlement import Settlement
from .sites import Sites
from .tls_settings import OutboundTlsSettings

_log = logging.getLogger("postroom.delivery")
_SETTLED_TOGETHER = 100  # jobs
_INTERNAL = local_reply(451, "4.3.0", "Internal error, will be tried again")


class Deliverer:
    """`start` it and mail leaves; `deliver_due_now` does one round and returns when all is settled."""

    _stopping = False
    _starved = False  # more is due than we may have in hand
    _running: asyncio.Task[None] | None = None

    def __init__(
        self,
        *,
        queue: Queue,
        resolver: Resolver,
        dialer: Dialer,
        local: LocalDelivery,
        directory: LocalDomains,
        clock: Clock,
        ids: Ids,
        settings: DeliverySettings,
        hostname: str,
        outbound_tls: OutboundTls | None = None,
        journal: Journal = NO_JOURNAL,
        signing: Signing = UNSIGNED,
    ) -> None:
        self._queue, self._local, self._directory = queue, local, directory
        self._clock, self._settings = clock, settings
        self._routes = Routes(settings)
        self._sender = Sender(
            queue=queue,
            resolver=resolver,
            dialer=dialer,
            clock=clock,
            ids=ids,
            settings=settings,
            hostname=hostname,
            routes=self._routes,
            tls=outbound_tls or OutboundTls(resolver, OutboundTlsSettings()),
            journal=journal,
            signing=signing,
        )
        self._lmtp = LmtpSender(
            queue=queue,
            resolver=resolver,
            dialer=dialer,
            settings=settings,
            hostname=hostname,
            journal=journal,
            signing=signing,
        )
        reporter = Reporter(
            queue=queue,
            local=local,
            directory=directory,
            clock=clock,
            ids=ids,
            settings=settings,
            hostname=hostname,
            journal=journal,
            signing=signing,
        )
        self._settlement = Settlement(queue, reporter, clock, ids, settings, journal)
        self._workers, self._background = TaskOwner("delivery"), TaskOwner("delivery-runner")
        self._idle = IdleSessions(clock, settings, self._background)
        self._sites = Sites(clock, settings)
        self._lanes = Lanes(settings, self._sites)
        self._claimed: set[int] = set()  # entries in our hands
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()

    def on_bounces(self, bounced: Callable[[int, int], None]) -> None:
        """Call it with an account, and how many of its recipients elsewhere were refused for good."""
        self._settlement.bounced = bounced

    # ---- life

    async def start(self) -> None:
        """Begin to deliver what is due, and go on as mail comes."""
        self._queue.on_new_work(self._wake.set)
        self._running = self._background.spawn(self._run(), name="runner")

    async def stop(self) -> None:
        """Claim no more, let attempts under way end for a while, hand back the rest."""
        self._stopping = True
        self._wake.set()
        self._lanes.drop_jobs()
        try:
            async with asyncio.timeout(self._settings.stop_timeout_seconds):
                if self._running is not None:
                    await asyncio.wait([self._running])
                await self._workers.wait()
        except TimeoutError:
            _log.info("stopping with %d attempts under way", len(self._workers))
        await self._workers.close()
        await self._background.close()
        await self._idle.close()
        await self._release(tuple(self._claimed))

    async def deliver_due_now(self) -> int:
        """Attempt everything that is due at the clock's now; how many recipients that were. For tests and tools."""
        count = 0
        while claimed := await self._claim_due():
            count += claimed
            await self._workers.wait()
        return count

    async def close_idle(self) -> None:
        """Say QUIT on connections that are kept for more."""
        await self._idle.close()

    # ---- claiming

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            wait: float | None
            try:
                await self._claim_due()
                due = await self._queue.next_due(self._lanes.full())
                wait = None if due is None else due - self._clock.now()
            except QueueError as error:
                _log.error("the queue can't be read: %s", error)
                wait = self._settings.trouble_retry_seconds
            except Exception:  # our bug; mail must go on leaving
                _log.exception("claiming mail failed")
                wait = self._settings.trouble_retry_seconds
            self._starved = wait is not None and wait <= 0 and self._room() <= 0
            if self._starved:
                wait = None  # a worker that is done wakes us
            await self._sleep(wait)

    async def _sleep(self, seconds: float | None) -> None:
        """Until something happens, or that many seconds."""
        alarm = None
        if seconds is not None:
            alarm = self._background.spawn(self._ring(max(seconds, 0.01)), name="alarm")
        await self._wake.wait()
        if alarm is not None:
            alarm.cancel()

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._wake.set()

    def _room(self) -> int:
        return self._settings.max_claimed - len(self._claimed)

    async def _claim_due(self) -> int:
        """Take what is due, sort it into lanes, set workers to it."""
        async with self._claiming:
            room = self._room()
            if self._stopping or room <= 0:
                return 0
            entries = await self._queue.claim(
                self._clock.now(), room, share=self._settings.new_destination_share, shares=self._lanes.shares()
            )
            self._claimed.update(entry.entry_id for entry in entries)
            answered, open_ = await self._answer(entries)
            placed = await self._place(open_)
        surplus: list[int] = []
        for job in (*answered, *grouped(placed, self._settings.max_recipients_per_transaction)):
            if self._stopping or not self._lanes.add(job):
                surplus += [entry.entry_id for entry in job.entries]
        await self._release(surplus)  # at once: their domains are known to be full now, until there is room
        self._staff()
        return len(entries)

    async def _answer(self, entries: Sequence[Entry]) -> tuple[list[Job], list[Entry]]:
        """Those that nobody needs to be asked about, and the rest."""
        try:
            held = await self._queue.held_against({entry.recipient.address for entry in entries})
        except QueueError as error:
            _log.error("suppressed addresses can't be read: %s", error)
            held = {}
        self._settlement.held_against.update(held)
        now = self._clock.now()
        answered: list[Job] = []
        rest: list[Entry] = []
        for entry in entries:
            known = held.get(entry.recipient.address)
            if entry.wish.startswith(BOUNCE):
                answer = local_reply(550, "5.0.0", entry.wish.removeprefix(BOUNCE) or "Returned by the postmaster")
            elif known is not None and known.until is not None and known.until > now and entry.wish != RETRY:
                text = f"Not sent, as this address has been refused before: {known.reply}"
                answer = local_reply(550, "5.1.1", text)
            else:
                rest.append(entry)
                continue
            answered.append(Job(LOCAL, (entry,), answer))
        return answered, rest

    async def _place(self, entries: Sequence[Entry]) -> list[tuple[Entry, Destination]]:
        """Each entry with its destination; those for which that can't be found out now go back."""
        is_local: dict[str, bool | None] = {"": True}
        for domain in {destination_of(entry.recipient.address) for entry in entries} - {""}:
            try:
                is_local[domain] = await self._directory.is_local_domain(domain)
            except Exception:  # the directory's trouble is not a reason to bounce or to call ourselves
                _log.exception("is %s local?", domain)
                is_local[domain] = None
        placed: list[tuple[Entry, Destination]] = []
        unknown: list[int] = []
        for entry in entries:
            domain, way = destination_of(entry.recipient.address), entry.recipient.way
            here = is_local[domain] and not way
            if (entry.route or way).startswith("lmtp:"):
                placed.append((entry, Destination(entry.route or way)))
            elif here is None:
                unknown.append(entry.entry_id)
            elif here:
                placed.append((entry, LOCAL))
            else:
                placed.append((entry, self._routes.destination(domain, entry.message.envelope.mail_from, entry.route)))
        await self._release(unknown, not_before=self._clock.now() + self._settings.trouble_retry_seconds)
        return placed

    async def _release(self, entry_ids: Sequence[int], *, not_before: float | None = None) -> None:
        self._claimed.difference_update(entry_ids)
        if not entry_ids:
            return
        try:
            await self._queue.release(entry_ids, not_before=not_before)
        except QueueError as error:
            _log.error("%d entries could not be handed back: %s; the next start does", len(entry_ids), error)

    # ---- working

    def _staff(self) -> None:
        if self._stopping:
            return
        for lane in self._lanes.to_staff():
            self._workers.spawn(self._work(lane), name=str(lane.destination))

    async def _work(self, lane: Lane) -> None:
        """One worker: job after job of its lane, over one connection while that is good."""
        session: Session | None = None
        first = True
        try:
            while not self._stopping and (job := self._lanes.next_job(lane, first=first)) is not None:
                first = False
                try:
                    session = await self._do(lane, job, session or self._idle.take(lane.destination))
                finally:
                    self._lanes.job_done(lane)
                worn = session is not None and session.uses >= self._settings.max_messages_per_connection
                if session is not None and (worn or not session.usable):
                    closing, session = session, None
                    await closing.close()
                if (self._starved and self._room() * 2 >= self._settings.max_claimed) or self._lanes.runs_low(lane):
                    self._wake.set()
        finally:
            self._lanes.worker_gone(lane)
            self._staff()
            if session is not None:
                await self._keep(lane.destination, session)

    async def _keep(self, destination: Destination, session: Session) -> None:
        if self._stopping:
            await session.close()
        else:
            await self._idle.put(destination, session)

    async def _do(self, lane: Lane, job: Job, session: Session | None) -> Session | None:
        try:
            if (answer := job.answer or self._down(job)) is not None:
                await self._put_off(lane, job, answer)
                return session
            if job.destination.is_local:
                attempted = [await self._deliver_locally(entry) for entry in job.entries]
            else:
                sender = self._lmtp if job.destination.is_lmtp else self._sender
                carried = await sender.carry(job.destination, job.entries, session)
                attempted, session = carried.attempted, carried.session
                self._observe(job.destination, attempted)
        except Exception:
            _log.exception("%s: attempt failed", job.entries[0].message.message_id)
            attempted = [Attempted(entry, _INTERNAL, "none", delivered=False) for entry in job.entries]
            if session is not None:
                session.abort()
            session = None
        await self._settle(job, attempted)
        return session

    async def _settle(self, job: Job, attempted: Sequence[Attempted]) -> None:
        entry_ids = [entry.entry_id for entry in job.entries]
        try:
            await self._settlement.settle(attempted)
        except Exception:  # nobody knows what has been recorded: trying again might deliver again and again
            _log.exception("%s: held for an operator", job.entries[0].message.message_id)
            await self._queue.hold([str(entry_id) for entry_id in entry_ids])
        self._claimed.difference_update(entry_ids)

    # ---- destinations that do not answer

    def _down(self, job: Job) -> ServerReply | None:
        """Why nobody is called now; an operator who asked for an attempt gets one."""
        if job.destination.is_local or job.wants_attempt:
            return None
        return self._sites.why_down(job.destination)

    async def _put_off(self, lane: Lane, job: Job, answer: ServerReply) -> None:
        """Settle it, and with it what waits behind it and has the same answer: together they cost one fsync."""
        jobs = [job]
        if job.answer is None:
            jobs += self._lanes.more_jobs(lane, _SETTLED_TOGETHER)
        await asyncio.gather(
            *(
                self._settle(
                    one, [Attempted(entry, one.answer or answer, "none", delivered=False) for entry in one.entries]
                )
                for one in jobs
            )
        )

    def _observe(self, destination: Destination, attempted: Sequence[Attempted]) -> None:
        """What the attempt says about the destination."""
        away = [a.reply for a in attempted if not a.delivered and (a.relay == "none" or a.reply.code == 421)]
        if len(away) < len(attempted):
            self._sites.answered(destination)
        elif away and not away[0].permanent and self._sites.failed(destination, away[0]):
            _log.warning("%s: nobody answers, its mail waits for a while: %s", destination, away[0])

    async def _deliver_locally(self, entry: Entry) -> Attempted:
        message = entry.message
        content = QueuedContent(self._queue, message).pieces()
        try:
            await self._local.deliver_local(message.envelope, entry.recipient.address, content, message.message_id)
        except MailError as error:
            reply = local_reply(error.code, error.enhanced, error.text)
            return Attempted(entry, reply, "local", delivered=False, is_local=True)
        except Exception:
            _log.exception("%s: delivery to %s failed", message.message_id, entry.recipient.address)
            return Attempted(entry, _INTERNAL, "local", delivered=False, is_local=True)
        finally:
            await content.aclose()
        reply = local_reply(250, "2.1.5", "Delivered")
        return Attempted(entry, reply, "local", delivered=True, is_local=True)
