"""The IP address at the other end, compared with what the DNS says.

Owns: reading addresses, networks, the forms in which RFC 7208 §7.3 wants them. Never: asks. Raises: nothing.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

_QNUM = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"  # RFC 7208 §5.6
_IP4 = re.compile(rf"({_QNUM})\.({_QNUM})\.({_QNUM})\.({_QNUM})")
_IP6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")  # no zone ("%eth0"): it has no meaning here
BITS = {4: 32, 6: 128}


def read_ip4(text: str) -> int | None:
    """A dotted quad (RFC 7208 §5.6, ip4-network) as a number."""
    found = _IP4.fullmatch(text)
    if found is None:
        return None
    return int(found[1]) << 24 | int(found[2]) << 16 | int(found[3]) << 8 | int(found[4])


def read_ip6(text: str) -> int | None:
    """Any form of RFC 4291 §2.2 as a number."""
    if _IP6.fullmatch(text) is None:
        return None
    try:
        return int(ipaddress.IPv6Address(text))
    except ValueError:
        return None


class Client(NamedTuple):
    """Who is connected. An IPv4-mapped IPv6 address is an IPv4 address (RFC 7208 §5)."""

    version: Literal[4, 6]
    number: int

    @property
    def kind(self) -> Literal["A", "AAAA"]:
        """The type of record that has such addresses."""
        return "A" if self.version == 4 else "AAAA"

    @property
    def text(self) -> str:
        """For people (RFC 7208 §7.3, "c")."""
        return str(ipaddress.IPv4Address(self.number) if self.version == 4 else ipaddress.IPv6Address(self.number))

    @property
    def dotted(self) -> str:
        """Parts with dots between: octets, or the hexadecimal digits of an IPv6 address (RFC 7208 §7.3, "i")."""
        return self.text if self.version == 4 else ".".join(f"{self.number:032x}")

    def is_in(self, network: int, prefix: int) -> bool:
        """Are the first `prefix` bits those of `network`, an address of the same version?"""
        return (self.number ^ network) >> (BITS[self.version] - prefix) == 0

    def is_among(self, addresses: Iterable[str], prefix: int) -> bool:
        """Has one of `addresses` the same first `prefix` bits? What is no address of this version is passed over."""
        read = read_ip4 if self.version == 4 else read_ip6
        return any((one := read(text)) is not None and self.is_in(one, prefix) for text in addresses)


def client_at(address: str) -> Client | None:
    """`address` as a socket has it, perhaps with a zone; None when it is no IP address."""
    text = address.partition("%")[0]
    if (number := read_ip4(text)) is not None:
        return Client(4, number)
    if (number := read_ip6(text)) is None:
        return None
    return Client(4, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Client(6, number)
