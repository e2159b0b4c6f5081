"""The queue on disk: group commit, start-up repairs, other processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.queue.shim import DiskCalls, Shim

from postroom.base import FakeClock, SeededIds, Spool, SystemClock, WorkerPlace
from postroom.queue import (
    EntryState,
    Envelope,
    QueueFailure,
    QueueFull,
    QueueSettings,
    Recipient,
    SqliteQueue,
    hold_queue,
)

SETTINGS = QueueSettings(inline_limit_octets=1000)
START = FakeClock().now()


def make(directory: Path, settings: QueueSettings = SETTINGS, *, serving: bool = True) -> SqliteQueue:
    return SqliteQueue(directory, settings, FakeClock(), SeededIds(), serving=serving)


async def put(queue: SqliteQueue, content: bytes = b"hello", count: int = 1) -> str:
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(content)
        recipients = [Recipient(f"r{k}@b.test") for k in range(count)]
        return await queue.enqueue(Envelope("alice@a.test"), recipients, spool)


@pytest.fixture
def disk() -> Iterator[DiskCalls]:
    calls = DiskCalls()
    shim = Shim(calls)
    yield calls
    shim.unregister()


def test_enqueues_that_wait_together_share_one_fsync(tmp_path: Path, disk: DiskCalls) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        await put(queue)  # the first commit also writes the log's header
        before, commits = disk.syncs, queue.commits
        await put(queue)
        assert (disk.syncs - before, queue.commits - commits) == (1, 1)
        before, commits = disk.syncs, queue.commits
        await asyncio.gather(*(put(queue, count=3) for _ in range(100)))
        assert queue.commits - commits <= 3
        assert disk.syncs - before <= 3
        assert len(await queue.entries()) == 302
        await queue.close()

    asyncio.run(scene())


def test_claim_and_release_need_no_fsync_but_finish_and_defer_do(tmp_path: Path, disk: DiskCalls) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        await put(queue, count=2)
        before = disk.syncs
        entries = await queue.claim(START, 9)
        await queue.release([e.entry_id for e in entries])
        first, second = await queue.claim(START, 9)
        assert disk.syncs == before
        await queue.defer([first.entry_id], START + 9, "450 later")
        assert disk.syncs == before + 1
        await queue.finish([second.entry_id])
        assert disk.syncs == before + 2
        await queue.close()

    asyncio.run(scene())


def test_a_large_content_is_linked_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsyncs: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        fsyncs.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)

    async def scene() -> None:
        queue = make(tmp_path)
        with Spool(tmp_path / "spool", 1000) as spool:
            spool.write(b"x" * 50_000)
            assert spool.path is not None
            inode = spool.path.stat().st_ino
            queue_id = await queue.enqueue(Envelope(""), [Recipient("r@b.test")], spool, prefix=b"A: b\r\n")
        assert (tmp_path / "queue" / f"{queue_id}.msg").stat().st_ino == inode
        assert len(fsyncs) == 2  # the file, its directory
        assert await queue.read(queue_id, 0, 10) == b"A: b\r\nxxxx"
        await queue.close()

    asyncio.run(scene())


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        small, large = await put(queue, b"small"), await put(queue, b"L" * 5000)
        await queue.claim(START, 1)
        await queue.close()
        queue = make(tmp_path)
        assert [e.state for e in await queue.entries()] == [EntryState.WAITING] * 2
        assert await queue.read(small, 0, 9) == b"small"
        assert len(await queue.read(large, 0, 9999)) == 5000
        await queue.close()

    asyncio.run(scene())


def test_start_up_sweeps_leftovers_and_holds_what_lost_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        kept, broken = await put(queue, b"k" * 5000), await put(queue, b"b" * 5000)
        await queue.close()
        folder = tmp_path / "queue"
        (folder / f"{broken}.msg").unlink()
        (folder / "orphan.msg").write_bytes(b"x")
        (folder / "half.part").write_bytes(b"x")
        queue = make(tmp_path)
        assert sorted(p.name for p in folder.iterdir()) == sorted([f"{kept}.msg", "lock"])
        states = {e.message.message_id: (e.state, e.last_reply) for e in await queue.entries()}
        assert states[broken] == (EntryState.HELD, "content file is missing")
        assert states[kept][0] is EntryState.WAITING
        await queue.close()

    asyncio.run(scene())
    assert "content file is missing" in caplog.text


def test_one_server_a_folder(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        with pytest.raises(QueueFailure, match="another server"):
            make(tmp_path)
        beside = make(tmp_path, serving=False)
        await beside.close()
        await queue.close()
        queue = make(tmp_path)
        await queue.close()
        await queue.close()  # twice does no harm

    asyncio.run(scene())


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        await put(queue, b"x" * 5000)
        for path in (*tmp_path.glob("queue.db*"), *(tmp_path / "queue").iterdir(), tmp_path / "queue"):
            assert path.stat().st_mode & 0o077 == 0, path
        await queue.close()

    asyncio.run(scene())


def test_opening_beside_a_server_repairs_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        await put(queue)
        await queue.claim(START, 1)
        beside = make(tmp_path, serving=False)
        assert [e.state for e in await beside.entries()] == [EntryState.SENDING]
        await beside.close()
        await queue.close()

    asyncio.run(scene())


def test_a_file_from_a_later_version_is_refused(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "queue.db"))
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(QueueFailure, match="version 99"):
        make(tmp_path)


_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from postroom.base import SystemClock, SystemIds
from postroom.queue import QueueSettings, SqliteQueue
async def main():
    queue = SqliteQueue(Path(sys.argv[1]), QueueSettings(), SystemClock(), SystemIds(), serving=False)
    print(await getattr(queue, sys.argv[2])(sys.argv[3:4], *map(float, sys.argv[4:])))
    await queue.close()
asyncio.run(main())
"""


