import asyncio
from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.stage import LARGE, Room, perform

from postroom.store import FlagAction, KeptMessage, NoSuchAccount, NoSuchContent, StoreFailure


def test_mail_is_read_while_the_store_has_it_open(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(flags=frozenset({"\\Seen", "work"}), internal_date=7)
        await room.put(LARGE, internal_date=8)
        reader = room.store.reader(1)
        inbox = reader.mailboxes()[0]
        assert (inbox.name, inbox.messages) == ("INBOX", 2)
        first, second = reader.messages(inbox.mailbox_id, 0, 10)
        assert first == KeptMessage(1, ("\\Seen", "work"), first.content_id, 18, 7)
        assert reader.messages(inbox.mailbox_id, 1, 10) == [second]
        assert len(reader.messages(inbox.mailbox_id, 0, 1)) == 1
        assert reader.read(second.content_id, 0, second.size) == LARGE
        await room.put()
        assert len(reader.messages(inbox.mailbox_id, 0, 10)) == 3
        with pytest.raises(NoSuchContent):
            reader.read(999, 0, 1)
        reader.close()

    perform(tmp_path, play)


def test_flags_that_were_changed_together_are_seen(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(40):
            await room.put()
        view = await room.account.view(1)
        await room.account.set_flags(1, view.uids[5:35], FlagAction.ADD, frozenset({"\\Seen"}))
        assert room.ask("SELECT count(*) FROM flag_runs") == [(1,)]
        room.account.release(view)
        reader = room.store.reader(1)
        flags = [one.flags for one in reader.messages(1, 0, 100)]
        assert flags == [()] * 5 + [("\\Seen",)] * 30 + [()] * 5
        reader.close()

    perform(tmp_path, play)


def test_what_is_not_there_or_of_another_version_is_refused(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchAccount):
            room.store.reader(99)
        database = room.files.database
        await asyncio.to_thread(_age, database)
        with pytest.raises(StoreFailure, match="has version 2"):
            room.store.reader(1)

    perform(tmp_path, play, whole=False)


def _age(database: Path) -> None:
    db = apsw.Connection(str(database))
    db.set_busy_timeout(10_000)  # the purge at the opening may be writing
    db.pragma("user_version", 2)
    db.close()
