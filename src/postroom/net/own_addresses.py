"""This machine's own addresses, as its routing shows them.

Owns: from which address another one would be called, whether an address and port are where we listen ourselves; both
remembered for a while, for addresses come and go. Never: sends a packet, looks up names. Raises: nothing.

A UDP socket that is connected, which sends nothing, has the address that the system would call from. It is the called
address itself where that is one of ours, on whatever interface: so nobody has to list the interfaces.
"""

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable

from postroom.base import Clock

from .binding import is_loopback, parse_address
from .settings import NetSettings

_ANY = ("0.0.0.0", "::")
_NO_PORT = 9  # discard: any will do


def source_towards(address: str) -> str | None:
    """Own address from which this IP address would be called; None: there is no way there, or it is no address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, _NO_PORT))
            return str(sock.getsockname()[0])
    except (OSError, ValueError):
        return None


class OwnAddresses:
    """`listening`: the places of our listeners, "192.0.2.1:25", "[::]:25"; Unix sockets are none."""

    def __init__(
        self,
        settings: NetSettings,
        clock: Clock,
        listening: Iterable[str] = (),
        *,
        ask: Callable[[str], str | None] = source_towards,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ask = ask
        places = [parse_address(place) for place in listening if not place.startswith(("unix:", "/"))]
        self._places = frozenset(places)
        self._everywhere = frozenset((":" in address, port) for address, port in places if address in _ANY)
        self._ports = frozenset(port for _, port in places)
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()  # address: until when, and the source

    def source_for(self, address: str) -> str | None:
        """As `source_towards`, remembered."""
        now = self._clock.monotonic()
        known = self._known.get(address)
        if known is not None and now < known[0]:
            return known[1]
        source = self._ask(address)
        self._known.pop(address, None)
        self._known[address] = now + self._settings.own_address_memory_seconds, source
        if len(self._known) > self._settings.max_remembered_addresses:
            self._known.popitem(last=False)
        return source

    def listens(self, address: str, port: int) -> bool:
        """Who calls this address at this port gets us."""
        if port not in self._ports:
            return False
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped  # the same host by another name (RFC 4291 §2.5.5.2)
        address = str(found)
        if (address, port) in self._places:
            return True
        return (found.version == 6, port) in self._everywhere and self._is_here(address)

    def _is_here(self, address: str) -> bool:
        if is_loopback(address) or address in _ANY:
            return True
        source = self.source_for(address)
        # A whole network that is ours ("ip route add local …") is called from loopback.
        return source is not None and (source == address or is_loopback(source))
