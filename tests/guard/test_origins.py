"""Which address is which client, and which network it is in."""

import pytest

from postroom.guard.origins import Origins, network_of
from postroom.guard.settings import GuardSettings

ORIGINS = Origins(GuardSettings(), frozenset({"192.0.2.9"}))


@pytest.mark.parametrize(
    ("address", "host", "network"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
    ],
)
def test_a_client_and_its_network(address: str, host: str, network: str) -> None:
    origin = ORIGINS.of(address)
    assert origin is not None
    assert (origin.host, origin.network, origin.exempt) == (host, network, False)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1", "192.0.2.9", "::ffff:127.0.0.1"])
def test_exempt(address: str) -> None:
    origin = ORIGINS.of(address)
    assert origin is not None
    assert origin.exempt


def test_loopback_counts_when_the_setting_says_so() -> None:
    origin = Origins(GuardSettings(exempt_loopback=False)).of("127.0.0.1")
    assert origin is not None
    assert not origin.exempt


@pytest.mark.parametrize("address", ["unix", "", "mail.example.org", "1.2.3", "192.0.2.7/24"])
def test_what_is_no_address(address: str) -> None:
    assert ORIGINS.of(address) is None


def test_what_operators_write() -> None:
    assert network_of("192.0.2.77/24") == ((4, 24, 0xC00002), "192.0.2.0/24")
    assert network_of(" 192.0.2.7 ")[1] == "192.0.2.7"
    assert network_of("2001:DB8::1/48")[1] == "2001:db8::/48"
    with pytest.raises(ValueError):
        network_of("example.org")
