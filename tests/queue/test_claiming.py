"""What is due, and for which destination, in a queue with very many entries."""

import apsw

from postroom.queue import Envelope, Share, claiming, rows
from postroom.queue.schema import create

_ENTRY = (
    "INSERT INTO entries(message,address,state,next_attempt,turn,destination) VALUES(1,?1,'waiting',?2,?2,"
    "(SELECT id FROM destinations WHERE name=?3))"
)


def queue_with(slow: int, others: int) -> apsw.Connection:
    """`slow` entries due for one destination, and one for each of the others."""
    db = apsw.Connection(":memory:")
    create(db)
    rows.insert_message(db, "q1", Envelope("a@a.test"), 1, 0.0, b"", b"")
    claiming.destination_with(db, "slow.test", 1.0)
    for k in range(slow):
        seq = rows.insert_message(db, f"s{k}", Envelope("a@a.test"), 1, 0.0, b"", b"")
        db.execute(_ENTRY.replace("VALUES(1", f"VALUES({seq}"), (f"r{k}@slow.test", 1.0, "slow.test"))
    for k in range(others):
        claiming.destination_with(db, f"d{k}.test", 2.0)
        db.execute(_ENTRY, (f"x@d{k}.test", 2.0, f"d{k}.test"))
    return db


def steps(db: apsw.Connection, shares: dict[str, int], limit: int = 10) -> tuple[int, list[str]]:
    """Virtual machine steps of one claim, in thousands, and the addresses."""
    count = 0

    def tick() -> bool:
        nonlocal count
        count += 1
        return False

    db.set_progress_handler(tick, 1000)
    claimed = rows.entries(claiming.claim(db, 9.0, limit, 5, {name: Share(left) for name, left in shares.items()}))
    db.set_progress_handler(None)
    return count, [entry.recipient.address for entry in claimed]


def test_many_entries_of_one_destination_cost_others_nothing() -> None:
    small, addresses = steps(queue_with(10, 5), {"slow.test": 0})
    large, same = steps(queue_with(50_000, 5), {"slow.test": 0})
    assert addresses == same == [f"x@d{k}.test" for k in range(5)]
    assert large <= small + 1


def test_a_share_of_many_costs_a_share() -> None:
    small, _ = steps(queue_with(10, 5), {}, 30)
    large, addresses = steps(queue_with(50_000, 5), {}, 30)
    assert addresses[:5] == [f"r{k}@slow.test" for k in range(5)]
    assert large <= small + 1


def test_a_row_that_nobody_needs_goes() -> None:
    db = queue_with(0, 1)
    assert db.execute("SELECT name FROM destinations ORDER BY id").fetchall() == [("slow.test",), ("d0.test",)]
    claiming.refresh(db, [1, 2])
    assert db.execute("SELECT name FROM destinations").fetchall() == [("d0.test",)]
    db.execute("DELETE FROM entries")
    db.execute("UPDATE destinations SET paused=1")
    claiming.refresh(db, [2])
    assert db.execute("SELECT name, due FROM destinations").fetchall() == [("d0.test", None)]
