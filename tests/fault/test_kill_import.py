"""kill -9 of an import at random moments, and again until it is done: each message of the source is there, once."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import apsw
from tests.cli.room import Room

from postroom.base import SystemClock, SystemIds
from postroom.config import load
from postroom.store import SqliteStore

BOB = "bob@example.org"
FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"
MESSAGES = 900
LARGE_EVERY = 60  # one in so many is kept in a file of its own
KILLS = 4


def content(at: int) -> bytes:
    return b"Subject: %d\n\n" % at + b"0123456789\n" * (10_000 if at % LARGE_EVERY == 0 else 1)


def stored(database: Path) -> int:
    """How many messages the account has, whoever is writing."""
    try:
        db = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError:
        return 0
    try:
        db.set_busy_timeout(5000)
        return int(str(db.execute("SELECT count(*) FROM messages").fetchall()[0][0]))
    finally:
        db.close()


def import_until(room: Room, source: Path, database: Path, count: int) -> int | None:
    """Start an import, kill it when so many messages are there; its exit code when it was done before."""
    command = [sys.executable, "-m", "postroom", "import", BOB, str(source), "--mailbox", "Old"]
    process = subprocess.Popen(
        [*command, "--config", str(room.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while (code := process.poll()) is None:
        if stored(database) >= count:
            process.kill()
            process.wait()
            return None
    return code


def test_an_import_killed_at_random_moments_has_each_message_once(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.ok("domain", "add", "example.org")
    with room.config.open("a") as settings:
        settings.write("[interchange]\nbatch_messages = 20\n")
    room.ok("account", "add", BOB, "--password-stdin", stdin="secret words 1\n")
    source = tmp_path / "old.mbox"
    source.write_bytes(b"".join(FROM + content(at) + b"\n" for at in range(MESSAGES)))
    database = room.data / "accounts" / "1" / "mail.db"
    moments = sorted(random.Random(7).sample(range(1, MESSAGES - 300), KILLS))
    for moment in moments:
        assert import_until(room, source, database, moment) is None
        assert stored(database) < MESSAGES, "it was not killed in the middle"
    assert import_until(room, source, database, MESSAGES + 1) == 0

    config = load(room.config)
    store = SqliteStore(config.data, config.store, config.message, SystemClock(), SystemIds())
    reader = store.reader(1)
    [old] = [box for box in reader.mailboxes() if box.name == "Old"]
    found = Counter(
        reader.read(one.content_id, 0, one.size) for one in reader.messages(old.mailbox_id, 0, 2 * MESSAGES)
    )
    reader.close()
    assert found == {content(at).replace(b"\n", b"\r\n"): 1 for at in range(MESSAGES)}
    assert asyncio.run(store.check(1)) == []
    assert list((room.data / "spool").iterdir()) == []
