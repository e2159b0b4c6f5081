"""Where an LDAP server is: its URL taken apart.

Owns: which URLs will do (RFC 4516 §2, without anything behind the host). Never: asks. Raises: BadPlace.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?")
_PORTS = {"ldap": 389, "ldaps": 636}


class BadPlace(ValueError):
    """No URL of an LDAP server; the text says why."""


@dataclass(frozen=True, slots=True)
class LdapPlace:
    host: str  # lower case; an IP address without brackets
    port: int
    secure: bool  # TLS from the start

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Nobody else can listen on the way."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def ldap_place(url: str) -> LdapPlace:
    """Raises BadPlace."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadPlace(f"{url!r}: {error}") from None
    if parts.scheme not in _PORTS or parts.path not in ("", "/") or "?" in url or "#" in url or "@" in url:
        raise BadPlace(f"{url!r} is not like ldaps://ldap.example.org or ldap://ldap.example.org:389")
    host = (parts.hostname or "").lower()
    if not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise BadPlace(f"{url!r} has no usable host")
    return LdapPlace(host, _PORTS[parts.scheme] if port is None else port, parts.scheme == "ldaps")


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False
