"""Which addresses are this machine's."""

import asyncio
import socket

import pytest

from postroom.base import FakeClock
from postroom.net import NetSettings, OwnAddresses, source_towards

ELSEWHERE = "203.0.113.7"


def routes(address: str) -> str | None:
    """A machine with 192.0.2.1 and 2001:db8::1, and a way to anywhere by IPv4 alone."""
    if address in ("192.0.2.1", "2001:db8::1"):
        return address
    if address.startswith("198.51.100."):
        return "127.0.0.1"
    return None if ":" in address else "192.0.2.1"


def own(*listening: str) -> OwnAddresses:
    return OwnAddresses(NetSettings(), FakeClock(), listening, ask=routes)


@pytest.mark.parametrize(
    ("address", "port", "ours"),
    [
        ("192.0.2.1", 25, True),
        ("127.0.0.1", 25, True),
        ("127.8.9.1", 25, True),
        ("0.0.0.0", 25, True),  # which the system takes for loopback
        ("::ffff:192.0.2.1", 25, True),
        ("198.51.100.77", 25, True),  # of a network that is ours as a whole
        ("192.0.2.1", 26, False),
        ("192.0.2.2", 25, False),
        ("2001:db8::1", 25, False),  # by IPv6 nobody listens
        ("::1", 25, False),
        ("mail.test", 25, False),
        ("192.0.2.1", 2525, False),
        ("192.0.2.99", 2525, True),
    ],
)
def test_a_listener_on_all_addresses(address: str, port: int, ours: bool) -> None:
    assert own("0.0.0.0:25", "192.0.2.99:2525", "unix:/run/lmtp.sock").listens(address, port) is ours


@pytest.mark.parametrize(
    ("address", "ours"), [("2001:db8::1", True), ("2001:DB8:0::1", True), ("::1", True), ("2001:db8::2", False)]
)
def test_a_listener_on_all_ipv6_addresses(address: str, ours: bool) -> None:
    assert own("[::]:25").listens(address, 25) is ours


def test_without_listeners_nothing_is_asked() -> None:
    asked: list[str] = []
    none = OwnAddresses(NetSettings(), FakeClock(), ask=asked.append)
    assert not none.listens("192.0.2.1", 25)
    assert asked == []


def test_what_the_system_says_is_remembered_for_a_while() -> None:
    clock, asked = FakeClock(), list[str]()

    def ask(address: str) -> str | None:
        asked.append(address)
        return None

    settings = NetSettings(own_address_memory_seconds=30, max_remembered_addresses=2)
    own = OwnAddresses(settings, clock, ("0.0.0.0:25",), ask=ask)
    for _ in range(2):
        assert own.source_for(ELSEWHERE) is None
        assert not own.listens(ELSEWHERE, 25)
    assert asked == [ELSEWHERE]
    asyncio.run(clock.advance(31))
    own.source_for(ELSEWHERE)
    assert len(asked) == 2
    for address in ("192.0.2.1", "192.0.2.2", ELSEWHERE):  # the oldest is forgotten
        own.source_for(address)
    assert len(asked) == 5


def test_what_this_system_says() -> None:
    assert source_towards("127.0.0.1") == "127.0.0.1"
    assert source_towards("mail.test") is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((ELSEWHERE, 9))
        except OSError:
            assert source_towards(ELSEWHERE) is None  # no way there from here
            return
        here = sock.getsockname()[0]
    assert source_towards(ELSEWHERE) == here
    # our own address is called from itself: so it is known as ours
    assert source_towards(here) == here
    assert OwnAddresses(NetSettings(), FakeClock(), ("0.0.0.0:25",)).listens(here, 25)
