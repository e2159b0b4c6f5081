"""Addresses of clients and of networks."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.clients import Client, client_at, read_ip4, read_ip6


def test_an_ipv4_mapped_address_is_an_ipv4_address() -> None:
    assert client_at("::ffff:192.0.2.1") == client_at("192.0.2.1") == Client(4, 0xC0000201)
    assert client_at("::192.0.2.1") == Client(6, 0xC0000201)  # compatible is not mapped


def test_a_zone_says_nothing() -> None:
    assert client_at("fe80::1%eth0") == client_at("fe80::1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2",
        "192.0.2.256",
        "192.0.02.1",
        "192.0.2.1 ",
        "192.0.2.1\n",
        "１92.0.2.1",
        "::1::",
        ":::",
        "x",
        "/run/x",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert client_at(text) is None


def test_forms() -> None:
    client = client_at("2001:db8::CB01")
    assert client is not None
    assert client.text == "2001:db8::cb01"
    assert client.dotted == "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1"
    assert client.kind == "AAAA"


def test_addresses_of_the_other_version_and_what_is_none_are_passed_over() -> None:
    client = Client(4, 0xC0000201)
    assert not client.is_among(["::ffff:192.0.2.1", "::c000:201", "nonsense", ""], 0)
    assert client.is_among(["nonsense", "198.51.100.1"], 0)
    assert not client.is_among(["198.51.100.1"], 1 + 32 - 1)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(0, 128), st.integers(0, 2**128 - 1))
def test_networks_are_those_of_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int, other: int
) -> None:
    bits = address.max_prefixlen
    prefix = min(prefix, bits)
    client = Client(4 if bits == 32 else 6, int(address))
    near = int(address) ^ (other >> (128 - bits)) >> (prefix if other % 2 else max(0, prefix - 1))
    network = (ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network)((near, prefix), strict=False)
    assert client.is_in(near, prefix) == (address in network)


@given(st.ip_addresses(v=4), st.ip_addresses(v=6))
def test_reading(ip4: ipaddress.IPv4Address, ip6: ipaddress.IPv6Address) -> None:
    assert read_ip4(str(ip4)) == int(ip4)
    assert read_ip6(ip6.exploded) == read_ip6(str(ip6)) == int(ip6)
    assert read_ip6(str(ip4)) is None
    assert read_ip4(str(ip6)) is None
