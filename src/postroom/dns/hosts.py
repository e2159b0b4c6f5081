"""Where a host is that settings name: by the DNS, or without it.

Owns: addresses written as such, and localhost. Never: orders addresses. Raises: DnsTemporary.
"""

import ipaddress

from .api import DnsTemporary, Resolver

_LOOPBACK = ("127.0.0.1", "::1")


async def host_addresses(resolver: Resolver, host: str) -> tuple[str, ...]:
    """IPv4 first; none: there is no such host. Raises DnsTemporary when nothing is known and the DNS fails."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 §6.3: nobody else is
        return _LOOPBACK
    found: list[str] = []
    trouble: DnsTemporary | None = None
    for question in (resolver.a, resolver.aaaa):
        try:
            found += (await question(host)).records
        except DnsTemporary as error:
            trouble = error
    if not found and trouble is not None:
        raise trouble
    return tuple(found)
