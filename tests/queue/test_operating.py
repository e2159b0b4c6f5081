"""What operators do to the queue on disk, beyond the contract."""

import asyncio
from pathlib import Path

from postroom.base import FakeClock, SeededIds, Spool
from postroom.queue import BOUNCE, Envelope, QueueSettings, Recipient, SqliteQueue


def test_words_are_cut_priorities_bounded_and_who_delivers_is_woken(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = FakeClock()
        queue = SqliteQueue(tmp_path, QueueSettings(max_reply_characters=64), clock, SeededIds())
        wakes: list[None] = []
        queue.on_new_work(lambda: wakes.append(None))
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(b"x")
            for domain in ("b.test", "c.test"):
                await queue.enqueue(Envelope("a@a.test"), [Recipient(f"x@{domain}")], spool)
        await queue.pause(["b.test"])
        for change in (
            queue.bounce(["all"], clock.now(), "y" * 500),
            queue.move(["all"], "isp", clock.now()),
            queue.prioritize(["all"], 99),
            queue.resume(["b.test"]),
        ):
            wakes.clear()
            await change
            assert wakes
        await queue.bounce(["all"], clock.now(), "y" * 500)
        assert {entry.wish for entry in await queue.entries()} == {BOUNCE + "y" * 64}
        assert [entry.recipient.address for entry in await queue.entries(destination="c.test")] == ["x@c.test"]
        assert len(await queue.entries(limit=1)) == 1
        await queue.close()

    asyncio.run(scene())
