"""`postroom alias`."""

from tests.cli.room import Room


def test_aliases_come_and_go(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    room.ok("alias", "add", "sales@example.org", "bob@example.org", "carol@elsewhere.test")
    room.ok("alias", "add", "@example.org", "bob@example.org")
    assert room.json("alias", "list") == [
        {"address": "@example.org", "targets": ["bob@example.org"]},
        {"address": "sales@example.org", "targets": ["bob@example.org", "carol@elsewhere.test"]},
    ]
    assert "bob@example.org, carol@elsewhere.test" in room.ok("alias", "list")
    for address in ("Sales@example.org", "@EXAMPLE.org"):
        assert "--replace" in room.fails(3, "alias", "add", address, "bob@example.org")
    room.ok("alias", "add", "sales@example.org", "bob@example.org", "--replace")
    assert room.json("alias", "list")[1]["targets"] == ["bob@example.org"]
    room.ok("alias", "remove", "@example.org")
    assert "There is no alias" in room.fails(3, "alias", "remove", "@example.org")
    assert "back to itself" in room.fails(2, "alias", "add", "a@example.org", "a@example.org")
    assert "domain add" in room.fails(3, "alias", "add", "a@elsewhere.test", "bob@example.org")
    assert "Missing argument" in room.fails(2, "alias", "add", "a@example.org")
