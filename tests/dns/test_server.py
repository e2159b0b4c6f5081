"""The test server, asked with another library than the resolver's."""

import asyncio
from collections.abc import Awaitable, Callable

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from postroom.dns import TestDnsServer

Ask = Callable[..., Awaitable[dns.message.Message]]


def run(body: Callable[[TestDnsServer], Awaitable[None]]) -> None:
    async def go() -> None:
        zones = {"a.test": {"A": ["127.0.0.2"], "TXT": ['with "quotes"']}, "loop.test": {"CNAME": ["loop.test"]}}
        async with TestDnsServer(zones, ttl=30) as server:
            await body(server)

    asyncio.run(go())


@pytest.mark.parametrize("query", [dns.asyncquery.udp, dns.asyncquery.tcp], ids=["udp", "tcp"])
def test_answers(query: Ask) -> None:
    async def body(server: TestDnsServer) -> None:
        async def ask(name: str, kind: str) -> dns.message.Message:
            return await query(dns.message.make_query(name, kind), server.host, port=server.port, timeout=5)

        found = await ask("A.Test", "A")
        assert [str(rrset) for rrset in found.answer] == ["A.Test. 30 IN A 127.0.0.2"]
        assert found.flags & dns.flags.AA
        nothing = await ask("a.test", "MX")
        assert (nothing.rcode(), nothing.answer, nothing.authority[0].ttl) == (dns.rcode.NOERROR, [], 30)
        assert (await ask("b.test", "A")).rcode() == dns.rcode.NXDOMAIN
        server.failing.add("b.test")
        assert (await ask("b.test", "A")).rcode() == dns.rcode.SERVFAIL
        text = (await ask("a.test", "TXT")).answer[0][0]
        assert text.strings == (b'with "quotes"',)
        assert len((await ask("loop.test", "A")).answer) == 1

    run(body)


def test_junk_is_ignored() -> None:
    async def body(server: TestDnsServer) -> None:
        assert server.answer(b"", "udp") is None
        assert server.answer(b"\xff" * 40, "udp") is None
        response = dns.message.make_response(dns.message.make_query("a.test", "A"))
        assert server.answer(response.to_wire(), "udp") is None
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"\xff\xff" + b"x" * 5000)
        assert await reader.read() == b""
        writer.close()

    run(body)


def test_a_port_in_use() -> None:
    async def body(server: TestDnsServer) -> None:
        with pytest.raises(OSError):
            await TestDnsServer({}, port=server.port).start()

    run(body)


def test_address() -> None:
    assert TestDnsServer({}, host="::1", port=53).address == "[::1]:53"
    assert TestDnsServer({}, port=53).address == "127.0.0.1:53"
