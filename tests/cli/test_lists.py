"""`postroom list`."""

from tests.cli.room import Room


def test_a_list_from_beginning_to_end(room: Room) -> None:
    assert "postroom list add" in room.run("list", "show").stderr
    assert "needs an owner" in room.fails(2, "list", "add", "news@example.org")
    owner = ("--owner", "alice@example.org")
    assert "member add" in room.ok("list", "add", "News@example.org", *owner, "--title", "Our news")
    assert "already" in room.fails(3, "list", "add", "news@example.org", *owner)
    assert "domain add" in room.fails(3, "list", "add", "news@elsewhere.test", *owner)
    assert "30 characters" in room.fails(2, "list", "add", f"{'x' * 31}@example.org", *owner)
    room.ok("list", "change", "news@example.org", "--posting", "named", "--poster", "x@y.test", "--prefix", "[news]")
    [shown] = room.json("list", "show")
    assert shown == {
        "list_id": 1,
        "address": "News@example.org",
        "owners": ["alice@example.org"],
        "posting": "named",
        "posters": ["x@y.test"],
        "title": "Our news",
        "prefix": "[news]",
        "archive": "",
        "members": 0,
    }
    assert "Nothing" in room.fails(2, "list", "change", "news@example.org")
    room.ok("list", "change", "news@example.org", "--poster", "", "--owner", "bob@example.org", "--title", "")
    [shown] = room.json("list", "show")
    assert (shown["posters"], shown["owners"], shown["title"]) == ([], ["bob@example.org"], "")
    assert "1 account(s)" not in room.fails(1, "domain", "remove", "example.org")
    assert "is a list already" in room.fails(3, "alias", "add", "news@example.org", "x@y.test")
    room.ok("list", "remove", "news@example.org")
    for words in (("remove", "a@example.org"), ("show", "a@example.org"), ("change", "a@example.org", "--title", "x")):
        assert "no list" in room.fails(3, "list", *words)
    assert "no list" in room.fails(3, "list", "member", "add", "a@example.org", "x@y.test")


def test_members_come_and_go(room: Room) -> None:
    room.ok("list", "add", "news@example.org", "--owner", "alice@example.org")
    assert "2 member" in room.ok("list", "member", "add", "news@example.org", "bob@b.test", "Carol@c.test")
    added = room.ok("list", "member", "add", "news@example.org", "--from", "-", stdin="BOB@b.test\n\n dave@d.test \n")
    assert "1 member" in added
    assert "--from" in room.fails(2, "list", "member", "add", "news@example.org")
    assert "not an address" in room.fails(2, "list", "member", "add", "news@example.org", "e@e.test", "x y")
    assert "of itself" in room.fails(2, "list", "member", "add", "news@example.org", "news@example.org")
    shown = room.json("list", "show", "news@example.org")
    assert [one["address"] for one in shown["members"]] == ["bob@b.test", "Carol@c.test", "dave@d.test"]
    assert "dave@d.test" in room.ok("list", "show", "news@example.org")
    assert "1 member" in room.ok("list", "member", "remove", "news@example.org", "carol@c.test", "x@y.test")
    assert "None" in room.fails(3, "list", "member", "remove", "news@example.org", "carol@c.test")
    assert "again" in room.ok("list", "member", "resume", "news@example.org", "bob@b.test")
    assert "no member" in room.fails(3, "list", "member", "resume", "news@example.org", "x@y.test")
