"""The field Authentication-Results (RFC 8601), and ARC-Authentication-Results, nearly the same. Pure."""

from .claims import canonical, claimed, claims
from .reading import parse, parse_arc
from .types import AuthenticationResults, MethodResult
from .writing import arc_field, field

__all__ = [
    "AuthenticationResults",
    "MethodResult",
    "arc_field",
    "canonical",
    "claimed",
    "claims",
    "field",
    "parse",
    "parse_arc",
]
