"""What happens to mail that leaves: hosts, attempts, retries, reports."""

from .api import LocalDelivery, LocalDomains, Undeliverable
from .outbound_tls import ClientContexts, OutboundTls
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
    "LocalDelivery",
    "LocalDomains",
    "OutboundTls",
    "OutboundTlsSettings",
    "StsPolicies",
    "TlsDatabase",
    "TlsDatabaseFailure",
    "TlsReading",
    "TlsReportSettings",
    "TlsReports",
    "TlsResults",
    "Undeliverable",
    "received_reports",
]
