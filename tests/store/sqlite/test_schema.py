from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.stage import LARGE, SETTINGS, Room, perform

from postroom.base import FakeClock
from postroom.store import SortFact, StoreFailure, Want
from postroom.store.sqlite.schema import APPLICATION_ID, FILLINGS, MIGRATIONS, VERSION, migrate


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


VERSION_1 = Path(__file__).with_name("version_1.sql")
STORED_BY_1 = [
    b"Return-Path: <a@x>\r\nMessage-ID: <a@x>\r\nSubject: First\r\nDate: 7 Feb 1994 21:52:25 -0800\r\n\r\n",
    b"Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: Re: first\r\nFrom: \xff <\xe9@x>\r\n\r\n",
    b"\r\n",
]


def make_version_1(path: Path, count: int) -> None:
    """A file as version 1 left it, with `count` messages."""
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.execute(VERSION_1.read_text())
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 1)
    with db:
        size = 0
        for at in range(1, count + 1):
            header = STORED_BY_1[(at - 1) % len(STORED_BY_1)]
            length = len(header) + 2
            size += length
            db.execute(
                "INSERT INTO contents VALUES (?, ?, ?, 0, 0, NULL, NULL, x'', x'', x'', x'', '', ?)",
                (at, length, len(header), header),
            )
            db.execute("INSERT INTO bodies VALUES (?, ?)", (at, b"hi"))
            db.execute("INSERT INTO search_text VALUES (?, 1, '', '', '', '', '', '', 'hi')", (at,))
            db.execute("INSERT INTO messages VALUES (1, ?, ?, 0, ?, ?, 0)", (at, at, at, length))
        db.execute("INSERT INTO account VALUES (1, ?, 1, 2, ?, ?, ?)", (count, count + 1, size, count))
        db.execute(
            "INSERT INTO mailboxes VALUES (1, 'INBOX', 1, ?, ?, 1, ?, ?, 0, ?, NULL, NULL)",
            (count + 1, count, count, count, size),
        )
    db.close()


def test_a_file_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "accounts" / "1"
    (folder / "blobs").mkdir(parents=True)
    count = 250  # more than are filled in at once
    make_version_1(folder / "mail.db", count)

    async def play(room: Room) -> None:
        facts = [SortFact.THREAD_ID, SortFact.SUBJECT, SortFact.IS_REPLY, SortFact.SENT, SortFact.REFERENCES]
        rows = await room.account.sort_facts(1, facts)
        assert len(rows) == count
        assert rows[:3] == [
            (1, 1, "first", 0, 760_686_745, ""),
            (2, 1, "first", 1, None, "a@x"),
            (3, 3, "", 0, None, ""),
        ]
        assert len(await room.account.search_thread(1, 1)) == 2 * (count // 3) + 1
        [stored] = await room.account.read([1], Want.PREVIEW | Want.THREAD)
        assert (stored.preview, stored.thread_id) == (None, 1)
        await room.put(b"In-Reply-To: <b@x>\r\n\r\nlater")
        assert count + 1 in await room.account.search_thread(1, 1)

    perform(tmp_path, play)


def test_an_upgrade_folds_the_dotless_i(tmp_path: Path) -> None:
    make_version_1(tmp_path / "x.db", 3)
    db = connect(tmp_path)
    db.execute("UPDATE search_text SET body = 'ırmak', headers = 'subject: sı' WHERE content_id = 2")
    db.execute("UPDATE search_text SET subject = 'sı' WHERE content_id = 2")
    migrate(db)
    assert db.execute("SELECT subject, headers, body FROM search_text WHERE content_id = 2").fetchall() == [
        ("si", "subject: si", "irmak")
    ]
    db.close()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.db"
    make_version_1(path, 3)

    def fails(db: apsw.Connection) -> None:
        raise OSError("no room")

    db = connect(tmp_path)
    with monkeypatch.context() as patch:
        patch.setitem(FILLINGS, 2, fails)
        with pytest.raises(OSError, match="no room"):
            migrate(db)
    assert db.pragma("user_version") == 1
    migrate(db)
    assert db.pragma("user_version") == VERSION
    assert db.execute("SELECT count(*) FROM sort_keys").fetchall() == [(3,)]
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
