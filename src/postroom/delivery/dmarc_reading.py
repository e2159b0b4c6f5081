"""DMARC reports of others on mail in our name: aggregate reports (RFC 9990) and failure reports (RFC 6591, RFC 9991).

Owns: what of them is kept. Never: looks through the mailbox itself (report_reading does), believes them: anybody can
write one. Raises: BadReport from `read`.
"""

import hashlib

import apsw
import msgspec

from postroom.accounts import Directory
from postroom.base import Clock
from postroom.mailauth.dmarc.aggregate import AggregateReport
from postroom.mailauth.dmarc.aggregate_reading import find_aggregate, read_aggregate
from postroom.mailauth.dmarc.failure import FailureReport, read_failure
from postroom.message import parse_date
from postroom.store import MailStore

from .dmarc_database import DmarcDatabase
from .report_reading import Received, ReportReading, stored_reports
from .report_settings import DmarcReportSettings


class DmarcReading(ReportReading):
    """`start` it, or `read_new` now."""

    tables = ("received", "failed")

    def __init__(
        self,
        *,
        database: DmarcDatabase,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        settings: DmarcReportSettings,
    ) -> None:
        super().__init__("DMARC", database=database, store=store, directory=directory, clock=clock, settings=settings)

    def read(self, message: bytes) -> Received | None:
        failure = read_failure(message)
        if failure is not None:
            stored = msgspec.json.encode(failure)
            at = self._moment(failure)
            return Received(failure.reporter, hashlib.sha256(stored).hexdigest(), at, at, stored, "failed")
        packed = find_aggregate(message)
        if packed is None:
            return None
        report = read_aggregate(packed, self._settings.max_octets)
        return Received(
            report.organization or report.email,
            report.report_id,
            float(report.begin),
            float(report.end),
            msgspec.json.encode(report),
        )

    def _moment(self, failure: FailureReport) -> float:
        """When the message came that it reports on; now, where it does not say, or speaks of the future."""
        now = self._clock.now()
        found = parse_date(failure.arrival_date.encode("utf-8", "replace"))
        return now if found is None else min(float(found), now)


def aggregate_reports(db: apsw.Connection, since: float) -> list[AggregateReport]:
    """Those on days after `since`, the oldest first."""
    return [msgspec.json.decode(stored, type=AggregateReport) for stored in stored_reports(db, since)]


def failure_reports(db: apsw.Connection, since: float) -> list[FailureReport]:
    """Those on messages after `since`, the oldest first."""
    return [msgspec.json.decode(stored, type=FailureReport) for stored in stored_reports(db, since, "failed")]
