"""Which destination a recipient belongs to: what is sent together, over one connection.

Owns: the domain part of addresses, as A-labels. Never: asks the DNS. Raises: Undeliverable.
"""

import ipaddress
from dataclasses import dataclass

import idna

from .api import Undeliverable


@dataclass(frozen=True, slots=True)
class Destination:
    """A domain (A-labels, lower case) or "[address literal]"; "" for the smarthost and for our own mailboxes."""

    domain: str
    is_local: bool = False
    route: str = ""  # an operator's choice of the host, as in the settings' routes; "" for the usual way

    def __str__(self) -> str:
        return self.domain or ("local" if self.is_local else "smarthost")


LOCAL = Destination("", is_local=True)
SMARTHOST = Destination("")


def ascii_domain(domain: str) -> str:
    """A-labels (RFC 5890), without a final dot. Raises Undeliverable for what can't be a domain."""
    if domain.startswith("["):
        return domain
    domain = domain.removesuffix(".")
    if not domain.isascii():
        try:
            return idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise Undeliverable(f"{domain!r}: {error}", code=553, enhanced="5.1.3", text="Bad domain name") from error
    if not domain or ".." in domain or len(domain) > 253 or any(len(label) > 63 for label in domain.split(".")):
        raise Undeliverable(repr(domain), code=553, enhanced="5.1.3", text="Bad domain name")
    return domain


def ascii_address(address: str) -> str:
    """The address with an A-label domain; the local part stays."""
    if address.isascii() or "@" not in address:
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain.lower())}"


def literal_address(literal: str) -> str:
    """The IP address of "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3). Raises Undeliverable."""
    inside = literal[1:-1] if literal.endswith("]") else ""
    try:
        if inside[:5].lower() == "ipv6:":
            return str(ipaddress.IPv6Address(inside[5:]))
        return str(ipaddress.IPv4Address(inside))
    except ValueError as error:
        text = "Bad address literal"
        raise Undeliverable(literal, code=553, enhanced="5.1.3", text=text) from error
