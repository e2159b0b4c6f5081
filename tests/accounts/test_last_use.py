"""Last uses are noted seldom, together, and never in the way."""

import asyncio

import pytest

from postroom.accounts import AccountSettings, DirectoryFailure
from postroom.accounts.last_use import LastUse
from postroom.accounts.memory import MemoryBook
from postroom.accounts.types import CredentialRow
from postroom.base import FakeClock


async def _book() -> MemoryBook:
    book = MemoryBook()
    await book.change(lambda tables: [tables.add_credential(CredentialRow(0, 1, "", f"{n}")) for n in range(3)])
    return book


def _rows(book: MemoryBook) -> list[CredentialRow]:
    return book.tables.credentials(1)


def test_a_use_is_written_a_minute_later_with_the_others_and_once_an_hour() -> None:
    async def play() -> None:
        clock, book = FakeClock(), await _book()
        start = clock.now()
        notes = LastUse(book, AccountSettings(), clock)
        version = book.version()
        for row in _rows(book)[:2]:
            notes.note(row)
        notes.note(_rows(book)[0])
        assert book.version() == version
        await clock.advance(61)
        assert book.version() == version + 1
        assert [row.last_used for row in _rows(book)] == [start, start, None]
        notes.note(_rows(book)[0])
        await clock.advance(3500)
        assert book.version() == version + 1
        await clock.advance(100)
        notes.note(_rows(book)[0])
        await clock.advance(61)
        assert _rows(book)[0].last_used == start + 61 + 3600
        await notes.close()

    asyncio.run(play())


def test_what_is_left_is_written_at_the_end() -> None:
    async def play() -> None:
        clock, book = FakeClock(), await _book()
        notes = LastUse(book, AccountSettings(), clock)
        notes.note(_rows(book)[0])
        await notes.close()
        assert _rows(book)[0].last_used == clock.now()
        await notes.close()

    asyncio.run(play())


def test_a_use_during_the_writing_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        clock, book = FakeClock(), await _book()
        notes = LastUse(book, AccountSettings(), clock)
        change = book.change

        async def slow(work: object) -> None:
            monkeypatch.setattr(book, "change", change)
            notes.note(_rows(book)[1])
            await change(work)  # type: ignore[arg-type]

        monkeypatch.setattr(book, "change", slow)
        notes.note(_rows(book)[0])
        await clock.advance(200)
        assert None not in [row.last_used for row in _rows(book)[:2]]
        await notes.close()

    asyncio.run(play())


def test_a_failure_is_only_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        clock, book = FakeClock(), await _book()
        notes = LastUse(book, AccountSettings(), clock)

        async def refuse(work: object) -> None:
            raise DirectoryFailure("disk full")

        monkeypatch.setattr(book, "change", refuse)
        notes.note(_rows(book)[0])
        await clock.advance(61)
        assert "disk full" in caplog.text
        await notes.close()

    asyncio.run(play())
