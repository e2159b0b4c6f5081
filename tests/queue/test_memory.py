"""What tests/contract/test_queue.py does not ask of the queue in memory."""

import asyncio
from pathlib import Path

from postroom.base import FakeClock, SeededIds, Spool
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient


def test_a_claimed_entry_is_a_snapshot() -> None:
    async def scene() -> None:
        queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds())
        with Spool(Path("unused"), 99) as spool:
            spool.write(b"x")
            await queue.enqueue(Envelope(""), [Recipient("r@b.test")], spool)
        (claimed,) = await queue.claim(FakeClock().now(), 9)
        await queue.defer([claimed.entry_id], 5.0, "450 later")
        assert claimed.attempts == 0
        await queue.close()

    asyncio.run(scene())
