from pathlib import Path

import pytest
from tests.cli.room import Room

BOB = "bob@example.org"
FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"


@pytest.fixture
def bob(room: Room, tmp_path: Path) -> Room:
    room.ok("account", "add", BOB, "--password-stdin", stdin="secret words 1\n")
    (tmp_path / "in").write_bytes(b"".join(FROM + b"Subject: %d\n\nx\n\n" % at for at in range(3)))
    room.ok("import", BOB, str(tmp_path / "in"))
    room.ok("import", BOB, str(tmp_path / "in"), "--mailbox", "A/B")
    return room


@pytest.mark.parametrize("format_", ["mbox", "maildir"])
def test_a_whole_account_beside_a_server(bob: Room, tmp_path: Path, format_: str) -> None:
    from postroom.store.sqlite.recovery import FolderLock

    lock = FolderLock(bob.data / "store.lock")
    try:
        said = bob.ok("export", BOB, str(tmp_path / "out"), "--format", format_)
    finally:
        lock.close()
    assert "6 message(s)" in said
    assert (tmp_path / "out" / ("A.sbd/B" if format_ == "mbox" else ".A.B/cur")).exists()


def test_one_mailbox(bob: Room, tmp_path: Path) -> None:
    found = bob.json("export", BOB, str(tmp_path / "one"), "--mailbox", "A/B")
    assert (found["messages"], found["mailboxes"], found["missing"]) == (3, {"A/B": 3}, [])
    assert (tmp_path / "one").read_bytes().count(b"From MAILER-DAEMON Mon Jan  6") == 3
    bob.ok("export", BOB, str(tmp_path / "two"), "--mailbox", "INBOX", "--format", "maildir")
    assert len(list((tmp_path / "two" / "cur").iterdir())) == 3


def test_refusals(bob: Room, tmp_path: Path) -> None:
    assert "exists already" in bob.fails(3, "export", BOB, str(tmp_path))
    assert "no mailbox Nowhere" in bob.fails(3, "export", BOB, str(tmp_path / "x"), "--mailbox", "Nowhere")
    bob.ok("account", "add", "carol@example.org", "--password-stdin", stdin="secret words 1\n")
    assert "no mail yet" in bob.fails(3, "export", "carol@example.org", str(tmp_path / "x"))


def test_a_lost_file_ends_with_1(bob: Room, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(FROM + b"Subject: x\n\n" + b"0123456789\n" * 10_000)
    bob.ok("import", BOB, str(tmp_path / "large"))
    [blob] = (bob.data / "accounts").glob("*/blobs/*")
    blob.unlink()
    assert bob.fails(1, "export", BOB, str(tmp_path / "out")).startswith("not exported: INBOX, uid 4:")
