"""Messages and entries as rows and as values."""

import apsw
import pytest

from postroom.queue import DeliverBy, Envelope, claiming, rows
from postroom.queue.schema import create


@pytest.mark.parametrize(
    "by", [None, DeliverBy(5.5, notify_only=False), DeliverBy(5.5, notify_only=True), DeliverBy(7.0, False, True)]
)
def test_an_envelope_comes_back_as_it_was(by: DeliverBy | None) -> None:
    db = apsw.Connection(":memory:")
    create(db)
    envelope = Envelope("a@a.test", True, True, "FULL", "e", True, True, by, 12.0, 9, True, 7)
    seq = rows.insert_message(db, "q1", envelope, 3, 4.0, b"p", None)
    number = claiming.destination_with(db, "b.test", 1.0)
    db.execute(
        "INSERT INTO entries(message,address,notify,state,next_attempt,destination,route,wish)"
        " VALUES(?,'b@b.test','DELAY,FAILURE','waiting',1,?,'isp','retry')",
        (seq, number),
    )
    (entry,) = rows.entries(claiming.claim(db, 9.0, 9, None, {}))
    assert entry.message.envelope == envelope
    assert (entry.message.size, entry.message.arrived) == (3, 4.0)
    assert entry.recipient.notify == frozenset({"DELAY", "FAILURE"})
    assert (entry.route, entry.wish) == ("isp", "retry")
    assert db.execute("SELECT is_file FROM messages").fetchone() == (1,)


def test_an_id_in_use_is_refused() -> None:
    db = apsw.Connection(":memory:")
    create(db)
    rows.insert_message(db, "q1", Envelope(""), 1, 0.0, b"", b"")
    with pytest.raises(ValueError, match="in use"):
        rows.insert_message(db, "q1", Envelope(""), 1, 0.0, b"", b"")
