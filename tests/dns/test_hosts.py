"""Hosts that settings name."""

import asyncio

import pytest

from postroom.dns import DnsTemporary, StaticResolver, host_addresses


def found(host: str, resolver: StaticResolver) -> tuple[str, ...]:
    return asyncio.run(host_addresses(resolver, host))


def test_addresses_and_localhost_need_no_dns() -> None:
    resolver = StaticResolver()
    assert found("192.0.2.1", resolver) == ("192.0.2.1",)
    assert found("2001:DB8::1", resolver) == ("2001:db8::1",)
    assert found("LOCALHOST", resolver) == found("ldap.localhost.", resolver) == ("127.0.0.1", "::1")
    assert resolver.asked == []


def test_names_are_asked_for() -> None:
    resolver = StaticResolver(a_records={"a.test": ["192.0.2.1"]}, aaaa_records={"a.test": ["2001:db8::1"]})
    assert found("a.test", resolver) == ("192.0.2.1", "2001:db8::1")
    assert found("b.test", resolver) == ()


def test_trouble_is_told_when_nothing_is_known() -> None:
    with pytest.raises(DnsTemporary):
        found("a.test", StaticResolver(failing={"a.test"}))
    one = StaticResolver(a_records={"a.test": ["192.0.2.1"]})
    failing = one.aaaa

    async def aaaa(host: str) -> object:
        await failing(host)
        raise DnsTemporary("AAAA")

    one.aaaa = aaaa  # type: ignore[assignment, method-assign]
    assert found("a.test", one) == ("192.0.2.1",)
