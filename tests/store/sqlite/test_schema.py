from pathlib import Path

import apsw
import pytest

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
