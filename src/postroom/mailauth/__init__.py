"""Evidence in, verdict out: is this server the one that was meant? DANE. Pure."""

from .dane import BadTlsa, Tlsa, read_tlsa, tlsa_for, usable_records
from .types import ResultType, Verdict

__all__ = ["BadTlsa", "ResultType", "Tlsa", "Verdict", "read_tlsa", "tlsa_for", "usable_records"]
