"""Where an issuer is asked: its URLs taken apart, strictly.

Owns: which URLs will do. Never: asks. Raises: BadPlace.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_MAX_OCTETS = 2048
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?")
_TARGET = re.compile(r"/[!-~]*")  # RFC 9112 §3.2: what can stand in a request line
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery §4


class BadPlace(ValueError):
    """No URL that an issuer may be asked at; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """One URL."""

    host: str  # lower case; an IP address without brackets
    port: int
    target: str  # path and query
    secure: bool  # https


def place(url: str, *, plain: bool = False) -> Place:
    """The parts of an https URL; `plain`: http will do too. Raises BadPlace."""
    shown = repr(url[:80])
    if len(url) > _MAX_OCTETS or not url.isascii():
        raise BadPlace(f"{shown} is no URL in ASCII of at most {_MAX_OCTETS} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadPlace(f"{shown}: {error}") from None
    if parts.scheme not in ("https", "http") or "#" in url or "@" in parts.netloc:
        raise BadPlace(f"{shown} is not like https://login.example.org/path")
    if parts.scheme == "http" and not plain:
        raise BadPlace(f"{shown}: it has to be https")
    host = (parts.hostname or "").lower()
    if not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise BadPlace(f"{shown} has no usable host")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(target):
        raise BadPlace(f"{shown} has no usable path")
    secure = parts.scheme == "https"
    if port is None:
        port = 443 if secure else 80
    return Place(host, port, target, secure)


def discovery_url(issuer: str) -> str:
    """Where the issuer says of itself what there is to know (OpenID Connect Discovery §4.1)."""
    return issuer.removesuffix("/") + DISCOVERY


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False
