"""Evidence in, verdict out: is this server the one that was meant? DANE, MTA-STS, and reports on them. Pure."""

from . import mta_sts, tls_rpt
from .dane import BadTlsa, Tlsa, read_tlsa, tlsa_for, usable_records
from .types import ResultType, Verdict

__all__ = [
    "BadTlsa",
    "ResultType",
    "Tlsa",
    "Verdict",
    "mta_sts",
    "read_tlsa",
    "tls_rpt",
    "tlsa_for",
    "usable_records",
]
