"""`postroom domain`."""

from tests.cli.room import Room


def test_domains_come_and_go(room: Room) -> None:
    shown = room.ok("domain", "add", "Bücher.example")
    assert "IN MX" in shown
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    room.ok("alias", "add", "sales@example.org", "bob@example.org")
    assert room.json("domain", "list") == [
        {"domain": "example.org", "accounts": 1, "aliases": 1},
        {"domain": "xn--bcher-kva.example", "accounts": 0, "aliases": 0},
    ]
    assert "example.org" in room.ok("domain", "list")
    assert "1 account(s) and 1 alias(es)" in room.fails(1, "domain", "remove", "example.org")
    room.ok("domain", "remove", "bücher.example")
    assert "is not here" in room.fails(3, "domain", "remove", "bücher.example")
    assert "already here" in room.fails(3, "domain", "add", "EXAMPLE.org")
    assert "not a domain name" in room.fails(2, "domain", "add", "exa mple")


def test_a_new_secret(room: Room) -> None:
    assert "new secret" in room.ok("domain", "rotate-secret")
