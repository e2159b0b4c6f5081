"""Who takes the next connection of a socket that several processes accept from."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from postroom.net.binding import bind_tcp
from postroom.net.turns import Turns


@asynccontextmanager
async def accepting(*ahead: Callable[[], bool]) -> AsyncIterator[tuple[int, list[int]]]:
    """A port, and how many connections each of those who accept from it has got."""
    listening = bind_tcp("127.0.0.1", 0, 0)
    listening.listen()
    got, kept = [0] * len(ahead), list[socket.socket]()

    async def take(number: int) -> None:
        own, turns = listening.dup(), Turns(ahead[number])
        try:
            while True:
                kept.append((await turns.accept(own))[0])
                got[number] += 1
        finally:
            own.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take(number)) for number in range(len(ahead))]
        yield listening.getsockname()[1], got
        for task in tasks:
            task.cancel()
    for sock in kept:
        sock.close()
    listening.close()


async def connect(port: int, count: int) -> list[socket.socket]:
    return [await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port)) for _ in range(count)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)


def test_who_is_ahead_leaves_connections_to_the_others() -> None:
    async def main() -> None:
        async with accepting(lambda: True, lambda: False) as (port, got):
            clients = await connect(port, 20)
            await until(lambda: sum(got) == 20)
            assert got == [0, 20]
            for client in clients:
                client.close()

    asyncio.run(main())


def test_a_connection_that_nobody_else_takes_is_taken() -> None:
    async def main() -> None:
        async with accepting(lambda: True) as (port, got):
            clients = await connect(port, 3)
            await until(lambda: sum(got) == 3)
            for client in clients:
                client.close()

    asyncio.run(main())


def test_connections_are_shared_evenly() -> None:
    async def main() -> None:
        counts: list[int] = []

        def ahead(number: int) -> bool:
            return bool(counts) and counts[number] * 2 > sum(counts)

        async with accepting(lambda: ahead(0), lambda: ahead(1)) as (port, got):
            counts = got
            clients = []
            for count in range(1, 21):
                clients += await connect(port, 1)
                await until(lambda count=count: sum(got) == count)  # type: ignore[misc]
            assert got == [10, 10]
            for client in clients:
                client.close()

    asyncio.run(main())


def test_waiting_costs_nothing_while_nobody_comes() -> None:
    asked = 0

    def ahead() -> bool:
        nonlocal asked
        asked += 1
        return True

    async def main() -> None:
        async with accepting(ahead):
            end = monotonic() + 0.1
            await until(lambda: monotonic() > end)

    asyncio.run(main())
    assert asked == 0
