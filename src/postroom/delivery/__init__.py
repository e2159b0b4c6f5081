"""What happens to mail that leaves: hosts, attempts, retries, reports."""

from .api import LocalDelivery, LocalDomains, Undeliverable
from .dmarc_database import DmarcDatabase
from .dmarc_reading import DmarcReading, aggregate_reports, failure_reports
from .dmarc_reports import DmarcReports
from .dmarc_results import DmarcResults
from .outbound_tls import ClientContexts, OutboundTls
from .report_database import ReportDatabaseFailure
from .report_settings import DmarcReportSettings
from .runner import Deliverer
from .settings import DeliverySettings
from .sts_policies import StsPolicies
from .tls_database import TlsDatabase, TlsDatabaseFailure
from .tls_reading import TlsReading, received_reports
from .tls_reports import TlsReports
from .tls_results import TlsResults
from .tls_settings import OutboundTlsSettings, TlsReportSettings

__all__ = [
    "ClientContexts",
    "Deliverer",
    "DeliverySettings",
    "DmarcDatabase",
    "DmarcReading",
    "DmarcReportSettings",
    "DmarcReports",
    "DmarcResults",
    "LocalDelivery",
    "LocalDomains",
    "OutboundTls",
    "OutboundTlsSettings",
    "ReportDatabaseFailure",
    "StsPolicies",
    "TlsDatabase",
    "TlsDatabaseFailure",
    "TlsReading",
    "TlsReportSettings",
    "TlsReports",
    "TlsResults",
    "Undeliverable",
    "aggregate_reports",
    "failure_reports",
    "received_reports",
]
