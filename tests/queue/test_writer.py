"""The thread that commits: batches, failures that stay where they belong."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from postroom.queue import QueueFailure, QueueFull
from postroom.queue.writer import GroupWriter, Transaction, translate


def play(scene: Callable[[GroupWriter, apsw.Connection], Awaitable[None]], max_batch: int = 100) -> None:
    async def run() -> None:
        db = apsw.Connection(":memory:")
        db.execute("CREATE TABLE t(x UNIQUE)")
        writer = GroupWriter(db, max_batch, lambda: None)
        await scene(writer, db)
        await writer.close()
        db.close()

    asyncio.run(run())


def insert(value: int) -> Callable[[Transaction], int]:
    def work(transaction: Transaction) -> int:
        transaction.db.execute("INSERT INTO t VALUES(?)", (value,))
        return value

    return work


def test_a_failing_work_takes_back_only_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def bad(transaction: Transaction) -> None:
        transaction.db.execute("INSERT INTO t VALUES(1000)")
        raise KeyError("mine")

    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        works = [writer.run(insert(1)), writer.run(bad), writer.run(insert(1)), writer.run(insert(2))]
        one, mine, twice, two = await asyncio.gather(*works, return_exceptions=True)
        assert (one, two) == (1, 2)
        assert isinstance(mine, KeyError)
        assert isinstance(twice, QueueFailure)
        assert db.execute("SELECT x FROM t ORDER BY x").fetchall() == [(1,), (2,)]

    play(scene)


def test_batches_are_bounded() -> None:
    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        await asyncio.gather(*(writer.run(insert(k)) for k in range(10)))
        assert writer.commits >= 5
        assert db.execute("SELECT count(*) FROM t").fetchall() == [(10,)]

    play(scene, max_batch=2)


def test_light_works_run_on_the_loop_and_the_commit_does_not() -> None:
    seen: list[tuple[str, int]] = []

    def work(name: str) -> Callable[[Transaction], None]:
        def run(transaction: Transaction) -> None:
            seen.append((name, threading.get_ident()))
            transaction.afterwards.append(lambda: seen.append((name + " committed", threading.get_ident())))

        return run

    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        await asyncio.gather(writer.run(work("a"), light=True), writer.run(work("b"), light=True))
        await asyncio.gather(writer.run(work("c"), light=True), writer.run(work("d")))  # one is heavy: all wait for it

    play(scene)
    here = threading.get_ident()
    assert [name for name, _ in seen] == [f"{x}{y}" for z in ("ab", "cd") for y in ("", " committed") for x in z]
    assert {name for name, thread in seen if thread == here} == {"a", "b"}


def test_another_process_that_writes_is_waited_for_in_the_thread(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")

    async def run() -> None:
        db, other = apsw.Connection(path), apsw.Connection(path)
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("CREATE TABLE t(x UNIQUE)")
        db.set_busy_timeout(5000)
        writer = GroupWriter(db, 100, lambda: None, None, 5000)
        other.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(1)")
        writing = asyncio.ensure_future(writer.run(insert(2), light=True))
        for _ in range(20):
            await asyncio.sleep(0)  # the loop is not held up
        assert not writing.done()
        other.execute("COMMIT")
        assert await writing == 2
        await writer.close()
        assert other.execute("SELECT x FROM t").fetchall() == [(1,), (2,)]
        other.close()
        db.close()

    asyncio.run(run())


@pytest.mark.parametrize("light", [True, False])
def test_what_is_handed_in_before_the_end_is_done(light: bool) -> None:
    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        writing = [asyncio.ensure_future(writer.run(insert(k), light=light)) for k in range(5)]
        await asyncio.sleep(0)
        await writer.close()
        assert await asyncio.gather(*writing) == list(range(5))
        with pytest.raises(QueueFailure):
            await writer.run(insert(9), light=light)

    play(scene, max_batch=2)


def test_actions_run_after_the_commit_and_their_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bool] = []

    def work(transaction: Transaction) -> None:
        def action() -> None:
            seen.append(transaction.db.in_transaction)
            raise OSError("no such file")

        transaction.afterwards.append(action)

    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        await writer.run(work)

    play(scene)
    assert seen == [False]
    assert "no such file" in caplog.text


@pytest.mark.parametrize("light", [True, False])
def test_a_bug_after_a_commit_does_not_stop_the_queue(light: bool, caplog: pytest.LogCaptureFixture) -> None:
    def work(transaction: Transaction) -> None:
        def action() -> None:
            raise RuntimeError("bug")

        transaction.afterwards.append(action)

    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        await writer.run(work, light=light)
        async with asyncio.timeout(5):
            assert await writer.run(insert(1), light=light) == 1

    play(scene)
    assert "bug" in caplog.text


@pytest.mark.parametrize("light", [True, False])
def test_a_bug_in_a_batch_is_told_and_the_queue_goes_on(light: bool) -> None:
    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        real, bugs = writer._open, [RuntimeError("bug")]

        def opened(batch: Sequence[Any]) -> None:
            if bugs:
                raise bugs.pop()
            real(batch)

        writer._open = opened  # type: ignore[method-assign]
        async with asyncio.timeout(5):
            with pytest.raises(QueueFailure):
                await writer.run(insert(1), light=light)
            assert await writer.run(insert(2), light=light) == 2
        assert db.execute("SELECT x FROM t").fetchall() == [(2,)]

    play(scene)


def test_a_caller_that_left_is_no_trouble() -> None:
    async def scene(writer: GroupWriter, db: apsw.Connection) -> None:
        call = asyncio.ensure_future(writer.run(insert(1)))
        await asyncio.sleep(0)
        call.cancel()
        assert await writer.run(insert(2)) == 2
        assert db.execute("SELECT count(*) FROM t").fetchall() == [(2,)]

    play(scene)


def test_refusals_in_the_queues_words() -> None:
    assert isinstance(translate(apsw.FullError("x")), QueueFull)
    assert isinstance(translate(OSError(errno.ENOSPC, "x")), QueueFull)
    failure = translate(apsw.IOError("secret path"))
    assert isinstance(failure, QueueFailure)
    assert "secret" not in failure.text
