"""kill -9 in each state of docs/queue.md, then start again: nothing promised is lost, nothing else is left."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds
from postroom.queue import DiskState, EntryState, QueueSettings, SqliteQueue

_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from postroom.base import FakeClock, SeededIds, Spool
from postroom.queue import DiskState, Envelope, QueueSettings, Recipient, SqliteQueue

directory, wanted, size = Path(sys.argv[1]), DiskState(sys.argv[2]), int(sys.argv[3])

def probe(state):
    if state is wanted:
        os.kill(os.getpid(), signal.SIGKILL)

def told(text):
    os.write(1, text.encode() + b"\\n")

async def main():
    clock = FakeClock()
    queue = SqliteQueue(directory, QueueSettings(inline_limit_octets=1000), clock, SeededIds(), probe=probe)
    with Spool(directory, 1 << 30) as spool:
        spool.write(b"m" * size)
        name = await queue.enqueue(Envelope("alice@a.test"), [Recipient("bob@b.test")], spool, message_id="victim")
    told("promised")
    entries = await queue.claim(clock.now(), 9)
    told("claimed")
    if wanted is DiskState.HELD:
        await queue.hold(["all"])
    await queue.finish([e.entry_id for e in entries])
    told("finished")
    await queue.close()

asyncio.run(main())
"""

LARGE, SMALL = 5000, 50
# what was said before the kill, and what start-up finds
EXPECTED = {
    (DiskState.COPYING, LARGE): ("", None),
    (DiskState.STORED, LARGE): ("", None),
    (DiskState.WAITING, LARGE): ("", EntryState.WAITING),
    (DiskState.WAITING, SMALL): ("", EntryState.WAITING),
    (DiskState.SENDING, LARGE): ("promised", EntryState.WAITING),
    (DiskState.SENDING, SMALL): ("promised", EntryState.WAITING),
    (DiskState.HELD, LARGE): ("promised claimed", EntryState.HELD),
    (DiskState.HELD, SMALL): ("promised claimed", EntryState.HELD),
    (DiskState.FORGOTTEN, LARGE): ("promised claimed", None),
}


def test_every_state_is_tried() -> None:
    assert {state for state, _ in EXPECTED} == set(DiskState)


@pytest.mark.parametrize(("state", "size"), list(EXPECTED), ids=lambda v: str(getattr(v, "name", v)))
def test_killed_in(state: DiskState, size: int, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), state.value, str(size)],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    said, found = EXPECTED[state, size]
    assert " ".join(child.stdout.split()) == said

    async def restart() -> None:
        settings = QueueSettings(inline_limit_octets=1000)
        queue = SqliteQueue(tmp_path, settings, FakeClock(), SeededIds())
        entries = await queue.entries()
        files = sorted(p.name for p in (tmp_path / "queue").iterdir())
        if found is None:
            assert entries == []
            assert files == ["lock"]
        else:
            (entry,) = entries
            assert (entry.state, entry.recipient.address, entry.attempts) == (found, "bob@b.test", 0)
            assert await queue.read("victim", 0, 1 << 20) == b"m" * size
            assert files == (["lock", "victim.msg"] if size == LARGE else ["lock"])
            due = await queue.claim(FakeClock().now(), 9)
            assert len(due) == (found is EntryState.WAITING)
        await queue.close()

    asyncio.run(restart())
