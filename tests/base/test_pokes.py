"""Pokes reach the worker they are for, soon, and never hold up who sends them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroom.base import Pokes, WorkerPlace


@contextlib.asynccontextmanager
async def workers(folder: Path, count: int = 2) -> AsyncIterator[list[Pokes]]:
    Pokes.create(folder, count)
    made = [Pokes(folder, WorkerPlace(number, count)) for number in range(count)]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.close()


async def _until(heard: list[int], what: list[int]) -> None:
    async with asyncio.timeout(10):
        while heard != what:
            await asyncio.sleep(0)


def test_a_poke_reaches_its_worker_and_no_other(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[tuple[int, int]] = []
        async with workers(tmp_path, 3) as made:
            for who, one in enumerate(made):
                one.when(b"q", lambda number, who=who: heard.append((who, number)))  # type: ignore[misc]
            made[0].tell(2, b"q", -5)
            async with asyncio.timeout(10):
                while not heard:
                    await asyncio.sleep(0)
                made[2].tell_others(b"q", 1 << 40)
                while len(heard) < 3:
                    await asyncio.sleep(0)
        assert (heard[0], sorted(heard[1:])) == ((2, -5), [(0, 1 << 40), (1, 1 << 40)])

    asyncio.run(main())


def test_the_same_poke_again_is_heard_once_and_unknown_kinds_not_at_all(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[int] = []
        async with workers(tmp_path) as (one, two):
            two.when(b"a", heard.append)
            for number in (7, 7, 3, 7):
                one.tell(1, b"a", number)
            one.tell(1, b"?", 9)
            await _until(heard, [7, 3])

    asyncio.run(main())


def test_a_pipe_that_nobody_reads_loses_pokes_and_blocks_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[int] = []
        async with workers(tmp_path) as (one, two):
            two.when(b"a", heard.append)
            for number in range(20_000):
                one.tell(1, b"a", number)
            async with asyncio.timeout(10):
                while len(heard) < 1000:
                    await asyncio.sleep(0)
            heard.clear()
            one.tell(1, b"a", -1)
            async with asyncio.timeout(10):
                while heard[-1:] != [-1]:
                    await asyncio.sleep(0)

    asyncio.run(main())


def test_a_successor_hears_what_came_while_nobody_listened(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[int] = []
        async with workers(tmp_path) as (one, two):
            two.close()
            one.tell(1, b"q", 4)
            successor = Pokes(tmp_path, WorkerPlace(1, 2))
            successor.when(b"q", heard.append)
            successor.start()
            await _until(heard, [4])
            successor.close()

    asyncio.run(main())


def test_an_action_that_fails_is_logged_and_the_next_is_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        heard: list[int] = []

        def act(number: int) -> None:
            if number == 0:
                raise RuntimeError("a bug")
            heard.append(number)

        async with workers(tmp_path) as (one, two):
            two.when(b"q", act)
            one.tell(1, b"q", 0)
            one.tell(1, b"q", 1)
            await _until(heard, [1])

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "a bug" in caplog.text
