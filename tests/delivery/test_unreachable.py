"""The memory of hosts that could not be connected to."""

import asyncio

from postroom.base import FakeClock
from postroom.delivery.unreachable import UnreachableHosts


def test_remembered_for_a_while() -> None:
    async def scene() -> None:
        clock = FakeClock()
        hosts = UnreachableHosts(clock, 60, 100)
        assert hosts.recent("192.0.2.1", 25, "", None) is None
        hosts.failed("192.0.2.1", 25, "", "refused")
        assert hosts.recent("192.0.2.1", 25, "", None) == "refused"
        assert hosts.recent("192.0.2.1", 26, "", None) is None
        await clock.advance(59)
        assert hosts.recent("192.0.2.1", 25, "", None) == "refused"
        await clock.advance(1)
        assert hosts.recent("192.0.2.1", 25, "", None) is None
        assert len(hosts) == 0
        hosts.failed("192.0.2.1", 25, "", "refused")
        hosts.reached("192.0.2.1", 25, "")
        assert hosts.recent("192.0.2.1", 25, "", None) is None

    asyncio.run(scene())


def test_an_operators_retry_sees_a_call() -> None:
    clock = FakeClock()
    hosts = UnreachableHosts(clock, 60, 100)
    hosts.failed("192.0.2.1", 25, "", "refused")
    assert hosts.recent("192.0.2.1", 25, "", clock.now() - 1) == "refused"
    assert hosts.recent("192.0.2.1", 25, "", clock.now() + 1) is None


def test_from_another_address_it_may_be_reached() -> None:
    hosts = UnreachableHosts(FakeClock(), 60, 100)
    hosts.failed("192.0.2.1", 25, "198.51.100.1", "no route")
    assert hosts.recent("192.0.2.1", 25, "", None) is None
    hosts.reached("192.0.2.1", 25, "")
    assert hosts.recent("192.0.2.1", 25, "198.51.100.1", None) == "no route"


def test_bounded() -> None:
    hosts = UnreachableHosts(FakeClock(), 60, 3)
    for k in range(10):
        hosts.failed(f"192.0.2.{k}", 25, "", "refused")
    assert len(hosts) == 3
    assert hosts.recent("192.0.2.9", 25, "", None) == "refused"
    assert hosts.recent("192.0.2.6", 25, "", None) is None
