"""What `postroom check --dns` asks: can the world find this server, and will it believe it?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: nothing; trouble is a finding.
"""

from collections.abc import AsyncIterator, Sequence

from postroom.dns import DnsTemporary, Resolver

from .findings import Finding, bad, good, note


async def dns_findings(
    resolver: Resolver, hostname: str, domains: list[str], next_hops: Sequence[str] = ()
) -> AsyncIterator[Finding]:
    """The host first, then each domain, then each host that routes and relays name."""
    async for finding in _guarded(_host(resolver, hostname), hostname):
        yield finding
    for domain in domains:
        async for finding in _guarded(_domain(resolver, hostname, domain), domain):
            yield finding
    for name in next_hops:
        async for finding in _guarded(_next_hop(resolver, name), name):
            yield finding


async def _guarded(findings: AsyncIterator[Finding], name: str) -> AsyncIterator[Finding]:
    try:
        async for finding in findings:
            yield finding
    except DnsTemporary as error:
        yield bad(
            "dns", f"{name}: no answer from the DNS ({error})", "see that this machine's resolver works, then again"
        )


async def _host(resolver: Resolver, hostname: str) -> AsyncIterator[Finding]:
    v4, v6 = await resolver.a(hostname), await resolver.aaaa(hostname)
    addresses = [*v4.records, *v6.records]
    if not addresses:
        yield bad(
            "address",
            f"{hostname} has no address",
            f"publish: {hostname}. IN A <this machine's address>",
        )
        return
    yield good("address", f"{hostname} is {', '.join(addresses)}")
    for address in addresses:
        names = [name.rstrip(".").lower() for name in (await resolver.ptr(address)).records]
        if hostname.lower() in names:
            yield good("reverse", f"{address} is {hostname}")
        else:
            said = ", ".join(names) or "nothing"
            yield note(
                "reverse",
                f"{address} is {said}, not {hostname}: many servers refuse mail from it",
                f"ask whoever rents you the address to set its reverse name to {hostname}",
            )


async def _next_hop(resolver: Resolver, name: str) -> AsyncIterator[Finding]:
    addresses = [*(await resolver.a(name)).records, *(await resolver.aaaa(name)).records]
    if addresses:
        yield good("relay", f"{name} is {', '.join(addresses)}")
    else:
        yield bad("relay", f"{name} has no address: mail for it waits", "correct its name in [delivery]")


async def _domain(resolver: Resolver, hostname: str, domain: str) -> AsyncIterator[Finding]:
    mx = await resolver.mx(domain)
    hosts = [record.host.lower() for record in mx.records]
    publish = f"publish: {domain}. IN MX 10 {hostname}."
    if hostname.lower() in hosts:
        yield good("mx", f"mail for {domain} goes to {hostname}")
    elif hosts == [""]:
        yield bad("mx", f"{domain} says that it takes no mail (null MX, RFC 7505)", publish)
    elif hosts:
        yield bad("mx", f"mail for {domain} goes to {', '.join(hosts)}", publish)
    elif domain.lower() == hostname.lower():
        yield note("mx", f"{domain} has no MX; mail finds it by its address (RFC 5321 §5.1)", publish)
    else:
        yield bad("mx", f"{domain} has no MX: mail does not come here", publish)
    policies = [text for text in (await resolver.txt(domain)).records if _is_spf(text)]
    if len(policies) > 1:
        yield bad(
            "spf", f"{domain} has {len(policies)} SPF records, which counts as an error (RFC 7208 §4.5)", "keep one"
        )
    elif policies:
        yield good("spf", f"{domain}: {policies[0].decode('ascii', 'replace')}")
    else:
        yield note(
            "spf", f"{domain} does not say who sends its mail (SPF)", f'publish: {domain}. IN TXT "v=spf1 mx -all"'
        )


def _is_spf(text: bytes) -> bool:
    """RFC 7208 §4.5: exactly this version, then a space or the end."""
    return text.lower() == b"v=spf1" or text.lower().startswith(b"v=spf1 ")
