"""`postroom suppression`."""

from tests.cli.room import Room
from tests.cli.test_queue import enqueue


def test_add_list_remove(room: Room) -> None:
    assert room.json("suppression", "list") == []
    assert "no queue yet" in room.fails(3, "suppression", "add", "bob@b.test")
    enqueue(room.data, "qone", "bob@b.test")
    assert "not asked until" in room.ok("suppression", "add", "Bob@b.test", "--text", "gone \x1b[31m")
    (one,) = room.json("suppression", "list")
    assert (one["address"], one["bounces"]) == ("bob@b.test", 0)
    assert "\\x1b[31m" in room.ok("suppression", "list")
    room.ok("suppression", "remove", "bob@B.test")
    assert "There is none" in room.run("suppression", "list").stderr
    assert "Nothing is held" in room.fails(3, "suppression", "remove", "bob@b.test")
