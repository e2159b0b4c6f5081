"""A change in memory is all or nothing."""

import asyncio

import pytest

from postroom.accounts.memory import MemoryBook, MemoryTables


def test_a_change_that_fails_leaves_nothing_behind() -> None:
    async def play() -> None:
        book = MemoryBook()

        def work(tables: MemoryTables) -> None:
            tables.add_domain("example.org")
            tables.add_person("bob@example.org", "bob@example.org", (None, None))
            raise KeyError("half-way")

        before = book.version()
        with pytest.raises(KeyError):
            await book.change(work)
        assert book.version() == before
        assert book.tables == MemoryTables()
        await book.change(lambda tables: tables.add_domain("example.org"))
        assert book.version() != before
        assert book.tables.domains() == ["example.org"]
        await book.close()

    asyncio.run(play())
