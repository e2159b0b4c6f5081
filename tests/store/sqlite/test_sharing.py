"""The index of who shares; what a client sees of it is in tests/contract/test_store_extensions.py."""

from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.store import StoreFailure


def rows(room: Room) -> list[tuple[object, ...]]:
    db = apsw.Connection(str(room.directory / "shared.db"))
    try:
        return db.execute("SELECT identifier, account_id FROM shares ORDER BY identifier").fetchall()
    finally:
        db.close()


def write(directory: Path, sql: str) -> None:
    db = apsw.Connection(str(directory / "shared.db"))
    db.execute(sql)
    db.close()


def test_the_file_is_made_at_the_first_share(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a")
        await room.account.set_acl(1, "bob", None)
        assert await room.store.sharers(["bob"]) == []
        assert not (tmp_path / "shared.db").exists()
        await room.account.set_acl(1, "bob", "l")
        assert rows(room) == [("bob", 1)]

    async def later(room: Room) -> None:
        assert await room.store.sharers(["bob"]) == [1]

    perform(tmp_path, play)
    perform(tmp_path, later)


def test_stale_rows_go_when_the_account_is_opened_and_lost_ones_come_back(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.set_acl(1, "bob", "l")
        await room.account.set_acl(1, "carol", "l")
        await room.account.set_acl(1, "carol", None)
        assert await room.store.sharers(["carol"]) == [1]  # too much, until it is opened again
        await room.account.create("a/b")

    async def later(room: Room) -> None:
        assert rows(room) == [("bob", 1)]
        assert await room.store.sharers(["carol"]) == []
        assert await room.store.sharers(["bob"]) == [1]

    perform(tmp_path, play)
    perform(tmp_path, later)
    write(tmp_path, "DELETE FROM shares")
    perform(tmp_path, later)


def test_a_child_of_a_shared_mailbox_needs_no_row_of_its_own(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        top = await room.account.create("a")
        await room.account.set_acl(top.mailbox_id, "bob", "l")
        await room.account.create("a/b")
        await room.account.set_acl(top.mailbox_id, "bob", None)
        assert await room.store.sharers(["bob"]) == [1]

    async def later(room: Room) -> None:
        assert await room.store.sharers(["bob"]) == [1]
        assert (await room.account.mailbox("a/b")).acl == (("bob", "l"),)

    perform(tmp_path, play)
    perform(tmp_path, later)


def test_rows_of_a_deleted_account_go(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.set_acl(1, "bob", "l")
        await room.account.set_acl(1, "bob", None)

    async def later(room: Room) -> None:
        assert rows(room) == [("carol", 2)]
        await room.store.delete_account(2)
        assert rows(room) == []

    perform(tmp_path, play)
    write(tmp_path, "INSERT INTO shares VALUES ('carol', 2)")
    perform(tmp_path, later)


def test_questions_after_the_first_need_no_thread(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.set_acl(1, "bob", "l")
        hops = 0
        run = room.store.pool.run

        def note(*args: object) -> None:
            nonlocal hops
            hops += 1
            run(*args)  # type: ignore[arg-type]

        room.store.pool.run = note  # type: ignore[method-assign,assignment]
        assert await room.store.sharers(["bob", "anyone"]) == [1]
        assert hops == 0
        await room.account.set_acl(2, "bob", "l")  # one for the change, none for the index
        assert hops == 1

    perform(tmp_path, play)


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "shared.db"))
    db.pragma("user_version", 9)
    db.close()

    async def play(room: Room) -> None:
        with pytest.raises(StoreFailure, match="knows"):
            await room.store.sharers(["bob"])
        with pytest.raises(StoreFailure):
            await room.account.set_acl(1, "bob", "l")
        assert (await room.account.mailbox("INBOX")).acl == ()
        assert await room.put() == 1

    perform(tmp_path, play)


def test_a_file_whose_making_was_cut_short_is_finished(tmp_path: Path) -> None:
    (tmp_path / "shared.db").touch()

    async def play(room: Room) -> None:
        assert await room.store.sharers(["bob"]) == []
        await room.account.set_acl(1, "bob", "l")
        assert rows(room) == [("bob", 1)]

    perform(tmp_path, play)
