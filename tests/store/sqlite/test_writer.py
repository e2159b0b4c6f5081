"""The batch as such; each kind of change is tested beside its module, lost transactions in tests/fault."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.store import NoSuchMailbox, StoreFailure
from postroom.store.sqlite.writer import Scope, Write


class Note(Write):
    """Subscribes a name by hand, or fails."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.settled: list[bool] = []

    def apply(self, scope: Scope) -> str:
        scope.db.execute("INSERT INTO subscriptions VALUES (?)", (self.name,))
        scope.next_modseq()
        if self.error is not None:
            raise self.error
        return self.name

    def settle(self, files: Any, committed: bool, probe: Any) -> None:
        self.settled.append(committed)


def test_a_bug_in_one_change_undoes_that_change_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(room: Room) -> None:
        writes = [Note("a"), Note("b", ZeroDivisionError()), Note("c", NoSuchMailbox("c")), Note("d")]
        done = await asyncio.gather(*(room.account._write(write) for write in writes), return_exceptions=True)
        assert done[0] == "a"
        assert isinstance(done[1], ZeroDivisionError)
        assert isinstance(done[2], NoSuchMailbox)
        assert [write.settled for write in writes] == [[True], [False], [False], [True]]
        names = {name for (name,) in room.ask("SELECT name FROM subscriptions")}
        assert names & set("abcd") == {"a", "d"}
        for error in (ZeroDivisionError(), NoSuchMailbox("e")):
            with pytest.raises(type(error)):
                await room.account._write(Note("e", error))
        assert await room.account._write(Note("e")) == "e"

    perform(tmp_path, play)
    assert [record.getMessage()[-14:] for record in caplog.records] == ["a write failed"] * 2


def test_a_file_changed_behind_the_writers_back_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def play(room: Room) -> None:
        writer = room.account._writer
        await room.put()
        writer._suspect = True  # as after a commit that failed
        assert await room.put() == 2
        db = room.files.connect_writer()
        db.execute("UPDATE account SET modseq = modseq + 1")
        db.close()
        writer._suspect = True
        for _ in range(2):
            with pytest.raises(StoreFailure, match="moved on"):
                await room.put()
        assert room.account.unusable
        fresh = await room.store.open(1)
        assert fresh is not room.account
        room.account.close()
        room.account = fresh
        assert await room.put() == 3

    perform(tmp_path, play)


def test_who_writes_beside_the_writer_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Or two messages might get one uid."""
    caplog.set_level(logging.CRITICAL)

    async def play(room: Room) -> None:
        await room.put()
        db = room.files.connect_writer()
        db.execute("UPDATE account SET modseq = modseq + 1")
        db.close()
        with pytest.raises(StoreFailure, match="moved on"):
            await room.account.subscribe("x", True)
        with pytest.raises(StoreFailure, match="open it again"):
            await room.account.subscribe("x", True)
        assert room.account.unusable
        assert "x" not in {name for (name,) in room.ask("SELECT name FROM subscriptions")}
        room.account.close()
        room.account = await room.store.open(1)
        await room.account.subscribe("x", True)

    perform(tmp_path, play)


def test_recent_marks_ride_along(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        await room.account.claim_recent(1)
        assert room.ask("SELECT recent_uid FROM mailboxes WHERE id = 1") == [(1,)]
        await room.put()
        assert room.ask("SELECT recent_uid FROM mailboxes WHERE id = 1") == [(2,)]
        await room.account.claim_recent(1)

    async def later(room: Room) -> None:
        assert (await room.account.mailbox("INBOX")).recent == 0  # kept when the account was closed

    perform(tmp_path, play)
    perform(tmp_path, later)
