from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.stage import LARGE, SETTINGS, Room, perform

from postroom.base import FakeClock
from postroom.store import StoreFailure
from postroom.store.sqlite.schema import APPLICATION_ID, MIGRATIONS, VERSION, migrate


def connect(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path / "x.db"))


def test_a_new_file_gets_every_version_in_turn(tmp_path: Path) -> None:
    db = connect(tmp_path)
    migrate(db, new=True)
    assert (db.pragma("user_version"), db.pragma("application_id")) == (VERSION, APPLICATION_ID)
    migrate(db)
    db.close()
    assert list(MIGRATIONS) == list(range(1, VERSION + 1))


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    db = connect(tmp_path)
    with pytest.raises(StoreFailure, match="empty"):
        migrate(db)
    db.pragma("user_version", VERSION)
    with pytest.raises(StoreFailure, match="not a mail store"):
        migrate(db)
    db.pragma("user_version", VERSION + 1)
    with pytest.raises(StoreFailure, match="knows"):
        migrate(db, new=True)
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchall() == [(0,)]
    db.close()


def test_messages_are_narrow_and_in_order(tmp_path: Path) -> None:
    db = connect(tmp_path)
    migrate(db, new=True)
    [(sql,)] = db.execute("SELECT sql FROM sqlite_master WHERE name = 'messages'").fetchall()
    assert str(sql).endswith("WITHOUT ROWID")
    plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM messages WHERE mailbox_id = 1 ORDER BY uid").fetchall()
    assert len(plan) == 1  # no sorting
    db.close()


def test_an_account_of_the_first_version_opens_and_works(tmp_path: Path) -> None:
    def age(room: Room) -> None:
        """What the first version would have left: a file of its tables with this account's rows."""
        path = room.files.database
        new = connect(path.parent)
        new.execute(MIGRATIONS[1])
        new.pragma("application_id", APPLICATION_ID)
        new.pragma("user_version", 1)
        new.execute("ATTACH ? AS now", (str(path),))
        for (table,) in new.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(str(row[1]) for row in new.execute(f"PRAGMA main.table_info({table})").fetchall())
            new.execute(f"INSERT INTO main.{table}({columns}) SELECT {columns} FROM now.{table}")
        new.execute("DETACH now")
        new.pragma("journal_mode", "wal")
        new.close()
        (path.parent / "x.db").rename(path)

    async def play(room: Room) -> None:
        for content in (LARGE, b"Subject: x\r\n\r\n", LARGE, b"Subject: y\r\n\r\n"):
            await room.put(content, flags=frozenset({"kw"}))
        await room.account.remove(1, [2])
        await room.account.copy(1, [1], "Archive")

    async def later(room: Room) -> None:
        account = room.account
        assert room.ask("PRAGMA user_version") == [(VERSION,)]
        inbox = await account.mailbox("INBOX")
        view = await account.view(1)
        account.release(view)
        assert (list(view.uids), view.flag_names(view.masks[0])) == ([1, 3, 4], ("kw",))
        assert await account.save_dates(1) == {}
        assert await account.expunged_since(1, inbox.highest_modseq) == ()
        assert await account.expunged_since(1, inbox.highest_modseq - 1) is None  # nobody could ask until now
        assert (inbox.acl, await account.annotations(1, 1), await account.deleted_octets(1)) == ((), {}, 0)
        await account.copy(1, [1], "INBOX")
        assert await account.save_dates(1) == {5: int(room.clock.now())}
        await account.move(1, [3], "Junk")
        assert await account.expunged_since(1, inbox.highest_modseq) == (3,)
        await account.set_acl(1, "bob", "lr")
        await account.set_annotations(1, 1, {"/private/comment": b"x"})
        await room.put(mailbox="Archive")

    perform(tmp_path, play)
    room = Room(tmp_path, SETTINGS, FakeClock())
    age(room)
    perform(tmp_path, later)
