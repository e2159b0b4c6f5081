"""What happens to mail that leaves: hosts, attempts, retries, reports."""

from .api import LocalDelivery, LocalDomains, Undeliverable
from .outbound_tls import ClientContexts, OutboundTls
from .runner import Deliverer
from .settings import DeliverySettings
from .sts_policies import StsPolicies
from .tls_database import TlsDatabase
from .tls_settings import OutboundTlsSettings

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
    "Undeliverable",
]
