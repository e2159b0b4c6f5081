"""What an issuer says of a token, and whether that signs somebody in.

Owns: the rules for issuer, audience, time, scope and the person's name, alike for signed tokens (RFC 7519) and for
answers about them (RFC 7662). Never: knows where the claims are from, or whether they are true. Raises: Untrue.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .tokens_settings import OAuthSettings

_MAX_NAME = 1024  # characters; the directory has a limit of its own


class Untrue(Exception):
    """The token signs nobody in. The text says why, for the log: it holds nothing that the token holds."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What is left of a token that is good."""

    username: str
    expires: float | None  # seconds since 1970; None: nothing is said of it (introspection alone)


def read_claims(found: Mapping[str, Any], settings: OAuthSettings, now: float, *, signed: bool) -> Claims:
    """Who signs in; `signed`: these are a token's own words, which must name issuer, audience and an end.

    Raises Untrue.
    """
    issuer = found.get("iss")
    if issuer != settings.issuer and (signed or issuer is not None):  # RFC 7519 §4.1.1, RFC 8725 §3.8
        raise Untrue("another issuer")
    _check_audience(found.get("aud"), settings.audience, needed=signed)
    expires = _check_times(found, settings.leeway_seconds, now, needed=signed)
    if "cnf" in found:  # RFC 7800 §3: its holder has to prove a key, which these mechanisms cannot carry
        raise Untrue("bound to a key")
    missing = set(settings.scopes) - _scopes(found)
    if missing:
        raise Untrue(f"without scope {' '.join(sorted(missing))}")
    return Claims(_username(found, settings), expires)


def _check_audience(audience: Any, wanted: Sequence[str], *, needed: bool) -> None:
    """RFC 7519 §4.1.3, RFC 8725 §3.9."""
    if not wanted and not needed:
        return
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not any(isinstance(one, str) and one in wanted for one in named):
        raise Untrue("for another audience")


def _check_times(found: Mapping[str, Any], leeway: float, now: float, *, needed: bool) -> float | None:
    """RFC 7519 §4.1.4 to §4.1.6."""
    expires = _moment(found, "exp")
    if expires is None:
        if needed:
            raise Untrue("without an end")
    elif now >= expires + leeway:
        raise Untrue("expired")
    for name in ("nbf", "iat"):
        begins = _moment(found, name)
        if begins is not None and now < begins - leeway:
            raise Untrue("not valid yet")
    return expires


def _moment(found: Mapping[str, Any], name: str) -> float | None:
    value = found.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Untrue(f"{name} is no time")
    try:
        moment = float(value)
    except OverflowError:
        moment = math.inf
    if not math.isfinite(moment):
        raise Untrue(f"{name} is no time")
    return moment


def _scopes(found: Mapping[str, Any]) -> set[str]:
    """RFC 8693 §4.2: words in a text; some issuers write "scp", or a list."""
    scopes: set[str] = set()
    for name in ("scope", "scp"):
        value = found.get(name)
        if isinstance(value, str):
            scopes.update(value.split(" "))
        elif isinstance(value, list):
            scopes.update(one for one in value if isinstance(one, str))
    return scopes


def _username(found: Mapping[str, Any], settings: OAuthSettings) -> str:
    name = found.get(settings.username_claim)
    if not isinstance(name, str) or not name or len(name) > _MAX_NAME or not name.isprintable():
        raise Untrue(f"{settings.username_claim} names nobody")
    verified = settings.username_claim != "email" or found.get("email_verified") in (True, "true")
    if settings.require_verified_email and not verified:
        # OpenID Connect Core §5.1: else it may be what somebody typed in at the issuer. Some write it as a text.
        raise Untrue("email is not verified")
    return name
