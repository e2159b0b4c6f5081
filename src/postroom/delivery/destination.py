"""Which destination a recipient belongs to: what is sent together, over one connection.

Owns: the domain part of addresses, as A-labels. Never: asks the DNS. Raises: Undeliverable.
"""

import ipaddress
from dataclasses import dataclass

import idna

from .api import Undeliverable


@dataclass(frozen=True, slots=True)
class Destination:
    """What may share a connection: only what has the same hosts, credentials and source address.

    `domain` is one (A-labels, lower case) or an "[address literal]", whose hosts the DNS knows, or "lmtp:/socket"; ""
    where `relay` has hosts of its own, and for our own mailboxes. `relay` is what routes.Routes knows of them; "" for
    the usual way.
    """

    domain: str
    is_local: bool = False
    relay: str = ""  # a relay's name, or "host:port,host:port"

    @property
    def is_lmtp(self) -> bool:
        """A socket behind which another program delivers."""
        return self.domain.startswith("lmtp:") and not self.relay

    def __str__(self) -> str:
        if self.is_local:
            return "local"
        return " by ".join(filter(None, (self.domain, self.relay)))


LOCAL = Destination("", is_local=True)


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
