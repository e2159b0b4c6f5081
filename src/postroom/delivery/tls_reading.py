"""TLS reports of others on us (RFC 8460 §5.3).

Owns: what of them is kept. Never: looks through the mailbox itself (report_reading does). Raises: BadReport from
`read`.
"""

import apsw

from postroom.accounts import Directory
from postroom.base import Clock
from postroom.mailauth.tls_rpt import Report, read_report, to_json
from postroom.mailauth.unpacking import unpacked
from postroom.store import MailStore

from .report_reading import Received, ReportReading, stored_reports
from .tls_database import TlsDatabase
from .tls_report_mail import find_report
from .tls_settings import TlsReportSettings


class TlsReading(ReportReading):
    """`start` it, or `read_new` now."""

    def __init__(
        self,
        *,
        database: TlsDatabase,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        settings: TlsReportSettings,
    ) -> None:
        super().__init__("TLS", database=database, store=store, directory=directory, clock=clock, settings=settings)

    def read(self, message: bytes) -> Received | None:
        packed = find_report(message)
        if packed is None:
            return None
        report = read_report(unpacked(packed, self._settings.max_octets))
        return Received(report.organization, report.report_id, report.begin, report.end, to_json(report))


def received_reports(db: apsw.Connection, since: float) -> list[Report]:
    """Those on days after `since`, the oldest first."""
    return [read_report(stored) for stored in stored_reports(db, since)]
