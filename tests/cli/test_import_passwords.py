"""`postroom account import-passwords`."""

from pathlib import Path

from tests.cli.room import Room
from tests.cli.test_app_password import _signs_in

HASH = "$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1"  # of "Hello world!"


def test_a_file_is_taken_over_line_by_line(room: Room, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"bob:{HASH}:1000:1000::/home/bob::\ncarol@nowhere.test:{HASH}\nroot:!:0:\n")
    do = ("account", "import-passwords", str(file), "--domain", "example.org", "--create")
    dry = room.run(*do, "--dry-run")
    assert "1 imported, 0 left as they were, 2 refused (nothing was changed)" in dry.stdout
    assert not _signs_in(room, "Hello world!", "imap")
    done = room.run(*do)
    assert done.exit_code == 1
    assert "line 1: bob: is a new account" in done.stdout
    assert "line 2: carol@nowhere.test: The domain" in done.stderr
    assert "line 3: root: it is locked" in done.stderr
    assert HASH not in done.output
    assert _signs_in(room, "Hello world!", "imap")
    file.write_text(f"bob@example.org:{HASH}\n")
    assert "has a password already" in room.ok("account", "import-passwords", str(file))
    [line] = room.json("account", "import-passwords", str(file), "--replace")
    assert (line["line"], line["outcome"]) == (1, "imported")


def test_from_standard_input(room: Room) -> None:
    room.ok("account", "import-passwords", "-", "--create", stdin="bob@example.org:{PLAIN}build it\n")
    assert _signs_in(room, "build it", "imap")


def test_a_file_that_can_not_be_read(room: Room, tmp_path: Path) -> None:
    assert "can't be read" in room.fails(2, "account", "import-passwords", str(tmp_path / "missing"))
    (tmp_path / "latin").write_bytes(b"bob:\xe9\n")
    assert "not UTF-8" in room.fails(2, "account", "import-passwords", str(tmp_path / "latin"))
