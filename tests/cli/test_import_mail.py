import os
from pathlib import Path

import pytest
from tests.cli.room import Room

from postroom.store import SqliteStore

BOB = "bob@example.org"
FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"
MBOX = b"".join(FROM + b"Status: RO\nSubject: %d\n\nx\n\n" % at for at in range(5))


@pytest.fixture
def bob(room: Room) -> Room:
    room.ok("account", "add", BOB, "--password-stdin", stdin="secret words 1\n")
    return room


@pytest.fixture
def mbox(tmp_path: Path) -> str:
    path = tmp_path / "old.mbox"
    path.write_bytes(MBOX)
    return str(path)


def test_an_mbox_is_imported_once(bob: Room, mbox: str) -> None:
    said = bob.ok("import", BOB, mbox, "--mailbox", "Old")
    assert "5 message(s) imported" in said
    assert "5 had been imported before" in bob.ok("import", BOB, mbox, "--mailbox", "Old")
    assert "5 message(s) imported" in bob.ok("import", "Bob@EXAMPLE.org", mbox)


def test_standard_input_and_json(bob: Room) -> None:
    result = bob.run("import", BOB, "-", "--json", stdin=MBOX.decode())
    assert result.exit_code == 0, result.output
    assert '"imported": 5' in result.stdout
    assert '"INBOX": 5' in result.stdout


def test_what_failed_is_named_and_ends_with_1(bob: Room, mbox: str, tmp_path: Path) -> None:
    (tmp_path / "old.mbox").write_bytes(FROM + b"\n" + MBOX + FROM + b"X-Mozilla-Status: 0008\n\nx\n")
    said = bob.fails(1, "import", BOB, mbox)
    assert said.startswith(f"not imported: {mbox}, octet 0: it has no octets\n")
    result = bob.run("import", BOB, mbox, "--again", "--json")
    assert '"reason": "it has no octets"' in result.stdout
    assert '"left_out": 1' in result.stdout
    assert '"imported": 5' in result.stdout


def test_a_dry_run_changes_nothing_and_needs_no_lock(bob: Room, mbox: str) -> None:
    assert "5 message(s) could be imported" in bob.ok("import", BOB, mbox, "--dry-run")
    assert not (bob.data / "accounts").exists()


def test_a_running_server_is_told_of(bob: Room, mbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from postroom.store.sqlite.recovery import FolderLock

    bob.data.mkdir(exist_ok=True)
    lock = FolderLock(bob.data / "store.lock")
    try:
        said = bob.fails(1, "import", BOB, mbox)
        assert "a server is running" in said
        assert "over IMAP" in said
        assert "5 message(s) could" in bob.ok("import", BOB, mbox, "--dry-run")
    finally:
        lock.close()


def test_quota_is_kept_to_when_asked(bob: Room, mbox: str) -> None:
    bob.ok("account", "quota", BOB, "none", "--messages", "3")
    said = bob.fails(1, "import", BOB, mbox, "--quota")
    assert "Stopped: the account's quota is used up" in said
    assert "the same command again" in said
    assert "2 message(s) imported" in bob.ok("import", BOB, mbox)


def test_sources_and_people_that_are_not_there(bob: Room, tmp_path: Path, mbox: str) -> None:
    bob.fails(3, "import", "carol@example.org", mbox)
    bob.fails(2, "import", BOB, str(tmp_path / "nowhere"))
    (tmp_path / "text").write_text("hello")
    assert "it is no mbox" in bob.fails(1, "import", BOB, str(tmp_path / "text"))
    assert "there are no eml" in bob.fails(1, "import", BOB, str(tmp_path), "--format", "eml")


def test_an_interrupted_import_says_what_to_do(bob: Room, mbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: SqliteStore) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "draft", interrupt)
        assert "Interrupted. Give the same command again" in bob.fails(1, "import", BOB, mbox)
    assert "5 message(s) imported" in bob.ok("import", BOB, mbox)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that are another's")
def test_what_root_imports_belongs_to_the_servers_user(bob: Room, mbox: str) -> None:
    os.chown(bob.data, 65534, -1)
    bob.ok("import", BOB, mbox)
    owners = {path.stat().st_uid for path in bob.data.rglob("*")}
    assert owners == {65534}
