import asyncio
from pathlib import Path

import pytest
from tests.store.sqlite.stage import LARGE, Room, perform

from postroom.store import AppendOptions, Disk, Draft, NoSuchMailbox, StoreFailure


def drafts(room: Room, *contents: bytes) -> list[tuple[Draft, AppendOptions]]:
    made = []
    for content in contents:
        draft = room.store.draft()
        draft.write(content)
        draft.finish()
        made.append((draft, AppendOptions()))
    return made


def close(made: list[tuple[Draft, AppendOptions]]) -> None:
    for draft, _ in made:
        draft.close()


def test_many_large_contents_keep_their_order(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        contents = [LARGE + b"%d" % at if at % 3 else b"Subject: %d\r\n" % at for at in range(30)]
        made = drafts(room, *contents)
        appended = await room.account.append_many("INBOX", made)
        close(made)
        assert [one.uid for one in appended] == list(range(1, 31))
        view = await room.account.view(1)
        stored = [await room.account.read_range(one, 0, 10_000) for one in view.content_ids]
        assert stored == contents
        room.account.release(view)
        assert len(room.blobs()) == 20

    perform(tmp_path, play)


class SickDisk(Disk):
    """Refuses the fifth link."""

    links = 0

    def link_spool(self, spool: object, target: Path) -> None:
        self.links += 1
        if self.links == 5:
            raise OSError("sick")
        super().link_spool(spool, target)  # type: ignore[arg-type]


def test_when_one_fails_none_is_left(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        made = drafts(room, *[LARGE] * 10)
        with pytest.raises(StoreFailure):
            await room.account.append_many("INBOX", made)
        close(made)
        await room.account.settle()
        await room.store.pool.call(lambda: None)
        assert (await room.account.mailbox("INBOX")).messages == 0

    perform(tmp_path, play, disk=SickDisk())
    assert list((tmp_path / "accounts" / "1" / "blobs").iterdir()) == []


def test_a_caller_that_leaves_leaves_nothing(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        made = drafts(room, *[LARGE] * 10)
        task = asyncio.ensure_future(room.account.append_many("INBOX", made))
        while not room.blobs():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        close(made)
        assert (await room.account.mailbox("INBOX")).messages == 0

    perform(tmp_path, play)
    assert list((tmp_path / "accounts" / "1" / "blobs").iterdir()) == []


def test_nothing_is_written_for_a_mailbox_that_is_not_there(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        made = drafts(room, LARGE)
        with pytest.raises(NoSuchMailbox):
            await room.account.append_many("Nowhere", made)
        close(made)
        assert room.blobs() == []

    perform(tmp_path, play)
