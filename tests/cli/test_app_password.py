"""`postroom app-password`."""

import asyncio
import re

import pytest
from tests.cli.room import Room

from postroom.accounts import SqliteDirectory
from postroom.base import SystemClock, SystemIds
from postroom.config import load


def _signs_in(room: Room, password: str, protocol: str) -> bool:
    config = load(room.config)

    async def whole() -> bool:
        directory = SqliteDirectory(room.data / "postroom.db", config.accounts, SystemClock(), SystemIds())
        try:
            return await directory.authenticate("bob@example.org", password, protocol) is not None
        finally:
            await directory.close()

    return asyncio.run(whole())


@pytest.fixture
def room(room: Room) -> Room:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    return room


def test_an_app_password_from_beginning_to_end(room: Room) -> None:
    assert room.json("app-password", "list", "bob@example.org") == []
    assert "app-password add" in room.run("app-password", "list", "bob@example.org").stderr
    result = room.run(
        "app-password", "add", "bob@example.org", "phone", "--protocols", "imap, SMTP", "--expires", "90d"
    )
    secret = result.stdout.strip()
    assert re.fullmatch(r"(?:[a-z]{4}-){6}[a-z]{4}", secret)
    assert "smtp, imap" in result.stderr
    assert "not shown again" in result.stderr
    assert _signs_in(room, secret, "imap")
    assert not _signs_in(room, secret, "pop3")
    [listed] = room.json("app-password", "list", "bob@example.org")
    assert (listed["name"], listed["protocols"]) == ("phone", ["smtp", "imap"])
    assert listed["last_used"] is not None
    assert abs(listed["expires"] - listed["made"] - 90 * 86_400) < 5
    table = room.ok("app-password", "list", "bob@example.org")
    assert "phone" in table
    assert secret not in table
    room.ok("app-password", "remove", "bob@example.org", "phone")
    assert not _signs_in(room, secret, "imap")


def test_json_has_the_secret_once(room: Room) -> None:
    made = room.json("app-password", "add", "bob@example.org", "phone")
    assert (made["protocols"], made["expires"]) == ([], None)
    assert _signs_in(room, made["secret"], "pop3")
    assert "secret" not in room.json("app-password", "list", "bob@example.org")[0]


def test_refusals_have_words_and_exit_codes(room: Room) -> None:
    room.ok("app-password", "add", "bob@example.org", "phone", "--expires", "2099-12-31")
    assert "2099-12-31T00:00:00Z" in room.ok("app-password", "list", "bob@example.org")
    add = ("app-password", "add", "bob@example.org")
    assert "already has" in room.fails(3, *add, "phone")
    assert "'ftp' is no protocol" in room.fails(2, *add, "x", "--protocols", "ftp")
    assert "neither like" in room.fails(2, *add, "x", "--expires", "soon")
    assert "not in the future" in room.fails(2, *add, "x", "--expires", "2001-01-01")
    assert "printable" in room.fails(2, *add, "\x1b[31m")
    assert "no account here" in room.fails(3, "app-password", "add", "carol@example.org", "x")
    assert "no app password" in room.fails(3, "app-password", "remove", "bob@example.org", "x")
