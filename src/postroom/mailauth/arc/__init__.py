"""ARC (RFC 8617): who forwarded a message, and what they had found when it came to them. Pure."""

from .chain import Chain, find_sets
from .seal import combined, seal
from .types import ArcLimits, ArcResult, ArcVerdict
from .validate import newest_holds, validate

__all__ = ["ArcLimits", "ArcResult", "ArcVerdict", "Chain", "combined", "find_sets", "newest_holds", "seal", "validate"]
