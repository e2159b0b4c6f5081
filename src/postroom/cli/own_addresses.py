"""The addresses of this machine by which others may reach it.

Owns: finding them without sending anything. Never: asks others. Raises: nothing.
"""

import ipaddress
import socket

# Documentation addresses (RFC 5737, RFC 3849): connecting a datagram socket only chooses a route and sends nothing.
_FAR_AWAY = ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1"))
_ANY_PORT = 9


def own_addresses() -> tuple[str, ...]:
    """IPv4 first; private addresses are left out, as what is behind a translator does not know its public one."""
    found = []
    for family, far_away in _FAR_AWAY:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((far_away, _ANY_PORT))
                address = str(sock.getsockname()[0])
        except OSError:  # no such family here, or no way out
            continue
        if ipaddress.ip_address(address.partition("%")[0]).is_global:
            found.append(address)
    return tuple(found)
