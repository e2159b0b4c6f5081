"""What a proxy says of its client before the first octet of that client: the PROXY protocol, versions 1 and 2.

Owns: the form of both headers (haproxy.org, proxy-protocol.txt). Never: decides whose word is taken, reads a socket.
Raises: BadProxyHeader.

The header is read from the socket before TLS and before anything else is. So the reader says how many octets may be
asked for without one too many: what comes behind the header belongs to others.
"""

import ipaddress
import re
import struct
from dataclasses import dataclass

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # §2.2
_FIXED = 16  # octets of version 2 before the addresses
_PREFIX = b"PROXY "
_LINE_MAX = 107  # §2.1, with its CRLF
_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n\0]*)?|TCP([46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5}))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21
_TCP = {0x11: ("!4s4sHH", 12), 0x21: ("!16s16sHH", 36)}  # family and protocol: layout, octets
_NO_ADDRESS = frozenset({0x00, 0x31})  # UNSPEC, and Unix sockets, which are no address of a client

Address = tuple[str, int]


class BadProxyHeader(Exception):
    """The connection is not what its listener expects: nothing may be taken from it."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """Client and its goal as the proxy knows them; both None when it speaks for itself or does not know."""

    peer: Address | None = None
    local: Address | None = None


_NOBODY = Proxied()


class ProxyHeaderReader:
    """`feed` no more octets than `wanted` until it gives the answer."""

    def __init__(self, max_octets: int) -> None:
        self._max_octets = max_octets
        self._octets = b""
        self.wanted = len(_SIGNATURE)  # shorter than any header of version 1

    def feed(self, data: bytes) -> Proxied | None:
        """The answer, once the header is complete."""
        self._octets = octets = self._octets + data
        if octets.startswith(_SIGNATURE[: len(octets)]):
            return self._binary(octets)
        if octets[: len(_PREFIX)] == _PREFIX[: len(octets)]:
            return self._line(octets)
        raise BadProxyHeader("no PROXY header")

    def _line(self, octets: bytes) -> Proxied | None:
        if not octets.endswith(b"\r\n"):
            if len(octets) >= _LINE_MAX:
                raise BadProxyHeader("PROXY line without end")
            at_least = max(len(_SIGNATURE) - len(octets), 1 if octets.endswith(b"\r") else 2)
            self.wanted = min(at_least, _LINE_MAX - len(octets))
            return None
        found = _LINE.fullmatch(octets)
        if found is None:
            raise BadProxyHeader("malformed PROXY line")
        family, source, target, source_port, target_port = found.groups()
        if family is None:
            return _NOBODY
        return Proxied(_address(family, source, source_port), _address(family, target, target_port))

    def _binary(self, octets: bytes) -> Proxied | None:
        if len(octets) < _FIXED:
            self.wanted = _FIXED - len(octets)
            return None
        command, family, length = struct.unpack_from("!BBH", octets, len(_SIGNATURE))
        if command not in (_LOCAL, _PROXY):
            raise BadProxyHeader(f"PROXY version and command {command:#x}")
        if _FIXED + length > self._max_octets:
            raise BadProxyHeader(f"PROXY header of {_FIXED + length} octets")
        if len(octets) < _FIXED + length:
            self.wanted = _FIXED + length - len(octets)
            return None
        if command == _LOCAL or family in _NO_ADDRESS:  # the proxy's own look whether we are well
            return _NOBODY
        layout, size = _TCP.get(family, ("", 0))
        if not size or length < size:
            raise BadProxyHeader(f"PROXY family {family:#x} with {length} octets")
        source, target, source_port, target_port = struct.unpack_from(layout, octets, _FIXED)  # TLVs may follow
        return Proxied((_written(source), source_port), (_written(target), target_port))


def _written(octets: bytes) -> str:
    """An IPv4 address within IPv6 is that IPv4 address, as for connections without a proxy."""
    address = ipaddress.ip_address(octets)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _address(family: bytes, address: bytes, port: bytes) -> Address:
    try:
        packed = (ipaddress.IPv4Address if family == b"4" else ipaddress.IPv6Address)(address.decode()).packed
    except ValueError as error:
        raise BadProxyHeader("malformed PROXY address") from error
    number = int(port)
    if number > 65_535 or (port[:1] == b"0" and len(port) > 1):
        raise BadProxyHeader("malformed PROXY port")
    return _written(packed), number