def other_process(directory: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", _OTHER_PROCESS, str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def test_another_process_changes_the_queue_and_the_server_wakes(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = QueueSettings(poll_interval_seconds=0.02)
        queue = SqliteQueue(tmp_path, settings, SystemClock(), SeededIds())
        await put(queue)
        (entry,) = await queue.claim(SystemClock().now(), 1)
        await queue.defer([entry.entry_id], 4e9, "450 later")
        woken = asyncio.Event()
        queue.on_new_work(woken.set)
        await asyncio.sleep(0.05)
        woken.clear()
        loop = asyncio.get_running_loop()
        count = await loop.run_in_executor(None, other_process, tmp_path, "retry_now", "all", "5")
        assert count == "1"
        async with asyncio.timeout(5):
            await woken.wait()
        assert [e.next_attempt for e in await queue.claim(6, 9)] == [5.0]
        await queue.close()

    asyncio.run(scene())


def test_limits_count_what_another_process_removed(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path, QueueSettings(max_messages=1))
        await put(queue)
        assert await asyncio.get_running_loop().run_in_executor(None, other_process, tmp_path, "remove", "all") == "1"
        await put(queue)
        await queue.close()

    asyncio.run(scene())


def test_a_closed_queue_says_so(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = make(tmp_path)
        await queue.close()
        for question in (put(queue), queue.entries(), queue.claim(START, 1)):
            with pytest.raises(QueueFailure, match="closed"):
                await question

    asyncio.run(scene())


# ---- several workers


def worker(directory: Path, number: int, settings: QueueSettings = SETTINGS, started_at: float = 0.0) -> SqliteQueue:
    place = WorkerPlace(number, 2, started_at)
    return SqliteQueue(directory, settings, SystemClock(), SeededIds(number), place=place)


def test_workers_put_in_at_the_same_time_and_the_first_takes_out(tmp_path: Path) -> None:
    async def scene() -> None:
        queues = [worker(tmp_path, 0), worker(tmp_path, 1)]
        names = await asyncio.gather(*(put(queues[n % 2], b"x" * (3000 * (n % 3))) for n in range(120)))
        due = await queues[0].claim(SystemClock().now(), 999)
        assert sorted(entry.message.message_id for entry in due) == sorted(names)
        assert len({entry.entry_id for entry in due}) == 120
        await queues[0].finish([entry.entry_id for entry in due])
        assert await queues[1].entries() == []
        for queue in queues:
            await queue.close()

    asyncio.run(scene())


def test_only_the_first_workers_start_gives_interrupted_attempts_back(tmp_path: Path) -> None:
    async def scene() -> None:
        first, second = worker(tmp_path, 0), worker(tmp_path, 1)
        await put(second)
        assert len(await first.claim(SystemClock().now(), 9)) == 1
        await second.close()
        second = worker(tmp_path, 1)
        assert await first.next_due() is None
        await first.close()
        first = worker(tmp_path, 0)
        (again,) = await first.claim(SystemClock().now(), 9)
        assert first.interrupted == ((again.message.message_id, again.recipient.address),)
        for queue in (first, second):
            await queue.close()

    asyncio.run(scene())


def test_a_successor_leaves_files_that_are_younger_than_the_server(tmp_path: Path) -> None:
    """Another worker may have linked it just now, and be about to write its row."""

    async def scene() -> None:
        (tmp_path / "queue").mkdir()
        for name in ("one.msg", "two.part"):
            (tmp_path / "queue" / name).touch()
        await worker(tmp_path, 0, started_at=1.0).close()
        await worker(tmp_path, 1, started_at=4e9).close()
        assert len(list((tmp_path / "queue").iterdir())) == 3
        await worker(tmp_path, 0, started_at=4e9).close()
        assert [path.name for path in (tmp_path / "queue").iterdir()] == ["turns"]

    asyncio.run(scene())


def test_a_worker_tells_of_its_own_changes_and_looks_when_told(tmp_path: Path) -> None:
    async def scene() -> None:
        first, second = worker(tmp_path, 0), worker(tmp_path, 1)
        told: list[str] = []
        first.on_new_work(lambda: told.append("first"))
        second.on_own_change(lambda: told.append("second"))
        await put(second)
        assert told == ["second"]
        first.look()
        assert told == ["second", "first"]
        for queue in (first, second):
            await queue.close()

    asyncio.run(scene())


def test_what_is_full_is_counted_before_it_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = QueueSettings(max_messages=2, poll_interval_seconds=1000)
        first, second = worker(tmp_path, 0, settings), worker(tmp_path, 1, settings)
        await put(second)
        await put(second)
        with pytest.raises(QueueFull):
            await put(first)
        (one, _) = await first.claim(SystemClock().now(), 9)
        await first.finish([one.entry_id])
        await put(second)
        with pytest.raises(QueueFull):
            await put(second)
        for queue in (first, second):
            await queue.close()

    asyncio.run(scene())


def test_the_lock_is_held_for_all_workers(tmp_path: Path) -> None:
    lock = hold_queue(tmp_path)
    with pytest.raises(QueueFailure, match="another server"):
        hold_queue(tmp_path)
    asyncio.run(worker(tmp_path, 0).close())
    with pytest.raises(QueueFailure, match="another server"):
        make(tmp_path)
    lock.close()
    asyncio.run(make(tmp_path).close())
