"""The tables of queue.db."""

import apsw
import pytest

from postroom.queue import EntryState, Envelope, QueueFailure, claiming, rows
from postroom.queue.schema import ENTRY_COLUMNS, MIGRATIONS, VERSION, create


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
    db.execute(
        "INSERT INTO messages(seq,id,mail_from,body_8bit,smtputf8,size,arrived,is_file,prefix)"
        " VALUES(1,'m','',0,0,0,0,0,x'')"
    )
    for state in EntryState:
        db.execute("INSERT INTO entries(message,address,state,next_attempt) VALUES(1,'a',?,0)", (state.value,))
    with pytest.raises(apsw.ConstraintError):
        db.execute("INSERT INTO entries(message,address,state,next_attempt) VALUES(1,'a','lost',0)")
    db.close()


def test_what_is_due_is_found_by_index() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    for sql in (claiming._FEW, claiming._MANY):
        plan = str(db.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 1.0, 5)).fetchall())
        assert "SEARCH e USING INDEX entries_" in plan
        assert "SCAN" not in plan
    db.close()


def test_a_queue_of_version_1_is_brought_up_to_date() -> None:
    db = apsw.Connection(":memory:")
    db.execute(MIGRATIONS[1])
    db.execute("PRAGMA user_version=1")
    db.execute("INSERT INTO messages VALUES(1,'q1','a@a.test',1,0,NULL,NULL,9,5.0,0,x'',x'')")
    addresses = ("bob@B.test", "carol@b.test", '"x@y"@c.test', "postmaster")
    for number, address in enumerate(addresses):
        db.execute("INSERT INTO entries(message,address,state,next_attempt) VALUES(1,?,'waiting',?)", (address, number))
    create(db)
    create(db)
    assert db.pragma("user_version") == VERSION
    assert db.execute("SELECT name, due FROM destinations ORDER BY due").fetchall() == [
        ("b.test", 0.0),
        ("c.test", 2.0),
        ("", 3.0),
    ]
    claimed = rows.entries(claiming.claim(db, 9.0, 9, None, {}))
    assert [entry.recipient.address for entry in claimed] == list(addresses)
    assert claimed[0].message.envelope == Envelope("a@a.test", body_8bit=True)
    db.close()


def test_a_queue_of_version_2_is_brought_up_to_date() -> None:
    db = apsw.Connection(":memory:")
    for version in (1, 2):
        db.execute(MIGRATIONS[version])
    db.execute("PRAGMA user_version=2")
    db.execute(
        "INSERT INTO messages(id,mail_from,body_8bit,smtputf8,size,arrived,is_file,prefix)"
        " VALUES('q1','a@a.test',0,0,9,5.0,0,x'')"
    )
    db.execute("INSERT INTO destinations(id,name,due) VALUES(1,'b.test',0)")
    db.execute(
        "INSERT INTO entries(message,address,state,next_attempt,destination) VALUES(1,'bob@b.test','waiting',0,1)"
    )
    create(db)
    (entry,) = rows.entries(claiming.claim(db, 9.0, 9, None, {}))
    assert (entry.recipient.way, entry.recipient.mail_from, entry.recipient.lead) == ("", None, b"")
    assert entry.message.envelope == Envelope("a@a.test")
    assert rows.is_first(db, "x", 1.0, 10.0)
    assert not rows.is_first(db, "x", 2.0, 10.0)
    assert rows.is_first(db, "x", 12.0, 10.0)  # forgotten meanwhile
    db.close()
