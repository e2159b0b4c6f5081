"""The cache forgets in time and stays in bounds."""

import asyncio

from postroom.base import FakeClock
from postroom.dns.cache import TtlCache


def test_a_value_lives_for_its_time() -> None:
    clock = FakeClock()
    cache: TtlCache[str, int] = TtlCache(clock, 10)
    cache.put("a", 1, 30)
    asyncio.run(clock.advance(29.9))
    assert cache.get("a") == 1
    asyncio.run(clock.advance(0.2))
    assert cache.get("a") is None
    assert len(cache) == 0


def test_the_least_recently_used_goes_first() -> None:
    cache: TtlCache[str, int] = TtlCache(FakeClock(), 2)
    cache.put("a", 1, 9)
    cache.put("b", 2, 9)
    assert cache.get("a") == 1
    cache.put("c", 3, 9)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_no_time_or_no_room_is_not_remembered() -> None:
    cache: TtlCache[str, int] = TtlCache(FakeClock(), 2)
    cache.put("a", 1, 0)
    assert cache.get("a") is None
    nothing: TtlCache[str, int] = TtlCache(FakeClock(), 0)
    nothing.put("a", 1, 9)
    assert nothing.get("a") is None
