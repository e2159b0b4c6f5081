"""`postroom junk`."""

from pathlib import Path

from tests.cli.room import Room


def _mbox(path: Path, *texts: str) -> Path:
    path.write_text("".join(f"From x Mon Jan  5 10:00:00 2026\nSubject: {text}\n\n{text}\n\n" for text in texts))
    return path


def test_learn_show_forget(room: Room, tmp_path: Path) -> None:
    room.ok("domain", "add", "b.test")
    room.ok("account", "add", "bob@b.test", "--password-stdin", stdin="secret words\n")
    assert "Nothing was learnt" in room.run("junk", "show", "bob@b.test").stderr
    spam, ham = _mbox(tmp_path / "spam.mbox", "pills", "casino"), _mbox(tmp_path / "ham.mbox", "meeting")
    assert "Say what to learn" in room.fails(2, "junk", "learn", "bob@b.test")
    wanted = ("junk", "learn", "--spam", str(spam), "--ham", str(ham), "Bob@b.test")
    assert room.json(*wanted) == {"spam": 2, "ham": 1}
    assert "0 messages of junk, 0 of other mail" in room.ok(*wanted), "once only"
    shown = room.json("junk", "show", "bob@b.test")
    assert (shown["spam"], shown["ham"], shown["judges"]) == (2, 1, False)
    assert {"kind": "spam", "why": "file", "messages": 2} in shown["learnt"]
    assert "not judged yet" in room.ok("junk", "show", "bob@b.test")
    folder = room.data / "training"
    assert [path.stat().st_mode & 0o777 for path in folder.glob("*.db")] == [0o600]
    room.ok("junk", "forget", "bob@b.test")
    assert list(folder.iterdir()) == []
    assert "has taught nothing" in room.fails(3, "junk", "forget", "bob@b.test")
    assert "There is no account" in room.fails(3, "junk", "show", "eve@b.test")


def test_what_is_no_mail_is_refused(room: Room, tmp_path: Path) -> None:
    room.ok("domain", "add", "b.test")
    room.ok("account", "add", "bob@b.test", "--password-stdin", stdin="secret words\n")
    (tmp_path / "x").write_text("no mail")
    assert "no mbox" in room.fails(1, "junk", "learn", "--spam", str(tmp_path / "x"), "bob@b.test")
