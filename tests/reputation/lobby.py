"""What strangers meet: the service over a real DNS server, a database in a file, a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroom.base import FakeClock
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.reputation import ReputationDatabase, Strangers, StrangersSettings, Visit
from postroom.reputation.settings import ListSettings

Zones = dict[str, dict[str, list[str]]]
CLEAN, NAMELESS, DYNAMIC, LISTED = "192.0.2.7", "198.51.100.7", "203.0.113.9", "198.51.100.66"
ZONES: Zones = {
    "7.2.0.192.in-addr.arpa": {"PTR": ["mx.bar.test"]},
    "mx.bar.test": {"A": [CLEAN]},
    "bar.test": {"TXT": [f"v=spf1 ip4:{CLEAN} ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all"]},
    "9.113.0.203.in-addr.arpa": {"PTR": ["203-0-113-9.dyn.isp.test"]},
    "203-0-113-9.dyn.isp.test": {"A": [DYNAMIC]},
    "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "66.100.51.198.bl.test": {"A": ["127.0.0.2"], "TXT": ["Spam received"]},
    "test.dbl.test": {"A": ["127.0.0.2"]},
    "evil.test.dbl.test": {"A": ["127.0.1.2"]},
}
LISTS = {
    "black": ListSettings(zone="bl.test", points=6.0),
    "domains": ListSettings(zone="dbl.test", has="domains", points=4.0),
}


class Domains:
    """Who is here."""

    async def is_local_domain(self, domain: str) -> bool:
        return domain == "foo.test"


@dataclass
class Lobby:
    strangers: Strangers
    dns: TestDnsServer
    clock: FakeClock
    path: Path

    def visit(self, address: str = CLEAN) -> Visit:
        found = self.strangers.begin(address, listener="smtp")
        assert found is not None
        return found

    async def arrives(
        self, address: str = CLEAN, hello: str = "mx.bar.test", sender: str = "a@bar.test", to: str = "bob@foo.test"
    ) -> Visit:
        """Up to the answer to RCPT. Raises what the visit does."""
        visit = self.visit(address)
        visit.hello(hello)
        await visit.recipient(sender, to)
        return visit


@asynccontextmanager
async def lobby(folder: Path, zones: Zones | None = None, **settings: Any) -> AsyncIterator[Lobby]:
    clock = FakeClock()
    chosen: dict[str, Any] = {
        "list": LISTS,
        "first_time_delay_seconds": 0,
        "greeting_delay_seconds": 0,
        "max_dns_seconds": 3.0,
    }
    async with TestDnsServer(ZONES | (zones or {})) as server:
        dns = DnsSettings(
            nameservers=(server.address,), timeout_seconds=0.2, tries=1, total_timeout_seconds=1, cache_answers=0
        )
        resolver = DnsResolver(dns, clock)
        path = folder / "reputation.db"
        database = ReputationDatabase(path)
        strangers = Strangers(
            resolver,
            database,
            StrangersSettings(**(chosen | settings)),
            clock,
            hostname="mail.foo.test",
            domains=Domains(),
        )
        try:
            yield Lobby(strangers, server, clock, path)
        finally:
            await strangers.close()
            await resolver.close()
            database.close()


def run(folder: Path, body: Callable[[Lobby], Awaitable[None]], zones: Zones | None = None, **settings: Any) -> None:
    async def go() -> None:
        async with lobby(folder, zones, **settings) as made:
            async with asyncio.timeout(30):
                await body(made)

    asyncio.run(go())
