"""SPF (RFC 7208): may that client send mail for that domain? Pure: the DNS is asked by yielding questions."""

from .checks import check_sender
from .evaluation import check_host
from .record import BadRecord, Directive, SpfRecord, read_record, select_records
from .types import Identity, SpfLimits, SpfResult, SpfVerdict

__all__ = [
    "BadRecord",
    "Directive",
    "Identity",
    "SpfLimits",
    "SpfRecord",
    "SpfResult",
    "SpfVerdict",
    "check_host",
    "check_sender",
    "read_record",
    "select_records",
]
