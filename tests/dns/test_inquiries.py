"""Checks that are led to their end by a resolver."""

import asyncio

import pytest

from postroom.base import SystemClock
from postroom.dns import DnsResolver, DnsSettings, StaticResolver, TestDnsServer
from postroom.dns.api import Mx
from postroom.dns.inquiries import ask, pursue
from postroom.mailauth.questions import Inquiry, Question, Reply
from postroom.mailauth.spf import SpfResult, check_host


def resolver() -> StaticResolver:
    return StaticResolver(
        txt_records={"b.test": ["v=x"]},
        a_records={"b.test": ["192.0.2.1"]},
        aaaa_records={"b.test": ["2001:db8::1"]},
        mx_records={"b.test": [(10, "mx.b.test")], "null.test": [(0, "")]},
        failing={"broken.test"},
    )


@pytest.mark.parametrize(
    ("question", "records"),
    [
        (Question("TXT", "b.test"), (b"v=x",)),
        (Question("A", "b.test"), ("192.0.2.1",)),
        (Question("AAAA", "b.test"), ("2001:db8::1",)),
        (Question("MX", "b.test"), ("mx.b.test",)),
        (Question("MX", "null.test"), ("",)),
    ],
)
def test_each_kind_of_question(question: Question, records: tuple[bytes | str, ...]) -> None:
    reply = asyncio.run(ask(resolver(), question))
    assert (reply.records, reply.exists, reply.failed) == (records, True, "")


def test_what_is_not_there_and_what_fails() -> None:
    reply = asyncio.run(ask(resolver(), Question("TXT", "nowhere.test")))
    assert (reply.records, reply.exists, reply.failed) == ((), False, "")
    reply = asyncio.run(ask(resolver(), Question("TXT", "broken.test")))
    assert reply.failed


def test_a_check_gets_its_answers_one_after_another() -> None:
    def check() -> Inquiry[list[Reply]]:
        hosts = yield Question("MX", "b.test")
        text = yield Question("TXT", "b.test")
        return [hosts, text]

    found = asyncio.run(pursue(resolver(), check()))
    assert [one.names for one in found] == [["mx.b.test"], []]
    assert found[1].texts == [b"v=x"]


def test_null_mx_is_what_the_resolver_says() -> None:
    assert asyncio.run(resolver().mx("null.test")).records == (Mx(0, ""),)


@pytest.mark.parametrize("local", ["bob", "bob+tag", "b=ob/x:y", 'b"o b', "b\\ob", "b.o-b", "b@ob", "*"])
def test_spf_asks_for_local_parts_with_any_characters_just_as_they_are(local: str) -> None:
    escaped = local.replace("\\", "\\\\")
    zones = {
        "b.test": {"TXT": ["v=spf1 exists:%{l}._spf.b.test -all"]},
        f"{escaped}._spf.b.test": {"A": ["127.0.0.2"]},
    }

    async def go() -> None:
        async with TestDnsServer(zones) as server:
            resolver = DnsResolver(DnsSettings(nameservers=(server.address,), tries=1), SystemClock())
            for name, result in ((local, SpfResult.PASS), (f"{local}x", SpfResult.FAIL)):
                check = check_host("192.0.2.9", "b.test", f"{name}@b.test", "b.test", receiver="a.test", now=0)
                assert (await pursue(resolver, check)).result is result
            await resolver.close()
            assert [name for _, kind, name in server.questions if kind == "A"] == [
                f"{escaped}._spf.b.test",
                f"{escaped}x._spf.b.test",
            ]

    asyncio.run(go())


def test_a_null_mx_is_no_look_up_that_finds_nothing() -> None:
    """RFC 7208 §4.6.4: void is an answer without records; three of those would make it permerror."""
    zones = {"b.test": {"TXT": ["v=spf1 mx:n1.test mx:n2.test mx:n3.test -all"]}}
    zones |= {f"n{number}.test": {"MX": ["0 ."]} for number in (1, 2, 3)}

    async def go() -> SpfResult:
        async with TestDnsServer(zones) as server:
            resolver = DnsResolver(DnsSettings(nameservers=(server.address,), tries=1), SystemClock())
            check = check_host("192.0.2.9", "b.test", "x@b.test", "b.test", receiver="a.test", now=0)
            try:
                return (await pursue(resolver, check)).result
            finally:
                await resolver.close()

    assert asyncio.run(go()) is SpfResult.FAIL
