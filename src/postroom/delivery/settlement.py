"""What the outcome of an attempt means: finish, try again, warn, return, give up.

Owns: the order of report and queue change, the log line of every outcome. Never: attempts anything. Raises: nothing;
the queue is asked until it takes an outcome, for forgetting one would mean a second delivery or a lost report.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from postroom.base import Clock, Ids, MailError
from postroom.journal import NO_JOURNAL, Journal
from postroom.queue import Queue

from .api import Attempted, Status
from .reports import Reporter
from .schedule import (
    is_expired,
    next_attempt,
    wants_delay_warning,
    wants_failure_report,
    wants_relay_report,
    wants_success_report,
)
from .settings import DeliverySettings

_log = logging.getLogger("postroom.delivery")
_NO_MAILBOX = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})  # RFC 3463 §3.2, §3.3, RFC 7505 §4.2


class Settlement:
    """`settle` the outcomes of one attempt, all of one message."""

    def __init__(
        self,
        queue: Queue,
        reporter: Reporter,
        clock: Clock,
        ids: Ids,
        settings: DeliverySettings,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        # hears of an account, and how many of its recipients elsewhere were refused for good
        self.bounced: Callable[[int, int], None] | None = None
        self._queue = queue
        self._journal = journal
        self._reporter = reporter
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self.held_against: set[str] = set()  # addresses under way that were refused for good before

    async def settle(self, attempted: Sequence[Attempted]) -> None:
        """Durable in the queue, and reported where a report is due, when it returns."""
        now = self._clock.now()
        by_status: dict[Status, list[Attempted]] = {status: [] for status in Status}
        for one in attempted:
            status = self._status(one, now)
            by_status[status].append(one)
            _log_outcome(status, one, now)
            self._journal.note(
                one.entry.message.message_id,
                "attempt",
                to=one.entry.recipient.address,
                relay=one.relay,
                tls=one.tls,
                tls_by=one.tls_words,
                status=status.value,
                attempt=one.entry.attempts + 1,
                reply=str(one.reply),
            )
        try:
            await self._settle_each(by_status, now)
        finally:  # claimed again, they are looked up again
            self.held_against.difference_update(one.entry.recipient.address for one in attempted)

    async def _settle_each(self, by_status: Mapping[Status, Sequence[Attempted]], now: float) -> None:
        await self._sent(by_status[Status.SENT])
        await self._failed([*by_status[Status.BOUNCED], *by_status[Status.EXPIRED]])
        await self._deferred(by_status[Status.DEFERRED], now)

    def _status(self, one: Attempted, now: float) -> Status:
        if one.delivered:
            return Status.SENT
        if one.reply.permanent:
            return Status.BOUNCED
        return Status.EXPIRED if is_expired(one.entry, now, self._settings) else Status.DEFERRED

    async def _sent(self, sent: Sequence[Attempted]) -> None:
        if not sent:
            return
        reportable = [a for a in sent if _is_reported(a)]
        if reportable:
            try:
                await self._reporter.succeeded(reportable)
            except Exception:  # better no report than a second delivery
                _log.exception("%s: no success report", _message_id(sent))
        forgiven = [a.entry.recipient.address for a in sent if a.entry.recipient.address in self.held_against]
        if forgiven:
            await self._note(self._queue.note_accepted(forgiven))
        await self._persist(partial(self._queue.finish, _ids(sent)))

    async def _failed(self, failed: Sequence[Attempted]) -> None:
        if not failed:
            return
        reportable = [a for a in failed if wants_failure_report(a.entry)]
        if reportable:
            try:
                # Durable before the entry goes: a crash in between means a second report, never none.
                await self._persist(partial(self._reporter.failed, reportable))
            except Exception:
                _log.exception("%s: no failure report; held for an operator", _message_id(failed))
                await self._persist(partial(self._hold, reportable))
                failed = [a for a in failed if a not in reportable]
        elif not failed[0].entry.message.envelope.mail_from:
            _log.warning("%s: undeliverable and from the null sender: dropped", _message_id(failed))
            await self._note(self._reporter.double_bounced(failed))
        self._count_bounces(failed)
        for reply, refused in _refused_for_good(failed).items():
            await self._note(self._queue.note_refused(refused, reply, self._clock.now()))
        await self._persist(partial(self._queue.finish, _ids(failed)))

    def _count_bounces(self, failed: Sequence[Attempted]) -> None:
        sender = failed[0].entry.message.envelope.holder if failed else None
        count = sum(not a.is_local and not a.reply.local and a.reply.permanent for a in failed)
        if self.bounced is not None and sender is not None and count:
            self.bounced(sender, count)

    async def _hold(self, attempted: Sequence[Attempted]) -> None:
        await self._queue.hold([str(entry_id) for entry_id in _ids(attempted)])

    async def _deferred(self, deferred: Sequence[Attempted], now: float) -> None:
        if not deferred:
            return
        late = [a for a in deferred if wants_delay_warning(a.entry, now, self._settings)]
        warned: set[int] = set()
        if late:
            try:
                await self._reporter.delayed(late)
                warned.update(_ids(late))
            except Exception:  # the next attempt tries again
                _log.exception("%s: no delay report", _message_id(deferred))
        groups: dict[tuple[str, int, bool], list[Attempted]] = {}
        for a in deferred:
            groups.setdefault((f"{a.reply} ({a.relay})", a.entry.attempts, a.entry.entry_id in warned), []).append(a)
        for (reply, _, delay_warned), group in groups.items():
            due = next_attempt(group[0].entry, now, self._ids, self._settings)
            await self._persist(partial(self._queue.defer, _ids(group), due, reply, delay_warned=delay_warned))

    async def _note(self, change: Awaitable[object]) -> None:
        """What is good to have, and not worth a second attempt of the message."""
        try:
            await change
        except Exception:
            _log.exception("not noted")

    async def _persist(self, change: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await change()
                return
            except MailError as error:
                _log.error("an outcome could not be recorded, trying again: %s", error)
                await self._clock.sleep(self._settings.trouble_retry_seconds)


def _ids(attempted: Iterable[Attempted]) -> list[int]:
    return [a.entry.entry_id for a in attempted]


def _refused_for_good(failed: Iterable[Attempted]) -> dict[str, list[str]]:
    """Addresses of which their own host says that they do not exist or take no mail, by its words."""
    refused: dict[str, list[str]] = {}
    for a in failed:
        if not a.is_local and not a.reply.local and a.reply.permanent and a.reply.enhanced in _NO_MAILBOX:
            refused.setdefault(f"{a.reply} ({a.relay})", []).append(a.entry.recipient.address)
    return refused


def _is_reported(sent: Attempted) -> bool:
    if not sent.is_local and wants_relay_report(sent.entry, forgot_deadline=sent.forgot_deadline):
        return True
    return wants_success_report(sent.entry) and not sent.passed_dsn_on


def _message_id(attempted: Sequence[Attempted]) -> str:
    return attempted[0].entry.message.message_id


def _log_outcome(status: Status, attempted: Attempted, now: float) -> None:
    entry = attempted.entry
    _log.info(
        "%s: to=<%s> relay=%s status=%s attempt=%d delay=%.1f reply=%s",
        entry.message.message_id,
        entry.recipient.address,
        attempted.relay,
        status.value,
        entry.attempts + 1,
        now - entry.message.arrived,
        attempted.reply,
    )
