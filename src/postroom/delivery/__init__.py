"""What happens to mail that leaves: hosts, attempts, retries, reports."""

from .api import LocalDelivery, LocalDomains, Undeliverable
from .runner import Deliverer
from .settings import DeliverySettings

__all__ = ["Deliverer", "DeliverySettings", "LocalDelivery", "LocalDomains", "Undeliverable"]
