"""Findings about a zone that a real name server serves on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from postroom.base import SystemClock
from postroom.cli.findings import Finding, Verdict
from postroom.cli.records import Publication, Zone
from postroom.dns import DnsSettings, InspectingResolver, TestDnsServer

HOST, DOMAIN = "mail.example.org", "example.org"
Zones = Mapping[str, Mapping[str, Sequence[str]]]
Look = Callable[[InspectingResolver], AsyncIterator[Finding]]


def zone(publication: Publication | None = None, domain: str = DOMAIN) -> Zone:
    return Zone(domain, HOST, publication or Publication())


def look(zones: Zones, look: Look, *, secure: Iterable[str] = (), failing: Iterable[str] = ()) -> list[Finding]:
    """What is found; what is wrong or strange has a fix and a reason."""

    async def go() -> list[Finding]:
        async with TestDnsServer(zones) as server:
            server.secure |= set(secure)
            server.failing |= set(failing)
            settings = DnsSettings(nameservers=(server.address,), timeout_seconds=1, tries=1)
            resolver = InspectingResolver(settings, SystemClock())
            try:
                return [finding async for finding in look(resolver)]
            finally:
                await resolver.close()

    found = asyncio.run(go())
    for one in found:
        assert (one.verdict is Verdict.GOOD) == (not one.fix), one
        assert (one.verdict in (Verdict.BAD, Verdict.NOTE)) == bool(one.why), one
    return found


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]
