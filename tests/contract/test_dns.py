"""What every dns.Resolver keeps to: the one over the network (asking our own server) and the one with fixed answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal

import pytest
import uvloop

from postroom.base import SystemClock
from postroom.dns import Answer, DnsResolver, DnsSettings, DnsTemporary, Mx, Resolver, StaticResolver, TestDnsServer

# A label may hold any octet (RFC 2181 §11)
ODD = (
    "bob+tag.test",
    "a=b:c/d.test",
    "a b.test",
    'a@b;c(")$.test',
    r"a\.b.test",
    r"a\\.b.test",
    r"\000\255.test",
    "*-.test",
)
ZONES = {
    "bob.test": {"MX": ["20 B.mx.bob.test.", "10 A.mx.bob.test"], "TXT": ["v=spf1 mx -all", "x" * 300]},
    "a.mx.bob.test": {"A": ["127.0.0.2", "127.0.0.3"], "AAAA": ["::1"]},
    "null.test": {"MX": ["0 ."]},
    "_25._tcp.a.mx.bob.test": {"TLSA": ["3 1 1 " + "ab" * 32]},
    "alias.test": {"CNAME": ["a.mx.bob.test"]},
    "xn--bcher-kva.test": {"A": ["127.0.0.4"]},
    "_dmarc.bob.test": {"TXT": ["v=DMARC1; p=none"]},
    **{name: {"A": ["127.0.0.5"], "AAAA": ["::5"], "MX": ["1 mx.bob.test."], "TXT": ["odd"]} for name in ODD},
    "odd.test": {"CNAME": ["bob+tag.test."], "MX": [r"1 a\.b@c.test."]},
    "9.0.0.127.in-addr.arpa": {"PTR": [r"Bob\@x\.y.test."]},
    "2.0.0.127.in-addr.arpa": {"PTR": ["A.mx.bob.test."]},
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa": {"PTR": ["localhost."]},
}


@asynccontextmanager
async def network(trust_ad: Literal["loopback", "never"] = "loopback") -> AsyncIterator[Resolver]:
    async with TestDnsServer(ZONES) as server:
        server.failing.add("broken.test")
        settings = DnsSettings(nameservers=(server.address,), tries=1, trust_ad=trust_ad)
        resolver = DnsResolver(settings, SystemClock())
        try:
            yield resolver
        finally:
            await resolver.close()


@asynccontextmanager
async def static() -> AsyncIterator[Resolver]:
    yield StaticResolver(
        mx_records={
            "bob.test": [(20, "B.mx.bob.test."), (10, "A.mx.bob.test")],
            "null.test": [(0, ".")],
            "odd.test": [(1, r"a\.b@c.test.")],
            **{name: [(1, "mx.bob.test.")] for name in ODD},
        },
        a_records={
            "a.mx.bob.test": ["127.0.0.2", "127.0.0.3"],
            "xn--bcher-kva.test": ["127.0.0.4"],
            **{name: ["127.0.0.5"] for name in ODD},
        },
        aaaa_records={"a.mx.bob.test": ["::1"], **{name: ["::5"] for name in ODD}},
        txt_records={
            "bob.test": ["v=spf1 mx -all", "x" * 300],
            "_dmarc.bob.test": ["v=DMARC1; p=none"],
            **{name: ["odd"] for name in ODD},
        },
        ptr_records={"127.0.0.2": ["A.mx.bob.test."], "::1": ["localhost"], "127.0.0.9": [r"Bob\@x\.y.test."]},
        tlsa_records={"_25._tcp.a.mx.bob.test": [bytes((3, 1, 1)) + b"\xab" * 32]},
        aliases={"alias.test": "a.mx.bob.test", "odd.test": "bob+tag.test"},
        failing={"broken.test"},
    )


Check = Callable[[Callable[[Resolver], Awaitable[None]]], None]


@pytest.fixture(params=["network", "network-uvloop", "network-untrusted", "static"])
def check(request: pytest.FixtureRequest) -> Check:
    """Runs a test's body against one implementation."""
    make: Callable[[], AbstractAsyncContextManager[Resolver]] = static
    if request.param != "static":
        make = partial(network, "never" if "untrusted" in request.param else "loopback")

    def runner(body: Callable[[Resolver], Awaitable[None]]) -> None:
        async def go() -> None:
            async with make() as resolver:
                await body(resolver)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop if "uvloop" in request.param else None) as loop:
            loop.run(go())

    return runner


