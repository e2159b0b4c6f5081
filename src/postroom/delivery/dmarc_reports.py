"""A report a day to each domain that wants one, on mail that came in its name (RFC 9990).

Owns: where a domain wants them, and that those agree who would get them. Never: decides when (report_sending), counts
(dmarc_results). Raises: nothing.
"""

import asyncio
import hashlib
import logging

from postroom import __version__
from postroom.base import Clock, Ids, MailError
from postroom.dns import Resolver
from postroom.dns.inquiries import ask, pursue
from postroom.journal import NO_JOURNAL, Journal
from postroom.mailauth.dmarc import SuffixList, choose_record
from postroom.mailauth.dmarc.aggregate import AggregateReport, compressed, file_name, subject
from postroom.mailauth.dmarc.destinations import find_destinations
from postroom.mailauth.questions import Question
from postroom.queue import Queue
from postroom.signing import UNSIGNED, Signing

from .dmarc_database import DmarcDatabase
from .dmarc_results import DmarcResults, results_of
from .report_mail import compose_report_mail
from .report_sending import DAY, Due, ReportSending
from .report_settings import DmarcReportSettings

_log = logging.getLogger("postroom.delivery")


class DmarcReports(ReportSending):
    """`start` it, or `send_due` now."""

    def __init__(
        self,
        *,
        database: DmarcDatabase,
        results: DmarcResults,
        resolver: Resolver,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        settings: DmarcReportSettings,
        hostname: str,
        suffixes: SuffixList | None = None,
        signing: Signing = UNSIGNED,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        super().__init__(
            "DMARC",
            database=database,
            results=results,
            resolver=resolver,
            queue=queue,
            clock=clock,
            ids=ids,
            settings=settings,
            hostname=hostname,
            signing=signing,
            journal=journal,
        )
        self._max_rows = settings.max_rows
        self._suffixes = suffixes

    async def _report(self, due: Due) -> bool:
        reply = await ask(self._resolver, Question("TXT", f"_dmarc.{due.domain}"))
        if reply.failed:
            await self._again(due, reply.failed)
            return False
        record, _ = choose_record(reply.texts)
        uris = record.rua if record is not None else ()
        found = await pursue(self._resolver, find_destinations(due.domain, uris, suffixes=self._suffixes))
        for why in found.refused:
            _log.info("DMARC report of %s on %s does not go to %s", due.day, due.domain, why)
        if not found.addresses:
            if found.failed:
                await self._again(due, found.failed)
            else:
                await self._settle(due, "unwanted", "")
            return False
        trouble = found.failed
        try:
            report = await self._composed(due)
            for address in found.addresses:  # RFC 9990: to each of them
                octets = await asyncio.to_thread(self._message, report, address)
                await self._mail(octets, address, f"dmarc-report/{due.day}/{due.domain}/{address}")
        except MailError as error:
            trouble = str(error)
        if trouble:  # the queue knows those that have left already
            await self._again(due, trouble)
            return False
        return await self._sent(due, ", ".join(found.addresses))

    async def _composed(self, due: Due) -> AggregateReport:
        """Raises ReportDatabaseFailure."""
        published, rows, missing = await self._database.run(
            lambda db: results_of(db, due.day, due.domain, self._max_rows)
        )
        return AggregateReport(
            organization=self._organization,
            email=self._contact,
            report_id=f"{due.day}.{due.domain}@{self._hostname}",
            begin=int(due.begin),
            end=int(due.begin + DAY - 1),
            published=published,
            rows=rows,
            errors=(f"{missing} rows with the fewest messages are left out",) if missing else (),
            generator=f"Postroom {__version__}",
        )

    def _message(self, report: AggregateReport, to: str) -> bytes:
        """RFC 7489 §7.2.1.1. The file's name is the same whenever it is sent."""
        token = hashlib.sha256(report.report_id.encode()).hexdigest()[:20]
        return compose_report_mail(
            contact=self._contact,
            to=to,
            subject=subject(self._submitter, report),
            date=self._clock.now(),
            token=self._ids.token(20),
            text=f"This is an aggregate DMARC report from {self._submitter} on mail that came in the name of "
            f"{report.published.domain}.\r\nIt is meant for programs (RFC 9990).\r\n",
            media_type="application/gzip",
            file_name=file_name(self._submitter, report, token),
            packed=compressed(report),
        )
