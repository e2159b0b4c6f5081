from pathlib import Path

import apsw
from tests.store.sqlite.stage import DAY, Room, indexed, perform

from postroom.store import StoreSettings, TextField, TextQuery
from postroom.store.sqlite.index_reading import State, live_segments
from postroom.store.sqlite.index_writing import (
    BeginSegment,
    Draft,
    FinishSegment,
    RemoveReplaced,
    draft_next,
    writes_of,
)
from postroom.store.sqlite.writer import Scope

ASIDE = StoreSettings(index_tail_messages=4, index_segment_messages=8, index_step_octets=1, index_quiet_seconds=9999)
WORD = TextQuery(TextField.BODY, "word")


def draft(db: apsw.Connection, settings: StoreSettings = ASIDE) -> Draft:
    made = draft_next(db, settings, lambda: False)
    assert made is not None
    return made


async def fill(room: Room, count: int) -> None:
    for number in range(count):
        await room.put(b"Subject: s\r\n\r\nword%d\r\n" % number)


def scope(room: Room, db: apsw.Connection) -> Scope:
    return Scope(db, room.account.books, ASIDE, int(room.clock.now()))


def write_all(room: Room, db: apsw.Connection, made: Draft) -> None:
    with db:
        segment_id = BeginSegment(made).apply(scope(room, db))
        for write in writes_of(made, segment_id, 1):
            write.apply(scope(room, db))


def test_nobody_asks_a_segment_before_its_last_step(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room, 4)
        db = room.files.connect_writer()
        made = draft(db)
        segment_id = BeginSegment(made).apply(scope(room, db))
        steps = list(writes_of(made, segment_id, 1))
        assert len(steps) == len(made.blocks) + 1
        for step in steps:
            assert live_segments(db) == []
            step.apply(scope(room, db))
        assert len(live_segments(db)) == 1
        db.close()

    perform(tmp_path, play, ASIDE)


def test_small_segments_give_way_to_a_whole_one(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        db = room.files.connect_writer()
        for _ in range(2):
            await fill(room, 4)
            write_all(room, db, draft(db))
        [whole] = live_segments(db)
        assert (whole.first, whole.documents, whole.whole) == (1, 8, True)
        assert [state for (state,) in db.execute("SELECT state FROM index_segments")] == [State.REPLACED, State.LIVE]
        blocks = db.execute("SELECT count(*) FROM index_blocks").fetchall()
        steps = 0
        while RemoveReplaced().apply(scope(room, db)):
            steps += 1
        assert steps > 1
        assert [state for (state,) in db.execute("SELECT state FROM index_segments")] == [State.LIVE]
        assert db.execute("SELECT count(*) FROM index_blocks").fetchall() < blocks
        db.close()
        assert await room.account.search_text(1, WORD) == set(range(1, 9))

    perform(tmp_path, play, ASIDE)


def test_two_processes_that_index_the_same_texts(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room, 4)
        db = room.files.connect_writer()
        made, other = draft(db), draft(db)
        mine = BeginSegment(made).apply(scope(room, db))
        write_all(room, db, other)
        assert FinishSegment(mine, made.span).apply(scope(room, db)) == 5
        assert len(live_segments(db)) == 1
        assert not RemoveReplaced().apply(scope(room, db)) or not RemoveReplaced().apply(scope(room, db))
        assert FinishSegment(mine, made.span).apply(scope(room, db)) == 5  # and when it was removed meanwhile
        db.close()

    perform(tmp_path, play, ASIDE)


def test_a_segment_left_unfinished_is_removed_in_time(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room, 4)
        db = room.files.connect_writer()
        BeginSegment(draft(db)).apply(scope(room, db))
        assert not RemoveReplaced().apply(scope(room, db))
        room.clock._now += 3601
        assert RemoveReplaced().apply(scope(room, db))
        assert db.execute("SELECT * FROM index_segments").fetchall() == []
        db.close()

    perform(tmp_path, play, ASIDE)


def test_long_texts_end_a_segment_sooner(tmp_path: Path) -> None:
    settings = StoreSettings(index_tail_messages=4, index_segment_octets=1, index_quiet_seconds=9999, threads=2)

    async def play(room: Room) -> None:
        await fill(room, 4)
        db = room.files.connect_writer()
        for number in range(4):
            made = draft(db, StoreSettings(index_tail_messages=1, index_segment_octets=1))
            assert (made.span.first, made.documents, made.whole) == (number + 1, 1, True)
            write_all(room, db, made)
        db.close()

    perform(tmp_path, play, settings)


def test_a_draft_can_be_stopped(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room, 4)
        db = room.files.connect_reader()
        assert draft_next(db, ASIDE, lambda: True) is None
        answers = iter([False] * 6)
        assert draft_next(db, ASIDE, lambda: next(answers, True)) is None  # among the texts
        db.close()

    perform(tmp_path, play, ASIDE)


def test_the_room_of_purged_texts_comes_back(tmp_path: Path) -> None:
    settings = StoreSettings(
        index_tail_messages=4, index_segment_messages=4, index_quiet_seconds=0, threads=2, purge_interval_seconds=DAY
    )

    async def play(room: Room) -> None:
        await fill(room, 12)
        await indexed(room)
        assert room.ask("SELECT texts FROM index_segments") == [(4,)] * 3
        await room.account.remove(1, [*range(1, 7), 11, 12])
        room.clock._now += 15 * DAY
        await room.put()
        await room.account.settle()
        for _ in range(9):
            room.account.background._indexer.look_for_room()
            await room.account.settle()
        assert room.ask("SELECT first, documents, texts FROM index_segments") == [(1, 12, 4)]
        assert room.ask("SELECT count(*) FROM index_blocks WHERE instr(terms, 'word3')") == [(0,)]
        assert await room.account.search_text(1, WORD) == {7, 8, 9, 10}

    perform(tmp_path, play, settings)
