"""Addresses that bounced for good: what the contract does not show."""

import apsw

from postroom.queue import QueueSettings, suppression
from postroom.queue.schema import create


def test_known_in_any_case_of_letters() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    suppression.note_refused(db, ["Bob@B.test"], "550 no", 1.0, QueueSettings())
    assert list(suppression.held_against(db, ["bob@B.test", "x@b.test"])) == ["bob@B.test"]
    assert suppression.forget(db, ["BOB@b.test"]) == 1


def test_turned_off_it_remembers_nothing() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    suppression.note_refused(db, ["bob@b.test"], "550 no", 1.0, QueueSettings(suppress_after_bounces=0))
    assert suppression.everything(db) == []
