"""Queue ids and what operators call them."""

import apsw
import pytest

from postroom.base import SeededIds
from postroom.queue.names import check_message_id, chosen_ids, new_message_id, sent_by
from postroom.queue.schema import create


def test_new_ids_are_ids_and_no_numbers() -> None:
    made = {new_message_id(SeededIds(seed)) for seed in range(50)}
    assert len(made) == 50
    assert all(check_message_id(name) == name and not name.isdecimal() for name in made)


@pytest.mark.parametrize("name", ["..", "a\n", "a b", "/etc", ".x", "x" * 65])
def test_impossible_ids(name: str) -> None:
    with pytest.raises(ValueError, match="queue id"):
        check_message_id(name)


def test_chosen() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    db.execute(
        "INSERT INTO messages(seq,id,mail_from,body_8bit,smtputf8,size,arrived,is_file,prefix)"
        " VALUES(1,'7','',0,0,0,0,0,x''),(2,'two','',0,0,0,0,0,x'')"
    )
    db.execute("INSERT INTO entries(entry_id,message,address,state,next_attempt) VALUES(5,1,'a','waiting',0)")
    db.execute("INSERT INTO entries(entry_id,message,address,state,next_attempt) VALUES(7,2,'b','held',0)")
    assert chosen_ids(db, ["7"], "waiting held") == [5, 7]  # a message of that name, and an entry
    assert chosen_ids(db, ["two", "7", "7"], "held") == [7]
    assert chosen_ids(db, ["all", "x"], "waiting sending") == [5]
    assert chosen_ids(db, ["9" * 40, "²", "-1", "5 OR 1"], "waiting held") == []
    db.close()


def test_what_an_account_has_sent_has_a_name_that_is_no_id() -> None:
    assert sent_by(7) == "account:7"
    with pytest.raises(ValueError):
        check_message_id(sent_by(7))
