"""What APPEND does to files; what it does to a mailbox is in tests/contract/test_store.py."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest
from tests.store.sqlite.stage import LARGE, SETTINGS, Room, perform

from postroom.base import Spool
from postroom.store import AppendOptions, Disk, NoSuchMailbox, OverQuota, StoreFailure, StoreSettings, Want


def test_a_large_message_is_a_file_named_by_a_row(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE, prefix=b"X: y\r\n")
        [name] = room.blobs()
        assert (room.files.blobs / name).read_bytes() == LARGE
        assert room.ask("SELECT blob, size, prefix_len FROM contents") == [(name, len(LARGE) + 6, 6)]
        assert room.ask("SELECT count(*) FROM bodies") == [(0,)]
        assert list((room.directory / "spool").iterdir()) == []

    perform(tmp_path, play)


def test_a_large_message_that_is_still_in_memory_gets_a_file_too(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        assert (room.files.blobs / room.blobs()[0]).read_bytes() == LARGE
        assert list((room.directory / "spool").iterdir()) == []

    perform(tmp_path, play, StoreSettings(inline_limit_octets=1000, draft_memory_octets=1 << 20))


def test_a_small_message_that_was_in_a_file_is_a_row(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        assert room.blobs() == []
        [stored] = await room.account.read([1], Want.WHOLE)
        assert stored.whole == LARGE

    perform(tmp_path, play, StoreSettings(inline_limit_octets=10_000, draft_memory_octets=100))


def test_one_draft_in_two_mailboxes_is_one_file_with_two_names(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with room.store.draft() as draft:
            draft.write(LARGE)
            draft.finish()
            for mailbox in ("INBOX", "Junk"):
                await room.account.append(mailbox, draft, AppendOptions())
        first, second = (room.files.blobs / name for name in room.blobs())
        assert first.samefile(second)

    perform(tmp_path, play)


def test_a_refused_message_leaves_no_file(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for options in ({"quota_octets": 10}, {"mailbox": "nowhere"}, {"mailbox": "a//b", "create": True}):
            with pytest.raises((OverQuota, NoSuchMailbox, Exception)):
                await room.put(LARGE, **options)
            assert room.blobs() == []
        await room.put(LARGE, delivery_id="x")
        await room.put(LARGE, delivery_id="x")
        assert len(room.blobs()) == 1

    perform(tmp_path, play)


class SlowDisk(Disk):
    def __init__(self) -> None:
        self.linked = threading.Event()
        self.go_on = threading.Event()

    def link_spool(self, spool: Spool, target: Path) -> None:
        super().link_spool(spool, target)
        self.linked.set()
        self.go_on.wait()


def test_a_sender_that_leaves_meanwhile_leaves_no_file(tmp_path: Path) -> None:
    disk = SlowDisk()

    async def play(room: Room) -> None:
        task = asyncio.ensure_future(room.put(LARGE))
        await asyncio.sleep(0)
        disk.linked.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()  # the thread still reads its draft
        disk.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await room.put() == 1

    perform(tmp_path, play, disk=disk)


def test_lone_surrogates_in_decoded_text_do_not_stop_a_message(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with room.store.draft() as draft:
            draft.write(b"Subject: x\r\n\r\n")
            draft.finish().search.body = "a\udc80b"
            await room.account.append("INBOX", draft, AppendOptions())
        assert room.ask("SELECT body FROM search_text") == [("a?b",)]

    perform(tmp_path, play)


def test_a_disk_that_takes_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def play(room: Room) -> None:
        room.files.blobs.rename(room.files.folder / "moved")
        with pytest.raises(StoreFailure):
            await room.put(LARGE)
        (room.files.folder / "moved").rename(room.files.blobs)
        await room.put(LARGE)

    perform(tmp_path, play, SETTINGS)
