from pathlib import Path

import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.store import FlagAction, StoreFailure
from postroom.store.sqlite import ledger


def test_books_are_read_as_they_were_left(tmp_path: Path) -> None:
    kept = []

    async def first(room: Room) -> None:
        await room.put(flags=frozenset({"a", "\\Deleted"}), mailbox="new", create=True)
        await room.put(flags=frozenset({"b"}), mailbox="new")
        await room.account.set_flags(7, [1], FlagAction.ADD, frozenset({"c"}))
        await room.account.subscribe("elsewhere", True)
        await room.account.claim_recent(7)
        await room.put()
        kept.append((room.account.books, await room.account.mailboxes()))

    async def second(room: Room) -> None:
        before, boxes = kept[0]
        after = room.account.books
        for name in ("modseq", "uid_validity", "mailbox_next", "content_next", "octets", "messages", "subscriptions"):
            assert getattr(after, name) == getattr(before, name), name
        assert after.named("new").keywords == before.named("new").keywords
        assert await room.account.mailboxes() == boxes
        assert after.named("INBOX").recent_uid == 1

    perform(tmp_path, first)
    perform(tmp_path, second)


DAMAGE = [
    ("DELETE FROM account", "no account row"),
    ("UPDATE mailboxes SET uid_next = 1", "uid_next"),
    ("UPDATE mailboxes SET highest_modseq = 99", "ahead"),
    ("UPDATE account SET mailbox_next = 2", "ahead"),
    ("INSERT INTO keywords VALUES (1, 7, 'x')", "gap"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_a_file_that_contradicts_itself_does_not_open(tmp_path: Path, damage: str, words: str) -> None:
    async def play(room: Room) -> None:
        await room.put()
        db = room.files.connect_writer()
        db.execute("BEGIN")
        db.execute(damage)
        with pytest.raises(StoreFailure, match=words):
            ledger.load(db)
        db.close(True)

    perform(tmp_path, play)
