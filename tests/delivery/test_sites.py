"""How destinations do."""

import asyncio

from postroom.base import FakeClock
from postroom.delivery import DeliverySettings
from postroom.delivery.destination import Destination
from postroom.delivery.settings import RelaySettings
from postroom.delivery.sites import Sites
from postroom.smtp import local_reply

B, C = Destination("b.test"), Destination("c.test")
REFUSED = local_reply(421, "4.4.1", "Connection refused")


def advance(clock: FakeClock, seconds: float) -> None:
    asyncio.run(clock.advance(seconds))


def test_answers_let_it_have_more_connections() -> None:
    sites = Sites(FakeClock(), DeliverySettings(max_connections_per_destination=4))
    assert sites.of(B).limit == 2
    for _ in range(5):
        sites.answered(B)
    assert sites.of(B).limit == 4
    assert not sites.of(B).suspect


def test_a_relay_may_take_fewer() -> None:
    relays = {"one": RelaySettings(max_connections=1), "many": RelaySettings(max_connections=9), "any": RelaySettings()}
    sites = Sites(FakeClock(), DeliverySettings(max_connections_per_destination=4, relay=relays))
    for name, most in (("one", 1), ("many", 4), ("any", 4), ("gw.test:25", 4)):
        there = Destination("", relay=name)
        assert sites.of(there).limit == min(2, most)
        for _ in range(5):
            sites.answered(there)
        assert sites.of(there).limit == most


def test_failures_halve_them_and_then_it_is_down() -> None:
    clock = FakeClock()
    sites = Sites(clock, DeliverySettings(initial_connections_per_destination=8))
    assert [sites.failed(B, REFUSED) for _ in range(2)] == [False, True]  # 8, 4, 2: two failures, two connections
    assert (sites.of(B).limit, sites.of(B).suspect) == (1, True)
    reply = sites.why_down(B)
    assert reply is not None
    assert (reply.code, reply.local) == (421, True)
    assert "b.test is not called for a while" in str(reply)
    assert "Connection refused" in str(reply)
    assert sites.why_down(C) is None


def test_the_pause_doubles_until_somebody_answers() -> None:
    clock = FakeClock()
    sites = Sites(clock, DeliverySettings(site_pause_seconds=60, max_site_pause_seconds=200))
    pauses: list[float] = []
    for _ in range(4):
        while not sites.failed(B, REFUSED):
            pass
        assert not sites.failed(B, REFUSED)  # another one that was under way is not a new pause
        pauses.append(sites.of(B).down_until - clock.now())
        advance(clock, pauses[-1])
        assert sites.why_down(B) is None
        assert sites.of(B).suspect
    assert pauses == [60, 120, 200, 200]
    sites.answered(B)
    assert sites.of(B).pause == 0
    assert not sites.of(B).suspect


def test_the_memory_is_bounded() -> None:
    sites = Sites(FakeClock(), DeliverySettings(max_remembered_sites=2))
    for name in ("b.test", "c.test", "d.test"):
        sites.failed(Destination(name), REFUSED)
    assert len(sites) == 2
    assert sites.why_down(B) is None
