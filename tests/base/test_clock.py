"""The fake clock wakes sleepers in order, and only when time has come."""

import asyncio

from postroom.base import FakeClock, SystemClock


def test_sleepers_wake_in_order_of_their_time() -> None:
    async def main() -> None:
        clock, woken = FakeClock(1000.0), list[tuple[str, float]]()

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.now()))

        tasks = [
            asyncio.ensure_future(sleeper(n, s)) for n, s in (("late", 30), ("soon", 10), ("never", 3600), ("now", 0))
        ]
        await clock.advance(20)
        assert woken == [("now", 1000.0), ("soon", 1010.0)]
        await clock.advance(20)
        assert woken[2:] == [("late", 1030.0)]
        assert clock.now() == clock.monotonic() == 1040.0
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


def test_a_sleeper_that_sleeps_again_is_woken_again_within_one_advance() -> None:
    async def main() -> None:
        clock, ticks = FakeClock(), list[float]()

        async def ticker() -> None:
            start = clock.now()
            while len(ticks) < 5:
                await clock.sleep(86400)
                ticks.append(clock.now() - start)

        task = asyncio.ensure_future(ticker())
        await clock.advance(86400 * 7)
        assert ticks == [86400.0 * n for n in range(1, 6)]
        await task

    asyncio.run(main())


def test_the_system_clock_moves_on() -> None:
    async def main() -> None:
        clock = SystemClock()
        before = clock.monotonic()
        await clock.sleep(-1)
        assert clock.monotonic() >= before
        assert clock.now() > 1_700_000_000

    asyncio.run(main())
