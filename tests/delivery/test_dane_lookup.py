"""Where TLSA records are looked for, and when they hold: RFC 7672 §2.2 as a table."""

import asyncio
from dataclasses import dataclass, field

import pytest

from postroom.delivery.dane_lookup import DaneRecords, host_records, mx_records
from postroom.dns import DnsTemporary, StaticResolver
from postroom.mailauth import Tlsa

RDATA = bytes((3, 1, 1)) + bytes(32)
RECORD = Tlsa(3, 1, 1, bytes(32))
AT_MX = "_25._tcp.mx.b.test"
AT_END = "_25._tcp.end.c.test"


@dataclass
class Case:
    secure: set[str]
    tlsa: set[str] = field(default_factory=lambda: {AT_MX})
    aliases: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    names: tuple[str, ...] | None = None
    asked_for_tlsa: tuple[str, ...] | None = None


def world(case: Case) -> StaticResolver:
    return StaticResolver(
        mx_records={"b.test": [(10, "mx.b.test")], "real.test": [(10, "mx.b.test")]},
        a_records={
            name: ["127.0.0.2"] for name in ("mx.b.test", "end.c.test", "plain.test") if name not in case.aliases
        },
        tlsa_records={name: [RDATA] for name in case.tlsa},
        aliases=case.aliases,
        secure=case.secure,
        failing=case.failing,
    )


ALL = {"b.test", "mx.b.test", AT_MX}
ALIAS = {"mx.b.test": "end.c.test"}


@pytest.mark.parametrize(
    "case",
    [
        Case(ALL, names=("mx.b.test", "b.test")),
        Case(ALL - {"b.test"}, asked_for_tlsa=()),  # §2.2.1: insecure MX
        Case(ALL - {"mx.b.test"}, asked_for_tlsa=()),  # §2.2.2: insecure addresses: nobody asks
        Case(ALL - {AT_MX}, asked_for_tlsa=(AT_MX,)),  # insecure TLSA
        Case(ALL, tlsa=set(), asked_for_tlsa=(AT_MX,)),
        # "Secure CNAME": the end first, then the name itself
        Case({*ALL, "end.c.test", AT_END}, {AT_END, AT_MX}, ALIAS, names=("end.c.test", "b.test")),
        Case(
            {*ALL, "end.c.test", AT_END},
            {AT_MX},
            ALIAS,
            names=("mx.b.test", "b.test"),
            asked_for_tlsa=(AT_END, AT_MX),
        ),
        Case({*ALL, "end.c.test"}, {AT_END, AT_MX}, ALIAS, names=("mx.b.test", "b.test")),
        # "Insecure CNAME": the end is not validated, the alias is
        Case({*ALL, AT_END}, {AT_END, AT_MX}, ALIAS, names=("mx.b.test", "b.test"), asked_for_tlsa=(AT_MX,)),
        Case({"b.test", "end.c.test", AT_END, AT_MX}, {AT_END, AT_MX}, ALIAS, asked_for_tlsa=()),
    ],
)
def test_which_records_hold(case: Case) -> None:
    async def go() -> None:
        resolver = world(case)
        found = await mx_records(resolver, "b.test", "mx.b.test", 25)
        assert found == (DaneRecords((RECORD,), case.names) if case.names else None)
        if case.asked_for_tlsa is not None:
            assert tuple(name for kind, name in resolver.asked if kind == "TLSA") == case.asked_for_tlsa

    asyncio.run(go())


@pytest.mark.parametrize(
    ("failing", "secure"),
    [
        ({"b.test"}, ALL),
        ({AT_MX}, ALL),
        ({"mx.b.test"}, ALL),
        ({"CNAME mx.b.test"}, {"b.test", "mx.b.test"}),
        ({AT_END}, {*ALL, "end.c.test"}),
    ],
)
def test_a_failing_question_fails_the_host(failing: set[str], secure: set[str]) -> None:
    async def go() -> None:
        aliases = ALIAS if failing & {AT_END, "CNAME mx.b.test"} else {}
        with pytest.raises(DnsTemporary):
            await mx_records(world(Case(secure, aliases=aliases, failing=failing)), "b.test", "mx.b.test", 25)

    asyncio.run(go())


def test_one_kind_of_addresses_is_enough() -> None:
    async def go() -> None:
        found = await mx_records(world(Case(ALL, failing={"AAAA mx.b.test"})), "b.test", "mx.b.test", 25)
        assert found is not None

    asyncio.run(go())


def test_an_alias_before_the_mx_gives_a_third_name() -> None:
    async def go() -> None:
        resolver = world(Case({"alias.test", "real.test", "mx.b.test", AT_MX}, aliases={"alias.test": "real.test"}))
        found = await mx_records(resolver, "alias.test", "mx.b.test", 25)
        assert found is not None
        assert found.names == ("mx.b.test", "alias.test", "real.test")

    asyncio.run(go())


def test_a_domain_without_mx_is_its_own_host() -> None:
    async def go() -> None:
        resolver = world(Case({"plain.test", "_2525._tcp.plain.test"}, {"_2525._tcp.plain.test"}))
        found = await mx_records(resolver, "plain.test", "plain.test", 2525)
        assert found == DaneRecords((RECORD,), ("plain.test",))

    asyncio.run(go())


def test_a_host_that_is_no_mx_now_has_none() -> None:
    async def go() -> None:
        resolver = world(Case({"*"}, {AT_END}))
        assert await mx_records(resolver, "b.test", "end.c.test", 25) is None
        assert await host_records(resolver, "end.c.test", 25) == DaneRecords((RECORD,), ("end.c.test",))

    asyncio.run(go())


def test_a_record_that_cannot_be_read_is_a_promise_of_tls() -> None:
    async def go() -> None:
        resolver = world(Case({"*"}))
        resolver.tlsa_records[AT_MX] = [b"\x03"]
        found = await mx_records(resolver, "b.test", "mx.b.test", 25)
        assert found is not None
        assert not found.records[0].usable

    asyncio.run(go())
