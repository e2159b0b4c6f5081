"""What is written of a change, and read again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.sqlite.company import SETTINGS, Workers, perform

from postroom.store import FlagAction, FlagsChanged, GoneMessage, MessagesAdded, MessagesExpunged, StoreFailure
from postroom.store.sqlite import feed
from postroom.store.sqlite.feed import FeedGap, TooMuch, _runs, _uids
from postroom.store.sqlite.query import fetch

ADD = FlagAction.ADD


@given(st.sets(st.integers(1, 4_294_967_295) | st.integers(1, 40)))
def test_uids_are_runs(found: set[int]) -> None:
    uids = sorted(found)
    runs = _runs(uids)
    assert list(_uids(runs)) == uids
    assert len(runs) == 2 * sum(uid - 1 not in found for uid in uids)


def test_a_large_change_is_a_short_note(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        account = a.account
        for _ in range(4):
            await a.put(b"Subject: x\r\n\r\n" + b"y" * 50)
        while (await account.mailbox("INBOX")).messages < 2000:
            await account.copy(1, range(1, 1000), "INBOX")
        count = (await account.mailbox("INBOX")).messages
        view = await b.view()
        db = account._writer._db
        feed_octets = "SELECT length(data) FROM feed ORDER BY modseq DESC LIMIT 1"
        await account.set_flags(1, range(1, count + 1), ADD, frozenset({"\\Seen"}))
        assert fetch(db, feed_octets)[0][0] < 50
        await account.remove(1, range(1, count))
        assert fetch(db, feed_octets)[0][0] < 50
        b.take_changes()
        await b.account.catch_up()
        flagged, gone = b.take_changes()
        assert isinstance(flagged, FlagsChanged)
        assert isinstance(gone, MessagesExpunged)
        assert flagged.uids == tuple(range(1, count + 1))
        assert [lost.uid for lost in gone.gone] == list(range(1, count))
        assert {lost.mask for lost in gone.gone} == {1}  # what they were, though the note does not say it
        assert list(view.uids) == [count]

    perform(tmp_path, play)


def test_nothing_is_written_for_a_process_alone(tmp_path: Path) -> None:
    from tests.store.sqlite.stage import Room
    from tests.store.sqlite.stage import perform as perform_alone

    async def play(room: Room) -> None:
        await room.put()
        await room.account.claim_recent(1)
        await room.put()
        assert room.ask("SELECT * FROM feed") == []

    perform_alone(tmp_path, play)


def test_old_notes_go(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        for _ in range(150):
            await workers.a.account.subscribe("x", True)
            await workers.a.account.subscribe("x", False)
        db = workers.a.account._writer._db
        [(count, last)] = fetch(db, "SELECT count(*), max(modseq) FROM feed")
        assert 100 <= count < 100 + 64
        assert last == workers.a.account.books.modseq

    limits = {name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__} | {"max_feed_changes": 100}
    perform(tmp_path, play, type(SETTINGS)(**limits))


def test_a_note_that_is_missing_shows(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        known = workers.b.account.books
        for _ in range(3):
            await workers.a.put()
        db = workers.b.account._writer._db
        news = feed.news(db, known, None)
        assert news is not None
        assert len(news.records) == 3
        assert news.books.boxes[1].uid_next == 4
        assert feed.news(db, news.books, None) is None
        with pytest.raises(TooMuch):
            feed.news(db, known, 50)
        db.execute("UPDATE feed SET data = x'' WHERE modseq = ?", (known.modseq + 3,))
        with pytest.raises(FeedGap):
            feed.news(db, known, None)
        for missing in (known.modseq + 3, known.modseq + 1):
            db.execute("DELETE FROM feed WHERE modseq = ?", (missing,))
            with pytest.raises(FeedGap):
                feed.news(db, known, None)
        ahead = news.books.copy()
        ahead.modseq += 1
        with pytest.raises(StoreFailure, match="gone back"):
            feed.news(db, ahead, None)
        assert not db.in_transaction

    perform(tmp_path, play)


def test_a_message_that_nobody_has_is_gone_all_the_same(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        await workers.a.put()
        await workers.a.account.remove(1, [1])
        await workers.b.account.catch_up()
        added, gone = workers.b.changes
        assert isinstance(added, MessagesAdded)
        assert isinstance(gone, MessagesExpunged)
        assert gone.gone == (GoneMessage(1, 0, gone.modseq, 0, 0, 0),)

    perform(tmp_path, play)
