"""The tables of queue.db."""

import apsw
import pytest

from postroom.queue import EntryState, QueueFailure
from postroom.queue.schema import ENTRY_COLUMNS, VERSION, create


def test_create_once() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    create(db)
    assert db.pragma("user_version") == VERSION
    db.execute(f"SELECT {ENTRY_COLUMNS} FROM entries e JOIN messages m ON m.seq=e.message")
    db.close()


def test_a_later_version_is_left_alone() -> None:
    db = apsw.Connection(":memory:")
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(QueueFailure, match="newer"):
        create(db)
    assert not db.in_transaction
    db.close()


def test_the_table_knows_the_states_of_the_enum() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    db.execute("INSERT INTO messages VALUES(1,'m','',0,0,NULL,NULL,0,0,0,x'',x'')")
    for state in EntryState:
        db.execute("INSERT INTO entries(message,address,state,next_attempt) VALUES(1,'a',?,0)", (state.value,))
    with pytest.raises(apsw.ConstraintError):
        db.execute("INSERT INTO entries(message,address,state,next_attempt) VALUES(1,'a','lost',0)")
    db.close()


def test_what_is_due_is_found_by_index() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    plan = db.execute(
        "EXPLAIN QUERY PLAN SELECT entry_id FROM entries"
        " WHERE state='waiting' AND next_attempt<=? ORDER BY next_attempt",
        (1,),
    ).fetchall()
    assert "entries_due" in str(plan)
    db.close()
