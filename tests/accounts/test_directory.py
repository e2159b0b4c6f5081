"""Rehashing, the cache of answers, races with a change."""

import asyncio
from pathlib import Path

import pytest

from postroom.accounts import AccountSettings, DirectoryFailure, MemoryDirectory, SqliteDirectory, registry
from postroom.accounts.types import CredentialRow
from postroom.base import FakeClock, SeededIds

OLD = AccountSettings(hash_memory_kibibytes=8, hash_passes=1)
NEW = AccountSettings(hash_memory_kibibytes=16, hash_passes=1, max_cached_addresses=10)


def _hash_on_record(directory: SqliteDirectory | MemoryDirectory) -> str:
    (row,) = directory._book.tables.credentials(1)
    return row.hash


async def _with_bob(directory: SqliteDirectory | MemoryDirectory) -> None:
    await directory.add_domain("example.org")
    await directory.add_person("bob@example.org", "secret")


def test_a_hash_of_old_parameters_is_renewed_at_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        before = SqliteDirectory(tmp_path / "postroom.db", OLD, FakeClock(), SeededIds())
        await _with_bob(before)
        await before.close()
        after = SqliteDirectory(tmp_path / "postroom.db", NEW, FakeClock(), SeededIds(1))
        assert await after.authenticate("bob@example.org", "wrong") is None
        assert "$m=8," in _hash_on_record(after)
        assert await after.authenticate("bob@example.org", "secret") is not None
        assert "$m=16," in _hash_on_record(after)
        computed = after.hashes_computed
        assert await after.authenticate("bob@example.org", "secret") is not None
        assert after.hashes_computed == computed  # the renewed one counts as proven
        await after.close()

    asyncio.run(play())


def test_a_renewal_that_fails_does_not_keep_anybody_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        directory = MemoryDirectory(NEW, FakeClock(), SeededIds())
        await _with_bob(directory)
        monkeypatch.setattr(directory._passwords, "needs_rehash", lambda _: True)

        async def refuse(work: object) -> None:
            raise DirectoryFailure("disk full")

        monkeypatch.setattr(directory._book, "change", refuse)
        assert await directory.authenticate("bob@example.org", "secret") is not None
        assert "disk full" in caplog.text
        await directory.close()

    asyncio.run(play())


def test_a_password_changed_during_the_renewal_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        directory = MemoryDirectory(NEW, FakeClock(), SeededIds())
        await _with_bob(directory)
        changed = await directory._passwords.hash("changed")
        monkeypatch.setattr(directory._passwords, "needs_rehash", lambda _: True)
        monkeypatch.setattr(directory._passwords, "hash", _hash_and_interfere(directory, changed))
        assert await directory.authenticate("bob@example.org", "secret") is None  # not any more
        assert _hash_on_record(directory) == changed
        await directory.close()

    def _hash_and_interfere(directory: MemoryDirectory, changed: str) -> object:
        async def hash_it(password: str) -> str:
            main = CredentialRow(0, 0, changed)
            await directory._book.change(lambda tables: registry.set_main_password(tables, "bob@example.org", main))
            return "$fresh"

        return hash_it

    asyncio.run(play())


def test_a_person_removed_while_the_password_is_checked_does_not_get_in() -> None:
    async def play() -> None:
        directory = MemoryDirectory(NEW, FakeClock(), SeededIds())
        await _with_bob(directory)
        sign_in = asyncio.create_task(directory.authenticate("bob@example.org", "secret"))
        await asyncio.sleep(0)
        await directory.remove_person("bob@example.org")
        assert await sign_in is None
        await directory.close()

    asyncio.run(play())


def test_the_answers_remembered_are_bounded() -> None:
    async def play() -> None:
        directory = MemoryDirectory(NEW, FakeClock(), SeededIds())
        await _with_bob(directory)
        for k in range(25):
            await directory.resolve(f"ghost{k}@example.org")
        assert len(directory._resolutions) <= 10
        await directory.resolve("x" * 2000 + "@elsewhere.test")
        assert not any(len(address) > 1024 for address in directory._resolutions)
        await directory.close()

    asyncio.run(play())
