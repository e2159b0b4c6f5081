"""The N-th write or fsync fails, for N = 1, 2 … until none does: a refusal leaves nothing, a promise is kept."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.queue.shim import DiskCalls, Shim

from postroom.base import FakeClock, SeededIds, Spool
from postroom.queue import Envelope, QueueError, QueueSettings, Recipient, SqliteQueue

SETTINGS = QueueSettings(inline_limit_octets=1000)


@pytest.fixture
def disk() -> Iterator[DiskCalls]:
    calls = DiskCalls()
    shim = Shim(calls, "postroom-fault")
    yield calls
    shim.unregister()


async def put(queue: SqliteQueue, name: str, size: int) -> None:
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(b"m" * size)
        await queue.enqueue(Envelope("a@a.test"), [Recipient("b@b.test")], spool, message_id=name)


def make(directory: Path) -> SqliteQueue:
    return SqliteQueue(directory, SETTINGS, FakeClock(), SeededIds())


@pytest.mark.parametrize("size", [50, 5000])
@pytest.mark.parametrize("lasting", [False, True])
def test_enqueue_with_a_failing_database(tmp_path: Path, disk: DiskCalls, size: int, lasting: bool) -> None:
    async def scene() -> None:
        for number in range(1, 60):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            queue = make(folder)
            await put(queue, "before", size)
            disk.calls = 0
            disk.fail_at = -number if lasting else number
            (refusal,) = await asyncio.gather(put(queue, "victim", size), return_exceptions=True)
            assert refusal is None or (isinstance(refusal, QueueError) and refusal.code == 452)
            promised = refusal is None
            failed = disk.calls >= number
            disk.fail_at = 0
            await put(queue, "after", size)
            for again in range(2):
                names = [e.message.message_id for e in await queue.entries()]
                assert names == ["before", *(["victim"] if promised else []), "after"]
                files = {p.stem for p in (folder / "queue").glob("*.msg")}
                assert files == (set(names) if size > 1000 else set())
                await queue.close()
                if not again:
                    queue = make(folder)
            if not failed:
                assert promised
                return
        raise AssertionError("never ran clean")

    asyncio.run(scene())


@pytest.mark.parametrize("number", [1, 2])
def test_enqueue_with_a_failing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real, calls = os.fsync, iter(range(1, 9))

    def fsync(fd: int) -> None:
        if next(calls) == number:
            raise OSError(28, "No space left on device")
        real(fd)

    async def scene() -> None:
        queue = make(tmp_path)
        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(QueueError) as caught:
            await put(queue, "victim", 5000)
        assert caught.value.code == 452
        monkeypatch.undo()
        assert await queue.entries() == []
        assert [p.name for p in (tmp_path / "queue").iterdir()] == ["lock"]
        await put(queue, "victim", 5000)
        await queue.close()

    asyncio.run(scene())
