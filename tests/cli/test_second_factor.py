"""`postroom second-factor`."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cli.room import Room
from tests.cli.test_app_password import _signs_in

from postroom.accounts import totp

BOB = "bob@example.org"


@pytest.fixture
def room(room: Room) -> Room:
    room.ok("account", "add", BOB, "--password-stdin", stdin="s3cret words\n")
    return room


def _code(secret: str, later: int = 0) -> str:
    octets = base64.b32decode(secret)
    return totp.code(octets, totp.step(time.time()) + later)


def test_a_second_factor_from_beginning_to_end(room: Room) -> None:
    assert room.json("second-factor", "show", BOB) is None
    result = room.run("second-factor", "enrol", BOB)
    uri = result.stdout.strip()
    [secret] = parse_qs(urlsplit(uri).query)["secret"]
    assert uri.startswith("otpauth://totp/example.org:bob@example.org?")
    assert secret in result.stderr
    assert "not confirmed" in room.ok("second-factor", "show", BOB)
    assert _signs_in(room, "s3cret words", "imap")
    room.fails(1, "second-factor", "confirm", BOB, "--code-stdin", stdin="000000\n")
    on = room.run("second-factor", "confirm", BOB, "--code-stdin", stdin=f"{_code(secret)}\n")
    codes = on.stdout.split()
    assert len(codes) == 10
    assert "app-password add" in on.stderr
    assert not _signs_in(room, "s3cret words", "imap")
    check = ("second-factor", "check", BOB, "--code-stdin")
    assert "right" in room.ok(*check, stdin=f"{_code(secret, 1)}\n")
    assert "does not count" in room.fails(1, *check, stdin=f"{_code(secret, 1)}\n")
    room.ok(*check, stdin=f"{codes[0]}\n")
    assert "9 recovery codes" in room.ok("second-factor", "show", BOB)
    fresh = room.json("second-factor", "codes", BOB)["recovery_codes"]
    assert not set(fresh) & set(codes)
    assert "already" in room.fails(3, "second-factor", "enrol", BOB)
    room.ok("second-factor", "off", BOB)
    assert _signs_in(room, "s3cret words", "imap")


def test_refusals_have_words_and_exit_codes(room: Room) -> None:
    assert "no second factor" in room.ok("second-factor", "show", BOB)
    assert "no second factor" in room.fails(3, "second-factor", "off", BOB)
    assert "--code-stdin" in room.fails(2, "second-factor", "confirm", BOB)
    assert "no code" in room.fails(2, "second-factor", "confirm", BOB, "--code-stdin", stdin="\n")
    made = room.json("second-factor", "enrol", BOB)
    assert set(made) == {"secret", "uri"}
    assert "not confirmed" in room.fails(3, "second-factor", "codes", BOB)
