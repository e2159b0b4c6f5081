"""A report a day to each domain that wants one.

Owns: when a report is due, that it leaves once, retries. Never: counts (report_results), knows where a domain wants its
reports or what they say. Raises: nothing; what can't be sent is tried again for a day.

Sent is sent, over a restart and a crash too: a report has the name of its day and domain, by which the queue knows it,
and in the database is written what became of it.
"""

import datetime
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import apsw

from postroom.base import Clock, Ids, Spool, TaskOwner
from postroom.dns import Resolver
from postroom.journal import NO_JOURNAL, Journal
from postroom.queue import Envelope, Queue, Recipient
from postroom.signing import UNSIGNED, Signing, signers

from .report_database import ReportDatabase, ReportDatabaseFailure
from .report_results import ReportResults, day_of
from .report_settings import ReportSettings

_log = logging.getLogger("postroom.delivery")
DAY = 86_400.0
_AT_ONCE = 1000  # reports, of one look
_NEVER = frozenset({"NEVER"})


@dataclass(frozen=True, slots=True)
class Due:
    """A report that nothing has become of yet."""

    day: str
    domain: str
    tries: int

    @property
    def begin(self) -> float:
        moment = datetime.date.fromisoformat(self.day)
        return datetime.datetime(moment.year, moment.month, moment.day, tzinfo=datetime.UTC).timestamp()


class ReportSending(ABC):
    """`start` it, or `send_due` now. `kind`: for people."""

    def __init__(
        self,
        kind: str,
        *,
        database: ReportDatabase,
        results: ReportResults,
        resolver: Resolver,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        settings: ReportSettings,
        hostname: str,
        signing: Signing = UNSIGNED,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._journal = journal
        self._kind = kind
        self._signing = signing
        self._database = database
        self._results = results
        self._resolver = resolver
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._hostname = hostname
        self._contact = settings.contact or f"postmaster@{hostname}"
        self._organization = settings.organization or hostname
        self._offset = ids.jitter() * settings.spread_seconds
        self._tasks = TaskOwner(f"{kind.lower()}-reports")

    @property
    def _submitter(self) -> str:
        """The domain of the contact's address."""
        return self._contact.rpartition("@")[2]

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="send")

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.send_due()
            except Exception:  # our bug; the next look may do better
                _log.exception("%s reports", self._kind)
            await self._clock.sleep(self._settings.look_seconds)

    async def send_due(self) -> int:
        """Send what is due; how many left."""
        now = self._clock.now()
        await self._results.flush()
        today = day_of(now - self._offset)  # RFC 8460 §4.1: whole days of UTC; later than others
        try:
            due = await self._database.run(lambda db: _due(db, today, now))
        except ReportDatabaseFailure as error:
            _log.error("%s reports: %s", self._kind, error)
            return 0
        sent = 0
        for one in due:
            sent += await self._report(one)
        return sent

    @abstractmethod
    async def _report(self, due: Due) -> bool:
        """Send one, and `_settle` what became of it, or try `_again`; whether it left."""

    async def _mail(self, octets: bytes, address: str, once: str) -> None:
        """Into the queue, where it is known by `once`, signed by who reports (RFC 8460 §5.3). Raises MailError."""
        with Spool(Path(), memory_limit=len(octets)) as spool:
            spool.write(octets)
            signed = await self._signing.fields(self._signing.domain_of(self._submitter), spool)
            to = [Recipient(address, _NEVER)]
            queue_id = await self._queue.enqueue(Envelope(self._contact), to, spool, prefix=signed, once=once)
        if queue_id:
            self._journal.note(queue_id, "made", what=f"{self._kind} report", to=address)
            if signed:
                self._journal.note(queue_id, "signed", by=signers(signed))

    async def _sent(self, due: Due, where: str) -> bool:
        await self._settle(due, "sent", where)
        _log.info("%s report of %s sent to %s", self._kind, due.day, where)
        return True

    async def _again(self, due: Due, why: str) -> None:
        """RFC 8460 §5.5."""
        now = self._clock.now()
        if now - (due.begin + DAY + self._offset) > self._settings.give_up_seconds:
            _log.warning("%s report of %s to %s given up: %s", self._kind, due.day, due.domain, why)
            await self._settle(due, "failed", "")
            return
        _log.info("%s report of %s to %s not sent yet: %s", self._kind, due.day, due.domain, why)
        await self._settle(due, "waiting", "", now + self._settings.first_retry_seconds * 2**due.tries)

    async def _settle(self, due: Due, state: str, uri: str, next_try: float = 0.0) -> None:
        values = (due.day, due.domain, state, uri, due.tries + 1, next_try)
        try:
            await self._database.run(
                lambda db: db.execute("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?, ?)", values) and None
            )
        except ReportDatabaseFailure as error:
            _log.error("%s report of %s to %s: %s", self._kind, due.day, due.domain, error)


def _due(db: apsw.Connection, today: str, now: float) -> list[Due]:
    """Reports on days before `today` that nothing has become of, or that wait for another try."""
    rows = db.execute(
        "SELECT DISTINCT r.day, r.domain, coalesce(s.tries, 0) FROM result r"
        " LEFT JOIN report s ON s.day = r.day AND s.domain = r.domain"
        " WHERE r.day < ? AND (s.state IS NULL OR s.state = 'waiting' AND s.next_try <= ?)"
        " ORDER BY r.day, r.domain LIMIT ?",
        (today, now, _AT_ONCE),
    )
    return [Due(str(day), str(domain), int(tries)) for day, domain, tries in rows]
