"""`postroom account`."""

import asyncio

from tests.cli.room import Room

from postroom.accounts import SqliteDirectory
from postroom.base import SystemClock, SystemIds
from postroom.config import load


def _signs_in(room: Room, address: str, password: str) -> bool:
    config = load(room.config)

    async def whole() -> bool:
        directory = SqliteDirectory(room.data / "postroom.db", config.accounts, SystemClock(), SystemIds())
        try:
            return await directory.authenticate(address, password) is not None
        finally:
            await directory.close()

    return asyncio.run(whole())


def test_an_account_from_beginning_to_end(room: Room) -> None:
    assert room.json("account", "list") == []
    assert "postroom account add" in room.run("account", "list").stderr
    room.ok("account", "add", "Bob@Example.org", "--password-stdin", "--quota", "2GiB", stdin="s3cret words\n")
    [bob] = room.json("account", "list")
    assert bob == {
        "account_id": 1,
        "address": "Bob@example.org",
        "quota_octets": 2 << 30,
        "quota_messages": None,
        "enabled": True,
        "forward": [],
        "keep": True,
        "copies": [],
    }
    assert _signs_in(room, "bob@example.org", "s3cret words")
    room.ok("account", "password", "bob@example.org", "--password-stdin", stdin="new words\n")
    assert not _signs_in(room, "bob@example.org", "s3cret words")
    assert _signs_in(room, "bob@example.org", "new words")
    room.ok("account", "disable", "bob@example.org")
    assert not _signs_in(room, "bob@example.org", "new words")
    assert "no  " in room.ok("account", "list")
    room.ok("account", "enable", "bob@example.org")
    assert _signs_in(room, "bob@example.org", "new words")
    gone = room.ok("account", "remove", "bob@example.org")
    assert str(room.data / "accounts" / "1") in gone
    assert room.json("account", "list") == []


def test_without_a_main_password(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--no-password")
    secret = room.json("app-password", "add", "bob@example.org", "phone")["secret"]
    assert _signs_in(room, "bob@example.org", secret)
    room.ok("account", "password", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    assert _signs_in(room, "bob@example.org", "s3cret words")
    assert "no main password" in room.ok("account", "password", "bob@example.org", "--remove")
    assert not _signs_in(room, "bob@example.org", "s3cret words")
    assert _signs_in(room, "bob@example.org", secret)
    for verb, option in (("add", "--no-password"), ("password", "--remove")):
        room.fails(2, "account", verb, "bob@example.org", "--password-stdin", option, stdin="s3cret words\n")


def test_quotas(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", "--quota-messages", "50", stdin="s3cret words\n")
    room.ok("account", "quota", "bob@example.org", "1MB")
    [bob] = room.json("account", "list")
    assert (bob["quota_octets"], bob["quota_messages"]) == (1_000_000, 50)
    room.ok("account", "quota", "BOB@example.org", "none", "--messages", "none")
    [bob] = room.json("account", "list")
    assert (bob["quota_octets"], bob["quota_messages"]) == (None, None)
    assert "976.6 KiB" in room.ok("account", "quota", "bob@example.org", "1MB") + room.ok("account", "list")
    assert "big" in room.fails(2, "account", "quota", "bob@example.org", "big")


def test_refusals_have_words_and_exit_codes(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    assert "already has an account" in room.fails(
        3, "account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n"
    )
    assert "postroom domain add" in room.fails(
        3, "account", "add", "bob@elsewhere.test", "--password-stdin", stdin="s3cret words\n"
    )
    assert "not an address" in room.fails(2, "account", "add", "bob", "--password-stdin", stdin="s3cret words\n")
    assert "no password" in room.fails(2, "account", "add", "x@example.org", "--password-stdin")
    assert "no account here" in room.fails(3, "account", "remove", "carol@example.org")
    assert "no account here" in room.fails(3, "account", "quota", "carol@example.org", "1MB")
    for verb in ("enable", "disable"):
        assert "no account here" in room.fails(3, "account", verb, "carol@example.org")


def test_forwarding_and_copies(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    assert "not kept" in room.ok("account", "forward", "BOB@example.org", "bob@example.net", "x@y.test", "--no-keep")
    room.ok("account", "copy", "bob@example.org", "archive@example.net")
    [bob] = room.json("account", "list")
    assert (bob["forward"], bob["keep"], bob["copies"]) == (
        ["bob@example.net", "x@y.test"],
        False,
        ["archive@example.net"],
    )
    room.ok("account", "forward", "bob@example.org", "bob@example.net")
    assert "bob@example.net (and kept)  archive@example.net" in room.ok("account", "list")
    for command in ("forward", "copy"):
        assert "--off" in room.fails(2, "account", command, "bob@example.org")
        assert "--off" in room.fails(2, "account", command, "bob@example.org", "x@y.test", "--off")
        assert "no account" in room.fails(3, "account", command, "carol@example.org", "x@y.test")
        assert "not an address" in room.fails(2, "account", command, "bob@example.org", "x")
        room.ok("account", command, "bob@example.org", "--off")
    [bob] = room.json("account", "list")
    assert (bob["forward"], bob["keep"], bob["copies"]) == ([], True, [])


def test_leave_to_send_as_somebody_else(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="secret\n")
    assert "was granted none" in room.run("account", "senders", "bob@example.org").stderr
    assert "may send as sales@example.org" in room.ok("account", "grant-sender", "bob@example.org", "sales@example.org")
    room.ok("account", "grant-sender", "bob@example.org", "@Elsewhere.example")
    assert room.json("account", "senders", "bob@example.org") == ["@elsewhere.example", "sales@example.org"]
    assert "sales@example.org" in room.ok("account", "senders", "bob@example.org")
    room.ok("account", "grant-sender", "bob@example.org", "sales@example.org", "--revoke")
    room.fails(3, "account", "grant-sender", "bob@example.org", "sales@example.org", "--revoke")
    room.fails(3, "account", "grant-sender", "nobody@example.org", "sales@example.org")
    room.fails(2, "account", "grant-sender", "bob@example.org", "not an address")
    assert room.json("account", "senders", "bob@example.org") == ["@elsewhere.example"]
