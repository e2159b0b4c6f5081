"""`postroom queue destinations`, `pause`, `resume`, and what operators do to single messages beside."""

from tests.cli.room import Room
from tests.cli.test_queue import enqueue


def test_counts_and_pauses(room: Room) -> None:
    assert room.json("queue", "destinations") == []
    assert "no queue yet" in room.fails(3, "queue", "pause", "b.test")
    enqueue(room.data, "qone", "bob@b.test", "carol@c.test")
    enqueue(room.data, "qtwo", "dora@B.test")
    room.ok("queue", "hold", "qtwo")
    assert "Paused: b.test" in room.ok("queue", "pause", "b.test")
    (first, second) = room.json("queue", "destinations")
    assert (first["destination"], first["waiting"], first["held"], first["paused"]) == ("b.test", 1, 1, True)
    assert (second["destination"], second["waiting"], second["paused"]) == ("c.test", 1, False)
    assert "b.test" in room.ok("queue", "destinations")
    room.ok("queue", "resume", "b.test")
    assert "None of these" in room.fails(3, "queue", "resume", "b.test")


def test_one_destination_or_the_first_ones(room: Room) -> None:
    enqueue(room.data, "qone", "bob@b.test", "carol@c.test", "dora@B.test")
    shown = room.json("queue", "list", "--destination", "B.test")
    assert [one["recipient"] for one in shown] == ["bob@b.test", "dora@B.test"]
    assert {one["destination"] for one in shown} == {"b.test"}
    assert len(room.json("queue", "list", "--limit", "1")) == 1
    assert "first 1 only" in room.run("queue", "list", "--limit", "1").stderr


def test_bounce_move_priority(room: Room) -> None:
    enqueue(room.data, "qone", "bob@b.test")
    assert "1 recipient(s) to be returned" in room.ok("queue", "bounce", "qone", "--text", "No.")
    assert room.json("queue", "list")[0]["wish"] == "bounce:No."
    assert "1 recipient(s) moved" in room.ok("queue", "move", "qone", "--route", "isp.test:26")
    assert room.json("queue", "list")[0]["route"] == "isp.test:26"
    assert "there is no relay 'isp'" in room.fails(2, "queue", "move", "qone", "--route", "isp")
    assert "1 recipient(s) moved" in room.ok("queue", "move", "qone", "--route", "")
    assert "have that priority" in room.ok("queue", "priority", "qone", "--priority", "-3")
    assert room.run("queue", "priority", "qone", "--priority", "10").exit_code == 2
