"""Time, handed in so that tests can run a week in a second.

Owns: the only calls to the machine's clocks. Never: schedules work (that is base.tasks and the event loop).
Raises: nothing.
"""

import asyncio
import heapq
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of Postroom knows of time."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. For intervals and timeouts."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock's time."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class FakeClock:
    """A clock that moves only when told to; sleepers wake in order of their due time."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now + seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move time on, waking every sleeper whose moment has come, and let them run."""
        until = self._now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await _settle()
        self._now = until
        await _settle()


async def _settle() -> None:
    """Give ready tasks a few turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)
