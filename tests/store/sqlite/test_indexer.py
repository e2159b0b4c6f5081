import asyncio
from pathlib import Path
from typing import Any, cast

from tests.store.sqlite.stage import Room, indexed, perform

from postroom.store import StoreSettings, TextField, TextQuery
from postroom.store.books import Books
from postroom.store.sqlite.indexer import Indexer, Turn
from postroom.store.sqlite.pool import Pool
from postroom.store.sqlite.writer import Write

QUICK = StoreSettings(index_tail_messages=4, index_segment_messages=16, index_quiet_seconds=0, threads=2)
PATIENT = StoreSettings(index_tail_messages=4, index_segment_messages=16, index_quiet_seconds=9999, threads=2)
SEGMENTS = "SELECT first, documents, whole FROM index_segments ORDER BY first"


def test_new_messages_are_indexed_when_there_are_some(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put()
        await room.account.settle()
        assert room.ask(SEGMENTS) == []
        await room.put()
        await indexed(room)
        assert room.ask(SEGMENTS) == [(1, 4, 0)]

    perform(tmp_path, play, QUICK)


def test_many_messages_are_indexed_though_more_keep_coming(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(15):
            await room.put()
        assert room.ask(SEGMENTS) == []
        await room.put()
        await room.account.settle()
        assert room.ask(SEGMENTS) == [(1, 16, 1)]

    perform(tmp_path, play, PATIENT)


def test_an_account_that_was_never_indexed_is_when_it_is_opened(tmp_path: Path) -> None:
    async def before(room: Room) -> None:
        room.store.index_turn.of = "somebody else"
        for _ in range(38):
            await room.put()

    async def play(room: Room) -> None:
        await indexed(room)
        assert room.ask(SEGMENTS) == [(1, 16, 1), (17, 16, 1), (33, 6, 0)]

    perform(tmp_path, before, PATIENT)
    perform(tmp_path, play, QUICK)


def test_a_closing_store_does_not_wait_for_the_index(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(40):
            await room.put()
        room.account.background._indexer._begin()

    perform(tmp_path, play, PATIENT)

    async def later(room: Room) -> None:
        await indexed(room)
        assert len(await room.account.search_text(1, TextQuery(TextField.BODY, "hi"))) == 40

    perform(tmp_path, later, QUICK)


def test_deliveries_go_on_while_the_index_is_made(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for at in range(10):
            uids = await asyncio.gather(*(room.put() for _ in range(7)))
            assert uids == list(range(at * 7 + 1, at * 7 + 8))
        await indexed(room)

    perform(tmp_path, play, QUICK)


def test_what_comes_while_there_seems_to_be_nothing_to_do_is_indexed() -> None:
    """Bug: it waited for the next message, for ever when none came."""

    class Held:
        """A pool, and an account whose messages come when the test says so."""

        account_id, closed = 1, False

        def __init__(self) -> None:
            self.books = Books()
            self.books.content_next = 5
            self.begun: list[Any] = []

        def run(self, job: Any, done: Any) -> None:
            self.begun.append(done)

        def read_behind(self, job: Any) -> Any:
            return job

        def write_behind(self, write: Write, done: Any) -> None:
            nothing_more: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            nothing_more.set_result(False)
            done(nothing_more)

        def rested(self) -> None: ...

    async def play() -> None:
        held = Held()
        indexer = Indexer(held, cast("Pool", held), QUICK, Turn(), 1)
        indexer.look()
        await asyncio.sleep(0.01)
        (done,) = held.begun
        held.books.content_next = 9  # committed after the thread had looked
        indexer.look()
        done(None, None)
        await asyncio.sleep(0.01)
        assert len(held.begun) == 2

    asyncio.run(play())


def test_a_failure_is_tried_again_another_time(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        db = room.files.connect_writer()
        db.execute("ALTER TABLE index_blocks RENAME TO elsewhere")
        for _ in range(16):
            await room.put()
        await room.account.settle()
        assert room.ask("SELECT state FROM index_segments") == [(0,)]
        assert await room.account.search_text(1, TextQuery(TextField.BODY, "hi")) == set(range(1, 17))
        db.execute("ALTER TABLE elsewhere RENAME TO index_blocks")
        db.close()
        await room.put()
        await room.account.settle()
        assert room.ask("SELECT state FROM index_segments ORDER BY id") == [(0,), (1,)]

    perform(tmp_path, play, PATIENT)
