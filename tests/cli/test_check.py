"""`postroom check`."""

import shutil
import socket
from pathlib import Path

import pytest
from tests.cli.room import Room

from postroom.cli import check_dns
from postroom.cli.check import verdict_code
from postroom.cli.findings import Finding, bad, good, note, unasked
from postroom.cli.records import Zone
from postroom.config import Config


@pytest.fixture
def listening(room: Room) -> Room:
    """With one address, which nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    room.config.write_text(room.config.read_text() + f'[listen]\nsmtp = ["127.0.0.1:{port}"]\n')
    return room


def test_a_sound_server_has_at_most_notes(listening: Room) -> None:
    listening.ok("account", "add", "bob@example.org", "--password-stdin", stdin="s3cret words\n")
    text = listening.ok("check")
    assert "Nothing is wrong." in text
    assert "note  certificate" in text
    assert "fix: set tls.certificate" in text
    verdicts = {one["subject"]: one["verdict"] for one in listening.json("check")}
    assert verdicts.pop("process", "note") == "note"  # where the tests are root's, so is the server
    assert verdicts == {
        "settings": "good",
        "data": "good",
        "postroom.db": "good",
        "accounts": "good",
        "dkim": "good",
        "certificate": "note",
        "smtp": "good",
    }


def test_settings_that_can_not_be_used(room: Room) -> None:
    room.config.write_text('hostname = "mail.example.org"\n[smtp]\nmax_errors = 0\nnope = 1\n')
    result = room.run("check")
    assert result.exit_code == 1
    assert "BAD   settings: postroom.toml:3: smtp.max_errors" in result.stdout
    assert "postroom.toml:4: smtp.nope" in result.stdout
    assert "2 thing(s) to repair" in result.stdout


def test_no_settings_at_all(room: Room) -> None:
    room.config.unlink()
    assert "postroom init" in room.fails(3, "check")


def test_a_health_check_wants_an_answer(listening: Room) -> None:
    result = listening.run("check", "--serving")
    assert result.exit_code == 1
    assert "is not served" in result.stdout
    assert "data" not in result.stdout


def test_no_data_and_a_broken_directory(listening: Room) -> None:
    (listening.data / "postroom.db").write_bytes(b"nonsense" * 1000)
    for leftover in listening.data.glob("postroom.db-*"):
        leftover.unlink()
    assert "restore a backup" in listening.run("check").stdout
    shutil.rmtree(listening.data)
    assert "there is no folder" in listening.run("check").stdout


def test_dns_is_asked_on_request(listening: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    async def answers(config: Config, zones: list[Zone]) -> list[Finding]:
        asked.extend((zone.hostname, zone.domain) for zone in zones)
        return [good("address", "fine"), bad("mx", "wrong", "repair it", "mail is lost")]

    monkeypatch.setattr(check_dns, "examine", answers)
    result = listening.run("check", "--dns")
    assert asked == [("mail.example.org", "example.org")]
    assert result.exit_code == 1
    assert "BAD   mx: wrong\n        why: mail is lost\n        fix: repair it" in result.stdout


def test_the_exit_code_tells_what_is_not_known() -> None:
    unknown, wrong = unasked("mx", "no answer", "ask again"), bad("mx", "wrong", "repair it")
    assert [verdict_code(found) for found in ([], [good("mx", "x")], [note("mx", "x")])] == [0, 0, 0]
    assert (verdict_code([unknown]), verdict_code([unknown, wrong])) == (4, 1)


def test_a_certificate_that_can_not_be_read_ends_the_questions(listening: Room, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    listening.config.write_text(listening.config.read_text() + f'[tls]\ncertificate = "{junk}"\n')
    result = listening.run("check", "--dns")
    assert result.exit_code == 1
    assert "BAD   dns: nothing was asked" in result.stdout
