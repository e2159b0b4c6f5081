"""c-ares: what it says of every kind is in the contract; here, what it does not say."""

import asyncio

from postroom.dns import DnsSettings, TestDnsServer
from postroom.dns.cares import CaresAsk


def test_an_answer_is_never_secure() -> None:
    async def go() -> None:
        async with TestDnsServer({"a.test": {"A": ["127.0.0.2"]}}) as server:
            server.secure.add("*")
            asking = CaresAsk(DnsSettings(nameservers=(server.address,)))
            found = await asking.ask("a.test", "A")
            assert (found.records, found.secure) == (("127.0.0.2",), False)
            await asking.close()

    asyncio.run(go())
