"""A report a day to each domain that wants one, on the TLS with its servers (RFC 8460 §5).

Owns: when a report is due, that it leaves once, retries. Never: counts (tls_results), writes the text
(tls_report_mail). Raises: nothing; what can't be sent is tried again for a day.

Sent is sent, over a restart and a crash too: a report has the name of its day and domain, by which the queue knows it,
and in the database is written what became of it.
"""

import asyncio
import datetime
import logging
from dataclasses import dataclass
from pathlib import Path

import apsw

from postroom.base import Clock, Ids, MailError, Spool, TaskOwner
from postroom.dns import DnsTemporary, Resolver
from postroom.mailauth.tls_rpt import (
    GZIP_TYPE,
    Report,
    compressed,
    https_place,
    mail_address,
    record_name,
    report_uris,
)
from postroom.net import Fetch, FetchFailed, HttpsClient
from postroom.queue import Envelope, Queue, Recipient

from .tls_database import TlsDatabase, TlsDatabaseFailure
from .tls_report_mail import compose_report
from .tls_results import TlsResults, day_of, results_of
from .tls_settings import TlsReportSettings

_log = logging.getLogger("postroom.delivery")
_DAY = 86_400.0
_AT_ONCE = 1000  # reports, of one look
_NEVER = frozenset({"NEVER"})


@dataclass(frozen=True, slots=True)
class _Due:
    day: str
    domain: str
    tries: int

    @property
    def begin(self) -> float:
        moment = datetime.date.fromisoformat(self.day)
        return datetime.datetime(moment.year, moment.month, moment.day, tzinfo=datetime.UTC).timestamp()


class TlsReports:
    """`start` it, or `send_due` now."""

    def __init__(
        self,
        *,
        database: TlsDatabase,
        results: TlsResults,
        resolver: Resolver,
        client: HttpsClient,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        settings: TlsReportSettings,
        hostname: str,
    ) -> None:
        self._database = database
        self._results = results
        self._resolver = resolver
        self._client = client
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._hostname = hostname
        self._contact = settings.contact or f"postmaster@{hostname}"
        self._offset = ids.jitter() * settings.spread_seconds
        self._tasks = TaskOwner("tls-reports")

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="send")

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.send_due()
            except Exception:  # our bug; the next look may do better
                _log.exception("TLS reports")
            await self._clock.sleep(self._settings.look_seconds)

    async def send_due(self) -> int:
        """Send what is due; how many left."""
        now = self._clock.now()
        await self._results.flush()
        today = day_of(now - self._offset)  # RFC 8460 §4.1: whole days of UTC; later than others
        try:
            due = await self._database.run(lambda db: _due(db, today, now))
        except TlsDatabaseFailure as error:
            _log.error("TLS reports: %s", error)
            return 0
        sent = 0
        for one in due:
            sent += await self._report(one)
        return sent

    async def _report(self, due: _Due) -> bool:
        try:
            texts = (await self._resolver.txt(record_name(due.domain))).records
        except DnsTemporary as error:
            await self._again(due, str(error))
            return False
        uris = report_uris(texts)
        if not uris:
            await self._settle(due, "unwanted", "")
            return False
        trouble = ""
        for uri in uris:  # RFC 8460 §3: one that takes it is enough
            try:
                await self._send(due, uri)
            except (MailError, FetchFailed) as error:
                trouble = str(error)
                continue
            await self._settle(due, "sent", uri)
            _log.info("TLS report of %s sent to %s", due.day, uri)
            return True
        await self._again(due, trouble)
        return False

    async def _send(self, due: _Due, uri: str) -> None:
        """Raises MailError, FetchFailed."""
        policies = await self._database.run(lambda db: results_of(db, due.day, due.domain))
        report = Report(
            organization=self._settings.organization or self._hostname,
            contact=self._contact,
            report_id=f"{due.day}.{due.domain}@{self._hostname}",
            begin=due.begin,
            end=due.begin + _DAY - 1,
            policies=policies,
        )
        address = mail_address(uri)
        if address:
            await self._mail(due, report, address)
        else:
            await self._post(report, uri)

    async def _mail(self, due: _Due, report: Report, address: str) -> None:
        """RFC 8460 §5.3."""
        octets = compose_report(
            report,
            domain=due.domain,
            submitter=self._contact.rpartition("@")[2],
            to=address,
            date=self._clock.now(),
            token=self._ids.token(20),
        )
        with Spool(Path(), memory_limit=len(octets)) as spool:
            spool.write(octets)
            once = f"tls-report/{due.day}/{due.domain}"
            await self._queue.enqueue(Envelope(self._contact), [Recipient(address, _NEVER)], spool, once=once)

    async def _post(self, report: Report, uri: str) -> None:
        """RFC 8460 §5.4."""
        place = https_place(uri)
        assert place is not None  # report_uris gives no others
        host, port, target = place
        answers = await asyncio.gather(self._resolver.a(host), self._resolver.aaaa(host))
        addresses = [address for answer in answers for address in answer.records]
        fields = {"Content-Type": GZIP_TYPE}
        body = compressed(report)
        answer = await self._client.fetch(Fetch(host, target, addresses, port, "POST", fields, body))
        if not 200 <= answer.status < 300:
            raise FetchFailed(f"{host} answered {answer.status}")

    async def _again(self, due: _Due, why: str) -> None:
        """RFC 8460 §5.5."""
        now = self._clock.now()
        if now - (due.begin + _DAY + self._offset) > self._settings.give_up_seconds:
            _log.warning("TLS report of %s to %s given up: %s", due.day, due.domain, why)
            await self._settle(due, "failed", "")
            return
        _log.info("TLS report of %s to %s not sent yet: %s", due.day, due.domain, why)
        await self._settle(due, "waiting", "", now + self._settings.first_retry_seconds * 2**due.tries)

    async def _settle(self, due: _Due, state: str, uri: str, next_try: float = 0.0) -> None:
        values = (due.day, due.domain, state, uri, due.tries + 1, next_try)
        try:
            await self._database.run(
                lambda db: db.execute("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?, ?)", values) and None
            )
        except TlsDatabaseFailure as error:
            _log.error("TLS report of %s to %s: %s", due.day, due.domain, error)


def _due(db: apsw.Connection, today: str, now: float) -> list[_Due]:
    """Reports on days before `today` that nothing has become of, or that wait for another try."""
    rows = db.execute(
        "SELECT DISTINCT r.day, r.domain, coalesce(s.tries, 0) FROM result r"
        " LEFT JOIN report s ON s.day = r.day AND s.domain = r.domain"
        " WHERE r.day < ? AND (s.state IS NULL OR s.state = 'waiting' AND s.next_try <= ?)"
        " ORDER BY r.day, r.domain LIMIT ?",
        (today, now, _AT_ONCE),
    )
    return [_Due(str(day), str(domain), int(tries)) for day, domain, tries in rows]
