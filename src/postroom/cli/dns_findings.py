"""What `postroom check dns` asks of names and addresses: can the world find this server?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: DnsTemporary.
"""

import ipaddress
from collections.abc import AsyncIterator, Sequence

from postroom.dns import Resolver

from .findings import Finding, bad, good, note
from .records import Zone

_WHY_ADDRESS = "the MX record leads to this name: without an address no mail comes"
_WHY_REVERSE = "large providers refuse mail from an address whose name does not lead back to it (RFC 8601 §3)"
_WHY_MX = "other servers bring mail for the domain to the hosts that its MX records name (RFC 5321 §5.1)"


async def addresses_of(resolver: Resolver, host: str) -> list[str]:
    """IPv4 first."""
    return [*(await resolver.a(host)).records, *(await resolver.aaaa(host)).records]


async def host_findings(resolver: Resolver, zone: Zone) -> AsyncIterator[Finding]:
    """The server's own name: that it is no alias, and where it leads."""
    hostname = zone.hostname
    alias = (await resolver.cname(hostname)).records
    if alias:
        yield bad(
            "address",
            f"{hostname} is an alias, of {alias[0]}",
            f"take the CNAME away, and {_publish_addresses(zone)}",
            "an MX record must not lead to an alias (RFC 5321 §5.1, RFC 2181 §10.3): some servers send nothing there",
        )
    published = await addresses_of(resolver, hostname)
    if not published:
        yield bad("address", f"{hostname} has no address", _publish_addresses(zone), _WHY_ADDRESS)
        return
    yield good("address", f"{hostname} is {', '.join(published)}")
    for address in published:
        if not ipaddress.ip_address(address).is_global:
            yield bad("address", f"{address} can't be reached from elsewhere", _publish_addresses(zone), _WHY_ADDRESS)
    known = [ipaddress.ip_address(address) for address in published]
    for address in zone.publication.addresses:
        if ipaddress.ip_address(address) not in known:
            kind = "AAAA" if ":" in address else "A"
            yield note(
                "address",
                f"{hostname} does not lead to {address}, which this machine has",
                f"publish: {hostname}. IN {kind} {address}; or set zone.addresses to those that it should lead to",
                "mail that leaves from there comes from an address that is not this server's",
            )


def _publish_addresses(zone: Zone) -> str:
    lines = [one.line for kind in ("A", "AAAA") for one in zone.at(zone.hostname, kind)]
    return "publish: " + " and ".join(lines)


async def reverse_findings(resolver: Resolver, hostname: str, address: str) -> AsyncIterator[Finding]:
    """The address's own name, and whether that leads back to it (RFC 8601 §3)."""
    names = [name.rstrip(".").lower() for name in (await resolver.ptr(address)).records]
    reverse = ipaddress.ip_address(address).reverse_pointer
    fix = f"ask whoever rents you the address to set: {reverse}. IN PTR {hostname}."
    confirmed = [name for name in names[:10] if await _leads_to(resolver, name, address)]
    if hostname.lower() in confirmed:
        yield good("reverse", f"{address} is {hostname}, and that is {address}")
    elif not names:
        yield bad("reverse", f"{address} has no name", fix, _WHY_REVERSE)
    elif hostname.lower() in names:
        record = f"{hostname}. IN {'AAAA' if ':' in address else 'A'} {address}"
        yield bad("reverse", f"{address} is {hostname}, which is not {address}", f"publish: {record}", _WHY_REVERSE)
    elif confirmed:
        why = f"some servers refuse mail from one that is called otherwise than it says in HELO, which is {hostname}"
        yield note("reverse", f"{address} is {confirmed[0]}, not {hostname}", fix, why)
    else:
        yield bad("reverse", f"{address} is {names[0]}, which is not {address}", fix, _WHY_REVERSE)


async def _leads_to(resolver: Resolver, name: str, address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    records = (await (resolver.a(name) if wanted.version == 4 else resolver.aaaa(name))).records
    return any(ipaddress.ip_address(one) == wanted for one in records)


async def next_hop_findings(resolver: Resolver, name: str) -> AsyncIterator[Finding]:
    """A host that routes and relays name."""
    addresses = await addresses_of(resolver, name)
    if addresses:
        yield good("relay", f"{name} is {', '.join(addresses)}")
    else:
        why = "mail that goes by it waits"
        yield bad("relay", f"{name} has no address", "correct its name in [delivery]", why)


async def mx_findings(resolver: Resolver, zone: Zone) -> AsyncIterator[Finding]:
    """Where mail for the domain goes."""
    domain, hostname = zone.domain, zone.hostname
    mx = await resolver.mx(domain)
    hosts = [record.host.lower() for record in mx.records]
    publish = zone.publish(domain, "MX")
    if hostname.lower() in hosts:
        yield good("mx", f"mail for {domain} goes to {hostname}")
    elif hosts == [""]:
        yield bad("mx", f"{domain} says that it takes no mail (null MX, RFC 7505)", publish, _WHY_MX)
    elif hosts:
        yield bad("mx", f"mail for {domain} goes to {', '.join(hosts)}, not to {hostname}", publish, _WHY_MX)
    elif domain.lower() == hostname.lower():
        why = "where nothing is said servers try the domain's address (RFC 5321 §5.1), but some do not"
        yield note("mx", f"{domain} has no MX; mail finds it by its address", publish, why)
    else:
        yield bad("mx", f"{domain} has no MX: mail does not come here", publish, _WHY_MX)
    async for finding in _hosts(resolver, domain, [host for host in hosts if host and host != hostname.lower()]):
        yield finding


async def _hosts(resolver: Resolver, domain: str, hosts: Sequence[str]) -> AsyncIterator[Finding]:
    """The other hosts that MX records name; one's own is looked at by itself."""
    for host in hosts[:10]:
        alias = (await resolver.cname(host)).records
        if alias:
            fix = f"name {alias[0]} itself, or take away: {domain}. IN MX … {host}."
            why = "an MX record must not lead to an alias (RFC 2181 §10.3): some servers send nothing there"
            yield bad("mx", f"the MX record of {domain} leads to {host}, an alias", fix, why)
        elif not await addresses_of(resolver, host):
            fix = f"take away: {domain}. IN MX … {host}."
            why = "servers that try it lose time, and some give up"
            yield bad("mx", f"the MX record of {domain} leads to {host}, which has no address", fix, why)
