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


def test_what_a_person_has_held_is_counted_until_its_moment(tmp_path: Path) -> None:
    async def scene() -> None:
        queue = SqliteQueue(tmp_path, QueueSettings(), FakeClock(), SeededIds())
        assert await queue.held(7, 0.0) == (0, 0)
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(b"12345")
            for holder, until in ((7, 100.0), (7, 200.0), (8, 100.0), (None, None)):
                envelope = Envelope("a@a.test", hold_until=until, holder=holder)
                await queue.enqueue(envelope, [Recipient("x@b.test"), Recipient("y@b.test")], spool)
        assert await queue.held(7, 50.0) == (2, 10)
        assert await queue.held(7, 100.0) == (1, 5)
        assert await queue.held(8, 100.0) == (0, 0)
        assert {entry.message.envelope.holder for entry in await queue.entries()} == {7, 8, None}
        await queue.remove(["all"])
        assert await queue.held(7, 50.0) == (0, 0)
        await queue.close()

    asyncio.run(scene())
