"""The loop's side: batches, small reads, the log; the rest is in tests/contract/test_store.py."""

import asyncio
import threading
from pathlib import Path

from tests.store.sqlite.stage import Room, perform

from postroom.store import FlagAction, Want
from postroom.store.sqlite.writer import Scope, Write


def test_what_was_asked_for_does_not_grow_with_the_view(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(2):
            await room.put()
        view = await room.account.view(1)
        _, done, gone = await asyncio.gather(
            room.put(),
            room.account.set_flags(1, view.uids, FlagAction.ADD, frozenset({"\\Seen"})),
            room.account.remove(1, view.uids),
        )
        assert (done.uids, gone) == ((1, 2), (1, 2))
        assert list(view.masks) == [0]
        room.account.release(view)

    perform(tmp_path, play)


def test_small_reads_need_no_thread(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(6):
            await room.put()
        await room.account.read([1, 2, 3, 4, 5], Want.ENVELOPE)
        hops = 0
        run = room.store.pool.run

        def note(*args: object) -> None:
            nonlocal hops
            hops += 1
            run(*args)  # type: ignore[arg-type]

        room.store.pool.run = note  # type: ignore[method-assign,assignment]
        assert len(await room.account.read([4], Want.WHOLE)) == 1
        assert len(await room.account.read([1, 2, 3, 4], Want.ENVELOPE)) == 4
        await room.account.mailboxes()
        await room.account.mailbox("INBOX")
        await room.account.usage()
        await room.account.claim_recent(1)
        await room.account.subscriptions()
        assert hops == 0
        await room.account.read([1, 2, 3, 4, 5], Want.ENVELOPE)
        assert hops == 1

    perform(tmp_path, play)


class Hold(Write):
    """Keeps the writer until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def apply(self, scope: Scope) -> None:
        self.entered.set()
        self.go_on.wait()


def test_reads_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        hold = Hold()
        task = asyncio.ensure_future(room.account._write(hold))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        hold.entered.wait()
        assert await room.account.read_range(1, 0, 7) == b"Subject"
        view = await room.account.view(1)
        assert list(view.uids) == [1]
        room.account.release(view)
        hold.go_on.set()
        await task

    perform(tmp_path, play)
