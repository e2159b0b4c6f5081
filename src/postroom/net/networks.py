"""Networks as people write them, "192.0.2.0/24", and who is in them.

Owns: that question. Never: asks the system. Raises: ValueError for what is no network.
"""

import ipaddress
from collections.abc import Iterable


class Networks:
    """`address in networks`; a single address is a network of one. A Unix socket is in none."""

    __slots__ = ("_networks",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped  # the same host by another name (RFC 4291 §2.5.5.2)
        return any(found in network for network in self._networks)


NO_NETWORKS = Networks()
