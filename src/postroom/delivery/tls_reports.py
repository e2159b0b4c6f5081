"""A report a day to each domain that wants one, on the TLS with its servers (RFC 8460 §5).

Owns: where a domain wants them, and that one place that takes it is enough. Never: decides when (report_sending),
counts (tls_results), writes the text (tls_report_mail). Raises: nothing.
"""

import asyncio

from postroom.base import Clock, Ids, MailError
from postroom.dns import DnsTemporary, Resolver
from postroom.journal import NO_JOURNAL, Journal
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
from postroom.queue import Queue
from postroom.signing import UNSIGNED, Signing

from .report_sending import DAY, Due, ReportSending
from .tls_database import TlsDatabase
from .tls_report_mail import compose_report
from .tls_results import TlsResults, results_of
from .tls_settings import TlsReportSettings


class TlsReports(ReportSending):
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
        signing: Signing = UNSIGNED,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        super().__init__(
            "TLS",
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
        self._client = client

    async def _report(self, due: Due) -> bool:
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
            return await self._sent(due, uri)
        await self._again(due, trouble)
        return False

    async def _send(self, due: Due, uri: str) -> None:
        """Raises MailError, FetchFailed."""
        policies = await self._database.run(lambda db: results_of(db, due.day, due.domain))
        report = Report(
            organization=self._organization,
            contact=self._contact,
            report_id=f"{due.day}.{due.domain}@{self._hostname}",
            begin=due.begin,
            end=due.begin + DAY - 1,
            policies=policies,
        )
        address = mail_address(uri)
        if address:  # RFC 8460 §5.3
            octets = compose_report(
                report,
                domain=due.domain,
                submitter=self._submitter,
                to=address,
                date=self._clock.now(),
                token=self._ids.token(20),
            )
            await self._mail(octets, address, f"tls-report/{due.day}/{due.domain}")
        else:
            await self._post(report, uri)

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
