"""`postroom queue`, on a queue that a server left."""

import asyncio
from pathlib import Path

import pytest
from tests.cli.room import Room

from postroom.base import Spool, SystemClock, SystemIds
from postroom.cli.queue import _due
from postroom.queue import Entry, EntryState, Envelope, QueuedMessage, QueueSettings, Recipient, SqliteQueue


def enqueue(data: Path, message_id: str, *recipients: str) -> None:
    async def whole() -> None:
        queue = SqliteQueue(data, QueueSettings(), SystemClock(), SystemIds(), serving=False)
        with Spool(data / "tmp", 1000) as spool:
            spool.write(b"Subject: \x1b[31mhello\r\nTo: all\r\n\r\nbody\r\n")
            wanted = [Recipient(address) for address in recipients]
            await queue.enqueue(Envelope("alice@example.org"), wanted, spool, message_id=message_id)
        await queue.close()

    asyncio.run(whole())


def test_a_queue_that_never_was_is_empty_and_stays_away(room: Room) -> None:
    assert room.json("queue", "list") == []
    assert "The queue is empty" in room.run("queue", "list").stderr
    assert "no message" in room.fails(3, "queue", "show", "q1")
    assert "nothing like that" in room.fails(3, "queue", "retry", "q1")
    assert "0 recipient(s)" in room.ok("queue", "retry", "all")
    assert not (room.data / "queue.db").exists()


def test_operations(room: Room) -> None:
    enqueue(room.data, "qone", "bob@elsewhere.test", "carol@elsewhere.test")
    enqueue(room.data, "qtwo", "dora@elsewhere.test")
    entries = room.json("queue", "list")
    assert [(one["queue_id"], one["recipient"], one["state"]) for one in entries] == [
        ("qone", "bob@elsewhere.test", "waiting"),
        ("qone", "carol@elsewhere.test", "waiting"),
        ("qtwo", "dora@elsewhere.test", "waiting"),
    ]
    assert "<dora@elsewhere.test>" in room.ok("queue", "list")
    shown = room.ok("queue", "show", "qone")
    assert "Subject: \\x1b[31mhello\nTo: all\n" in shown
    assert "body" not in shown
    assert len(room.json("queue", "show", "qone")["entries"]) == 2
    assert "2 recipient(s) held" in room.ok("queue", "hold", "qone")
    assert [one["state"] for one in room.json("queue", "list")] == ["held", "held", "waiting"]
    assert room.json("queue", "list")[0]["next_attempt"] is None
    assert "unheld first" in room.fails(3, "queue", "retry", "qone")  # bug: it said that there was no such message
    assert "1 recipient(s) going on" in room.ok("queue", "unhold", str(entries[0]["entry_id"]))
    assert "due now" in room.ok("queue", "retry", "qtwo", "qone")
    assert "1 recipient(s) removed" in room.ok("queue", "remove", str(entries[1]["entry_id"]))
    assert "nothing like that" in room.fails(3, "queue", "remove", "qnone")
    assert "no message" in room.fails(3, "queue", "show", "qnone").lower().replace("such ", "")
    assert room.run("queue", "remove", "all", stdin="n\n").exit_code == 1
    assert len(room.json("queue", "list")) == 2
    assert "2 recipient(s) removed" in room.ok("queue", "remove", "all", "--yes")


def test_a_queue_that_can_not_be_opened(room: Room) -> None:
    (room.data / "queue.db").write_bytes(b"nonsense" * 1000)
    assert "Error" in room.fails(1, "queue", "list")


@pytest.mark.parametrize(
    ("state", "wait", "words"),
    [
        (EntryState.HELD, 0, "held"),
        (EntryState.WAITING, -5, "now"),
        (EntryState.WAITING, 60, "in 60 s"),
        (EntryState.WAITING, 600, "in 10 min"),
        (EntryState.WAITING, 10_000, "in 2 h"),
    ],
)
def test_when_it_is_tried_again(state: EntryState, wait: float, words: str) -> None:
    message = QueuedMessage("q", Envelope(""), 1, 0.0)
    assert _due(Entry(1, message, Recipient("x@y"), state, 0, 1000 + wait, "", False), 1000) == words
