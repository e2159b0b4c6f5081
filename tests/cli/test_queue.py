"""`postroom queue`, on a queue that a server left."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.room import Room

from postroom.base import Spool, SystemClock, SystemIds
from postroom.cli.queue import _why
from postroom.journal import FileJournal, JournalSettings
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


MESSAGE = QueuedMessage("q", Envelope(""), 1, 0.0)
HELD_BACK = QueuedMessage("q", Envelope("", hold_until=9000.0), 1, 0.0)
ENTRY = Entry(1, MESSAGE, Recipient("x@y.test"), EntryState.WAITING, 1, 1000.0, "451 later", False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"next_attempt": 990.0}, "due now"),
        ({"next_attempt": 1060.0}, "tried again in 60 s"),
        ({"next_attempt": 1900.0}, "tried again in 15 min"),
        ({"next_attempt": 11_800.0}, "tried again in 3 h"),
        ({"next_attempt": 1002.0, "attempts": 0}, "its turn comes in 2 s"),
        ({"next_attempt": 9000.0, "attempts": 0, "message": HELD_BACK}, "its sender wants it sent in 2 h"),
        ({"route": "provider", "next_attempt": 1060.0}, "tried again in 60 s, by provider"),
        ({"route": "provider"}, "due now, by provider"),
        ({"state": EntryState.HELD}, "held until it is unheld"),
        ({"state": EntryState.SENDING}, "being sent"),
        ({"wish": "bounce:no"}, "to be returned to its sender"),
        ({"recipient": Recipient("x@paused.test")}, "paused.test is paused"),
    ],
)
def test_why_it_waits(changes: dict[str, Any], words: str) -> None:
    assert _why(replace(ENTRY, **changes), ["paused.test"], 1000) == words


def test_what_was_last_said_is_shown_word_for_word(room: Room) -> None:
    said = '554-5.7.1 "No" <x@y>; see https://a.test/?e=1 ünd 450 4.2.0 (mx.b.test [192.0.2.1]:25)'
    enqueue(room.data, "qone", "bob@b.test", "dora@paused.test")

    async def defer() -> None:
        queue = SqliteQueue(room.data, QueueSettings(), SystemClock(), SystemIds(), serving=False)
        (entry,) = [entry for entry in await queue.claim(2e9, 9) if entry.recipient.address == "bob@b.test"]
        await queue.defer([entry.entry_id], 4e9, said)
        await queue.pause(["paused.test"])
        await queue.close()

    asyncio.run(defer())
    bob, dora = room.json("queue", "list")
    assert (bob["last_reply"], bob["why"][:14]) == (said, "tried again in")
    assert dora["state"] == "sending"  # nobody has ended that attempt
    assert said in room.ok("queue", "list")
    assert said in room.ok("queue", "show", "qone")


def test_show_tells_how_often_the_outcome_was_left_open(room: Room) -> None:
    enqueue(room.data, "qone-later", "bob@elsewhere.test", "carol@elsewhere.test")
    assert [one["in_doubt"] for one in room.json("queue", "show", "qone-later")["entries"]] == [0, 0]

    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), SystemClock())
        journal.note("qone-later", "in doubt", to=["bob@elsewhere.test"], relay="mx.elsewhere.test")
        journal.close()

    asyncio.run(run())
    assert [one["in_doubt"] for one in room.json("queue", "show", "qone-later")["entries"]] == [1, 0]
    shown = room.ok("queue", "show", "qone-later")
    assert shown.count("in doubt") == 1
    assert "in doubt once for <bob@elsewhere.test>" in shown
