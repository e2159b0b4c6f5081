"""Whose word on DNSSEC is taken, and how it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest

from postroom.base import SystemClock
from postroom.dns import DnsResolver, DnsSettings, DnsTemporary, TestDnsServer
from postroom.dns.validated import ValidatedAsk, trusted_servers

ZONES = {
    "a.test": {"A": ["127.0.0.2"], "MX": ["10 mx.a.test"]},
    "alias.test": {"CNAME": ["a.test"]},
    "dangling.test": {"CNAME": ["no.test"]},
}
Trust = Literal["loopback", "always", "never"]


def run(body: Callable[[TestDnsServer, DnsResolver], Awaitable[None]], trust_ad: Trust = "loopback") -> None:
    async def go() -> None:
        async with TestDnsServer(ZONES) as server:
            settings = DnsSettings(nameservers=(server.address,), trust_ad=trust_ad, timeout_seconds=0.25, tries=2)
            resolver = DnsResolver(settings, SystemClock())
            try:
                await body(server, resolver)
            finally:
                await resolver.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("secure", "name", "said"),
    [
        ({"*"}, "a.test", True),
        ({"a.test"}, "a.test", True),
        (set[str](), "a.test", False),
        ({"a.test", "alias.test"}, "alias.test", True),
        ({"alias.test"}, "alias.test", False),  # RFC 7672 §2.1.3
        ({"a.test"}, "alias.test", False),
        ({"*"}, "nobody.test", True),  # absence is validated as well
        (set[str](), "nobody.test", False),
    ],
)
def test_the_ad_bit(secure: set[str], name: str, said: bool) -> None:
    async def body(server: TestDnsServer, resolver: DnsResolver) -> None:
        server.secure |= secure
        answer = await resolver.a(name)
        assert answer.secure == said
        assert answer.canonical == ("a.test" if name == "alias.test" else "")

    run(body)


def test_an_alias_alone_may_be_secure() -> None:
    async def body(server: TestDnsServer, resolver: DnsResolver) -> None:
        server.secure.add("alias.test")
        answer = await resolver.cname("alias.test")
        assert (answer.records, answer.secure) == (("a.test",), True)
        assert (await resolver.a("dangling.test")).records == ()

    run(body)


def test_tlsa_records() -> None:
    async def body(server: TestDnsServer, resolver: DnsResolver) -> None:
        server.secure.add("*")
        server.zones["_25._tcp.a.test"] = {"TLSA": ["3 1 1 " + "ab" * 32, "2 0 2 " + "cd" * 64]}
        answer = await resolver.tlsa("_25._tcp.a.test")
        assert answer.secure
        assert answer.records == (b"\x03\x01\x01" + b"\xab" * 32, b"\x02\x00\x02" + b"\xcd" * 64)

    run(body)


def test_nobody_is_believed_when_that_is_set() -> None:
    async def body(server: TestDnsServer, resolver: DnsResolver) -> None:
        server.secure.add("*")
        assert not (await resolver.a("a.test")).secure
        assert not (await resolver.tlsa("a.test")).records
        assert [kind for _, kind, _ in server.questions] == ["A"]

    run(body, trust_ad="never")


@pytest.mark.parametrize(
    ("servers", "trust_ad", "trusted"),
    [
        (("127.0.0.1",), "loopback", [("127.0.0.1", 53)]),
        (("127.0.0.1:5353", "[::1]:54", "::1"), "loopback", [("127.0.0.1", 5353), ("::1", 54), ("::1", 53)]),
        (("127.0.0.1", "192.0.2.1"), "loopback", []),
        (("192.0.2.1",), "always", [("192.0.2.1", 53)]),
        (("127.0.0.1",), "never", []),
    ],
)
def test_who_is_trusted(servers: tuple[str, ...], trust_ad: Trust, trusted: list[tuple[str, int]]) -> None:
    assert trusted_servers(DnsSettings(nameservers=servers, trust_ad=trust_ad)) == trusted


def test_the_systems_resolver(tmp_path: Path) -> None:
    system = tmp_path / "resolv.conf"
    assert trusted_servers(DnsSettings(), system) == []
    system.write_text("nameserver 127.0.0.53\n")
    assert trusted_servers(DnsSettings(), system) == [("127.0.0.53", 53)]
    system.write_text("nameserver 192.0.2.1\n")
    assert trusted_servers(DnsSettings(), system) == []
    assert trusted_servers(DnsSettings(trust_ad="always"), system) == [("192.0.2.1", 53)]


def test_a_failing_server_is_not_asked_again_and_the_next_is() -> None:
    async def go() -> None:
        async with TestDnsServer(ZONES) as bad, TestDnsServer(ZONES) as good:
            bad.failing.add("a.test")
            good.secure.add("a.test")
            asking = ValidatedAsk(DnsSettings(), [(bad.host, bad.port), (good.host, good.port)])
            assert (await asking.ask("a.test", "A")).secure
            good.failing.add("a.test")
            with pytest.raises(DnsTemporary, match="SERVFAIL"):
                await asking.ask("a.test", "MX")
            assert [len(bad.questions), len(good.questions)] == [2, 2]
            await asking.close()

    asyncio.run(go())


def test_silence_and_cut_answers() -> None:
    async def body(server: TestDnsServer, resolver: DnsResolver) -> None:
        server.cut.add("a.test")
        assert (await resolver.a("a.test")).records == ("127.0.0.2",)
        server.silent.add("alias.test")
        with pytest.raises(DnsTemporary):
            await resolver.a("alias.test")
        assert [by for by, _, name in server.questions if name == "alias.test"] == ["udp", "udp"]

    run(body)