def test_mx_is_sorted_and_in_lower_case(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert await resolver.mx("Bob.TEST") == Answer((Mx(10, "a.mx.bob.test"), Mx(20, "b.mx.bob.test")))
        assert await resolver.mx("bob.test.") == await resolver.mx("bob.test")

    check(body)


def test_null_mx(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert (await resolver.mx("null.test")).records == (Mx(0, ""),)

    check(body)


def test_addresses(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert sorted((await resolver.a("a.mx.bob.test")).records) == ["127.0.0.2", "127.0.0.3"]
        assert (await resolver.aaaa("a.mx.bob.test")).records == ("::1",)

    check(body)


def test_texts(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert (await resolver.txt("bob.test")).records == (b"v=spf1 mx -all", b"x" * 300)
        assert (await resolver.txt("_dmarc.bob.test")).records == (b"v=DMARC1; p=none",)

    check(body)


def test_reverse(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert (await resolver.ptr("127.0.0.2")).records == ("a.mx.bob.test",)
        assert (await resolver.ptr("::1")).records == ("localhost",)
        assert await resolver.ptr("127.0.0.8") == Answer((), exists=False)
        assert await resolver.ptr("nonsense") == Answer((), exists=False)

    check(body)


def test_tlsa(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        found = await resolver.tlsa("_25._tcp.a.mx.bob.test")
        # the one that trusts nobody does not ask either
        assert found in (Answer((bytes((3, 1, 1)) + b"\xab" * 32,)), Answer(()))
        assert (await resolver.tlsa("_25._tcp.bob.test")).records == ()

    check(body)


def test_aliases(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert sorted((await resolver.a("alias.test")).records) == ["127.0.0.2", "127.0.0.3"]
        assert (await resolver.cname("alias.test")).records == ("a.mx.bob.test",)
        assert await resolver.cname("a.mx.bob.test") == Answer((), exists=True)

    check(body)


def test_absence_is_an_answer(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert await resolver.aaaa("bob.test") == Answer((), exists=True)
        assert await resolver.a("mx.bob.test") == Answer((), exists=True)  # something is below it
        assert await resolver.mx("nobody.test") == Answer((), exists=False)

    check(body)


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "-a.test", "x" * 64 + ".test", "a b", "a.b+c", "a\\", "a" * 300, "\u0378.test"]
)
def test_what_can_be_no_name_does_not_exist(check: Check, name: str) -> None:
    async def body(resolver: Resolver) -> None:
        assert await resolver.a(name) == Answer((), exists=False)

    check(body)


@pytest.mark.parametrize("name", ODD)
def test_a_name_may_hold_any_octets(check: Check, name: str) -> None:
    async def body(resolver: Resolver) -> None:
        for _ in range(2):
            assert (await resolver.a(name)).records == ("127.0.0.5",)
        assert (await resolver.aaaa(name.upper())).records == ("::5",)
        assert (await resolver.mx(f"{name}.")).records == (Mx(1, "mx.bob.test"),)
        assert (await resolver.txt(name)).records == (b"odd",)
        assert (await resolver.cname(name)).records == ()
        assert await resolver.a(f"x{name}") == Answer((), exists=False)
        known = resolver.remembered("A", name)
        assert known is None or known.records == ("127.0.0.5",)  # the static one remembers nothing

    check(body)


def test_names_of_any_octets_in_answers(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert (await resolver.ptr("127.0.0.9")).records == (r"bob@x\.y.test",)
        assert (await resolver.mx("odd.test")).records == (Mx(1, r"a\.b@c.test"),)
        assert (await resolver.cname("odd.test")).records == ("bob+tag.test",)
        assert (await resolver.a("odd.test")).records == ("127.0.0.5",)

    check(body)


def test_unicode_names(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        assert (await resolver.a("B\u00fccher.test")).records == ("127.0.0.4",)

    check(body)


def test_trouble_is_temporary(check: Check) -> None:
    async def body(resolver: Resolver) -> None:
        for _ in range(2):
            with pytest.raises(DnsTemporary) as caught:
                await resolver.mx("broken.test")
            assert caught.value.code == 451

    check(body)
