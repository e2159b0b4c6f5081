import asyncio
import os
from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.company import make_workers
from tests.store.sqlite.stage import LARGE, Room, perform

from postroom.base import FakeClock
from postroom.store import Disk, StoreFailure, StoreSettings, hold_folder
from postroom.store.sqlite.files import AccountFiles
from postroom.store.sqlite.recovery import FolderLock, build_account, open_account, remove_account, tidy_folders
from postroom.store.states import no_probe


def test_one_server_at_a_time(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "store.lock")
    with pytest.raises(StoreFailure, match="another"):
        FolderLock(tmp_path / "store.lock")
    lock.close()
    FolderLock(tmp_path / "store.lock").close()


def test_leftovers_are_removed_at_start_up(tmp_path: Path) -> None:
    accounts, spool = tmp_path / "accounts", tmp_path / "spool"
    for folder in (accounts / "1", accounts / ".gone-2-x", accounts / ".new-3-x", accounts / ".new-4-x", spool):
        folder.mkdir(parents=True)
    (spool / "spool-abc").touch()
    (spool / "note").touch()
    os.utime(accounts / ".new-3-x", (1000, 1000))
    os.utime(accounts / ".new-4-x", (9000, 9000))
    tidy_folders(accounts, spool, Disk(), now=9100)
    assert sorted(path.name for path in accounts.iterdir()) == [".new-4-x", "1"]
    assert [path.name for path in spool.iterdir()] == ["note"]


def test_two_who_make_the_same_account(tmp_path: Path) -> None:
    class Slow(Disk):
        def sync_folder(self, folder: Path) -> None:
            if not files.folder.exists():  # the other one overtakes
                build_account(files, "two", 10, no_probe)
            super().sync_folder(folder)

    files = AccountFiles(tmp_path / "1", Disk(), StoreSettings())
    build_account(AccountFiles(tmp_path / "1", Slow(), StoreSettings()), "one", 20, no_probe)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    db = files.connect_writer()
    assert db.execute("SELECT uid_validity FROM mailboxes WHERE id = 1").fetchall() == [(10,)]
    db.close()
    build_account(files, "three", 30, no_probe)
    remove_account(files, "x", no_probe)
    remove_account(files, "x", no_probe)
    assert list(tmp_path.iterdir()) == []


def test_an_account_is_opened_as_it_is_at_one_moment(tmp_path: Path) -> None:
    """Bug: what another process delivered between two statements made the books contradict each other."""

    class Overtaken(AccountFiles):
        def connect_writer(self, *, create: bool = False) -> apsw.Connection:
            db, other = super().connect_writer(), super().connect_writer()

            def overtake(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
                if "max(uid) FROM messages" in sql and not overtaken:
                    overtaken.append(sql)
                    with other:
                        other.execute("INSERT INTO expunged VALUES (1, 1, 5, 0, NULL, 1, 0, 0)")
                        other.execute("UPDATE mailboxes SET uid_next = 2, highest_modseq = 5 WHERE id = 1")
                        other.execute("UPDATE account SET modseq = 5")
                    other.close()
                return True

            db.exec_trace = overtake
            return db

    overtaken: list[str] = []
    build_account(AccountFiles(tmp_path / "1", Disk(), StoreSettings()), "one", 20, no_probe)
    opened = open_account(Overtaken(tmp_path / "1", Disk(), StoreSettings()), sweep=False)
    assert overtaken
    assert (opened.books.modseq, opened.books.boxes[1].uid_next) == (1, 1)
    opened.db.close()


def test_files_that_no_row_names_are_removed_and_lost_ones_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        await room.put(LARGE)
        (room.files.blobs / "orphan").touch()

    async def later(room: Room) -> None:
        assert len(room.blobs()) == 2
        (room.files.blobs / "orphan").touch()
        room.account.close()
        room.account = await room.store.open(1)
        assert "orphan" in room.blobs()  # looked for once in a process
        (room.files.blobs / "orphan").unlink()

    perform(tmp_path, play, whole=False)
    perform(tmp_path, later)
    assert caplog.text == ""
    blobs = tmp_path / "accounts" / "1" / "blobs"
    first = min(blobs.iterdir())
    first.rename(tmp_path / "kept")

    async def lost(room: Room) -> None:
        (tmp_path / "kept").rename(first)

    perform(tmp_path, lost)
    assert "1 stored messages have lost their file" in caplog.text


def test_an_account_made_by_another_process_opens(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        other = Room(tmp_path, StoreSettings(), FakeClock())
        await other.store.create_account(2)  # needs no lock
        await other.store.close()
        with pytest.raises(StoreFailure):
            other.store.draft()
        account = await room.store.open(2)
        assert (await account.mailbox("INBOX")).messages == 0
        account.close()

    perform(tmp_path, play)


def test_a_folder_without_its_blobs_is_mended(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)

    files = AccountFiles(tmp_path / "accounts" / "1", Disk(), StoreSettings())
    (tmp_path / "accounts").mkdir()
    build_account(files, "x", 1, no_probe)
    files.blobs.rmdir()
    perform(tmp_path, play)


def test_a_worker_leaves_the_folder_to_its_parent_and_removes_its_predecessors_drafts(tmp_path: Path) -> None:
    lock = hold_folder(tmp_path, 9000.0)
    spool = tmp_path / "spool"
    for number in (0, 1):
        (spool / f"worker-{number}").mkdir()
        (spool / f"worker-{number}" / "spool-abc").touch()
    stores = make_workers(tmp_path, StoreSettings())
    stores[1].start()
    assert [path.parent.name for path in spool.rglob("spool-*")] == ["worker-0"]
    stores[0].start()
    assert list(spool.rglob("spool-*")) == []
    for store in stores:
        asyncio.run(store.close())
    with pytest.raises(StoreFailure, match="another"):
        hold_folder(tmp_path, 9000.0)
    (spool / "worker-1" / "spool-def").touch()
    lock.close()
    hold_folder(tmp_path, 9000.0).close()
    assert list(spool.rglob("spool-*")) == []
