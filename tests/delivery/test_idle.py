"""Open sessions that wait for more."""

import asyncio
from typing import cast

from postroom.base import FakeClock, TaskOwner
from postroom.delivery import DeliverySettings
from postroom.delivery.destination import Destination
from postroom.delivery.idle import IdleSessions
from postroom.delivery.session import Session

B, C = Destination("b.test"), Destination("c.test")


class Fake:
    def __init__(self, *, uses: int = 1, usable: bool = True) -> None:
        self.uses = uses
        self.usable = usable
        self.closed = False

    async def close(self) -> None:
        self.closed = True


def session(**options: object) -> Session:
    return cast(Session, Fake(**options))  # type: ignore[arg-type]


def closed(one: Session) -> bool:
    return cast(Fake, one).closed


def test_take_the_newest_of_that_destination() -> None:
    async def scene() -> None:
        clock, tasks = FakeClock(), TaskOwner("t")
        idle = IdleSessions(clock, DeliverySettings(), tasks)
        first, second, other = session(), session(), session()
        await idle.put(B, first)
        await idle.put(B, second)
        await idle.put(C, other)
        assert idle.take(B) is second
        assert idle.take(B) is first
        assert idle.take(B) is None
        await idle.close()
        assert (closed(first), closed(other)) == (False, True)
        await tasks.close()

    asyncio.run(scene())


def test_they_are_closed_after_a_while() -> None:
    async def scene() -> None:
        clock, tasks = FakeClock(), TaskOwner("t")
        idle = IdleSessions(clock, DeliverySettings(idle_connection_seconds=5), tasks)
        first, second = session(), session()
        await idle.put(B, first)
        await clock.advance(3)
        await idle.put(B, second)
        await clock.advance(2)
        assert (closed(first), closed(second)) == (True, False)
        await clock.advance(3)
        assert closed(second)
        assert (len(idle), len(tasks)) == (0, 0)
        third = session()
        await idle.put(B, third)
        await clock.advance(5)
        assert closed(third)

    asyncio.run(scene())


def test_what_is_not_kept() -> None:
    async def scene() -> None:
        tasks = TaskOwner("t")
        idle = IdleSessions(FakeClock(), DeliverySettings(max_idle_connections=2, max_messages_per_connection=9), tasks)
        for one in (session(uses=9), session(usable=False)):
            await idle.put(B, one)
            assert closed(one)
        kept = [session() for _ in range(3)]
        for one in kept:
            await idle.put(B, one)
        assert [closed(one) for one in kept] == [True, False, False]
        none = IdleSessions(FakeClock(), DeliverySettings(max_idle_connections=0), tasks)
        one = session()
        await none.put(B, one)
        assert closed(one)
        await tasks.close()

    asyncio.run(scene())
