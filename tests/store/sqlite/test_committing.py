"""The way of changes to the disk and back: batches, what of them is done on the loop, the log."""

import asyncio
import threading
from pathlib import Path

import pytest
from tests.fault.failing_disk import FailingDisk
from tests.store.sqlite.stage import Room, perform

from postroom.store import StoreSettings
from postroom.store.books import Books
from postroom.store.sqlite.writer import Outcome, Prepared, Scope, Write


def test_what_is_written_in_one_turn_is_one_batch(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.settle()  # the purge at the opening
        batches: list[int] = []
        finish = room.account._writer.finish

        def note(prepared: Prepared) -> list[Outcome]:
            batches.append(len(prepared.writes))
            return finish(prepared)

        room.account._writer.finish = note  # type: ignore[method-assign]
        await asyncio.gather(*(room.put() for _ in range(20)))
        await asyncio.gather(*(room.put() for _ in range(70)))
        assert batches == [20, 50, 20]

    perform(tmp_path, play, StoreSettings(max_batch=50))


class Where(Write):
    """Says in which thread it was made."""

    def __init__(self, octets: int | None) -> None:
        self.octets = octets

    def light_octets(self, books: Books) -> int | None:
        return self.octets

    def apply(self, scope: Scope) -> bool:
        scope.next_modseq()
        return threading.current_thread() is threading.main_thread()


def test_light_changes_are_made_on_the_loop_as_many_as_have_room(tmp_path: Path) -> None:
    disk = FailingDisk()

    async def play(room: Room) -> None:
        await room.account.settle()
        await room.put()  # the log's first commit syncs its head too

        async def made(*octets: int | None) -> tuple[set[bool], int]:
            disk.log_syncs = 0
            return set(await asyncio.gather(*(room.account._write(Where(each)) for each in octets))), disk.log_syncs

        assert await made(0, 100, 6000) == ({True}, 1)
        assert await made(0, None, 0) == ({False}, 1)
        assert await made(6000, 6000, 6000) == ({True}, 2)  # two have room at once
        assert await made(20_000) == ({False}, 1)

    perform(tmp_path, play, StoreSettings(write_on_loop_octets=20_480), disk=disk)
    disk.unregister()


def test_a_bug_while_a_batch_is_made_on_the_loop_reaches_who_waits_and_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bug: it left the account busy for ever, and the other accounts of that turn unbegun."""

    async def play(room: Room) -> None:
        await room.put()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("postroom.store.sqlite.ledger.save", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                async with asyncio.timeout(10):
                    await room.put()
        assert await room.put() == 2

    perform(tmp_path, play)
    assert [record.getMessage() for record in caplog.records] == ["account 1: a batch failed"]


def test_the_loop_does_not_wait_for_another_process_that_writes(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.settle()
        other = room.files.connect_writer()
        other.execute("BEGIN IMMEDIATE")
        put = asyncio.ensure_future(room.put())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not put.done()
        other.execute("ROLLBACK")
        assert await put == 1
        other.close()

    perform(tmp_path, play)


def test_a_caller_that_leaves_does_not_harm_the_batch(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        tasks = [asyncio.ensure_future(room.put()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert (await tasks[0], await tasks[2]) == (1, 3)
        await room.account.settle()

    perform(tmp_path, play)


@pytest.mark.parametrize("hard", [False, True])
def test_the_log_does_not_grow_for_ever(tmp_path: Path, hard: bool) -> None:
    limits = {"checkpoint_octets": 65_536, "checkpoint_hard_octets": 65_536 if hard else 1 << 30}

    async def play(room: Room) -> None:
        for _ in range(100):  # some 4 MB of log without checkpoints
            await room.put(b"Subject: x\r\n\r\n" + b"y" * 3000)
        log = room.files.database.with_name("mail.db-wal")
        # beside the writers (soft), a busy machine lets a checkpoint come some commits late
        assert log.stat().st_size < (400_000 if hard else 1_500_000)

    perform(tmp_path, play, StoreSettings(threads=2, **limits))


def test_a_checkpoint_that_fails_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(room: Room) -> None:
        copy_log = room.account._commits.copy_log
        failures = [OSError("told to fail")]

        def once() -> None:
            if failures:
                raise failures.pop()
            copy_log()

        room.account._commits.copy_log = once  # type: ignore[method-assign]
        for _ in range(30):
            await room.put(b"Subject: x\r\n\r\n" + b"y" * 3000)
        assert failures == []

    perform(tmp_path, play, StoreSettings(threads=2, checkpoint_octets=65_536))
    assert "a checkpoint failed" in caplog.text
