"""Where a client comes from: its address, which of IPv6 is a network, and the larger network around it.

Owns: reading addresses, fast. Never: asks the system or the DNS. Raises: ValueError from `network_of` alone.

Whoever has an IPv6 address usually has 2**64 of them, so one client is a /64, and what one provider gave to one site a
/48.
"""

import ipaddress
import socket
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from .settings import GuardSettings

_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 §2.5.5.2
Network = tuple[int, int, int]  # 4 or 6, bits of the prefix, the prefix as a number


class Addresses(Protocol):
    """A set of addresses (net.Networks is one)."""

    def __contains__(self, address: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """One client as the guard counts it."""

    version: int
    number: int  # the address
    host: str  # "192.0.2.7", "2001:db8::/64"
    network: str  # "192.0.2.0/24"
    exempt: bool

    def prefix(self, bits: int) -> int:
        """Its first bits as a number."""
        return self.number >> ((32 if self.version == 4 else 128) - bits)


class Origins:
    """`of` an address; None for what is none, like a Unix socket."""

    def __init__(self, settings: GuardSettings, exempt: Addresses = frozenset[str]()) -> None:
        self._settings = settings
        self._exempt = exempt
        self.of = lru_cache(settings.max_remembered)(self._of)

    def _of(self, address: str) -> Origin | None:
        found = _number(address)
        if found is None:
            return None
        version, number = found
        settings = self._settings
        host, around = (32, settings.ipv4_network_prefix)
        if version == 6:
            host, around = settings.ipv6_address_prefix, settings.ipv6_network_prefix
        exempt = address in self._exempt or (settings.exempt_loopback and _is_loopback(version, number))
        return Origin(version, number, _text(version, number, host), _text(version, number, around), exempt)


def _number(address: str) -> tuple[int, int] | None:
    try:
        return 4, int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    except OSError:
        pass
    try:
        octets = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except OSError:
        return None
    if octets.startswith(_MAPPED):  # the same host by another name
        return 4, int.from_bytes(octets[12:], "big")
    return 6, int.from_bytes(octets, "big")


def _is_loopback(version: int, number: int) -> bool:
    return number >> 24 == 127 if version == 4 else number == 1


def _text(version: int, number: int, bits: int) -> str:
    size = 32 if version == 4 else 128
    number = number >> (size - bits) << (size - bits)
    octets = number.to_bytes(size // 8, "big")
    text = socket.inet_ntop(socket.AF_INET if version == 4 else socket.AF_INET6, octets)
    return text if bits == size else f"{text}/{bits}"


def network_of(text: str) -> tuple[Network, str]:
    """What an operator or the database names: "192.0.2.7", "2001:db8::/48"; and how it is written."""
    found = ipaddress.ip_network(text.strip(), strict=False)
    number, bits = int(found.network_address), found.prefixlen
    size = found.max_prefixlen
    return (found.version, bits, number >> (size - bits)), _text(found.version, number, bits)
