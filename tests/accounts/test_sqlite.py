"""postroom.db: seen by other processes at once, private, recognised, survives."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import argon2
import pytest

from postroom.accounts import (
    NOBODY,
    AccountSettings,
    DirectoryFailure,
    Found,
    MailingList,
    SqliteDirectory,
    Unknown,
)
from postroom.accounts.sqlite import APPLICATION_ID, MIGRATIONS, SqliteBook
from postroom.base import FakeClock, SeededIds

SETTINGS = AccountSettings(hash_memory_kibibytes=8, hash_passes=1, busy_timeout_seconds=0.05)


def directory(path: Path, settings: AccountSettings = SETTINGS) -> SqliteDirectory:
    return SqliteDirectory(path, settings, FakeClock(), SeededIds())


def test_a_change_elsewhere_is_seen_at_the_next_question(tmp_path: Path) -> None:
    async def play() -> None:
        server, tool = directory(tmp_path / "postroom.db"), directory(tmp_path / "postroom.db")
        await tool.add_domain("example.org")
        assert await server.is_local_domain("example.org")
        assert await server.resolve("bob@example.org") == Unknown()
        bob = await tool.add_person("bob@example.org", "first")
        assert isinstance(await server.resolve("bob@example.org"), Found)
        assert await server.authenticate("bob@example.org", "first") == bob
        await tool.set_password("bob@example.org", "second")
        assert await server.authenticate("bob@example.org", "first") is None
        assert await server.authenticate("bob@example.org", "second") == bob
        await tool.set_enabled("bob@example.org", False)
        assert await server.authenticate("bob@example.org", "second") is None
        await tool.remove_person("bob@example.org")
        assert await server.resolve("bob@example.org") == Unknown()
        assert await server.person(bob.account_id) is None
        await server.close()
        await tool.close()

    asyncio.run(play())


def test_a_change_of_another_process_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    child = (
        "import asyncio, sys; from pathlib import Path\n"
        "from postroom.accounts import AccountSettings, SqliteDirectory\n"
        "from postroom.base import SystemClock, SystemIds\n"
        "d = SqliteDirectory(Path(sys.argv[1]), AccountSettings(), SystemClock(), SystemIds())\n"
        "asyncio.run(d.add_domain('example.org')); asyncio.run(d.close())\n"
    )

    async def play() -> None:
        server = directory(path)
        assert await server.local_domains() == []
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", child, str(path)], check=True)
        assert await server.local_domains() == ["example.org"]
        await server.close()

    asyncio.run(play())


def test_it_is_still_there_after_reopening(tmp_path: Path) -> None:
    async def play() -> None:
        for _ in range(2):
            opened = directory(tmp_path / "postroom.db")
            if not await opened.domains():
                await opened.add_domain("example.org")
            else:
                assert await opened.domains() == ["example.org"]
            await opened.close()

    asyncio.run(play())


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    async def play() -> None:
        opened = directory(tmp_path / "data" / "postroom.db")
        await opened.add_domain("example.org")
        await opened.add_person("bob@example.org", "secret")
        assert (tmp_path / "data" / "credentials.key").exists()
        for path in (tmp_path / "data").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        await opened.close()

    asyncio.run(play())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_made_by_root_it_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    async def play() -> None:
        (tmp_path / "data").mkdir()
        os.chown(tmp_path / "data", 4321, 4321)
        opened = directory(tmp_path / "data" / "postroom.db")
        await opened.add_domain("example.org")
        assert {path.stat().st_uid for path in (tmp_path / "data").iterdir()} == {4321}
        await opened.close()

    asyncio.run(play())


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    db = apsw.Connection(str(path))
    db.execute(MIGRATIONS[1])
    db.execute("INSERT INTO domain (name) VALUES ('example.org')")
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 1)
    db.close()

    async def play() -> None:
        opened = directory(path)
        assert await opened.domains() == ["example.org"]
        await opened.set_notes({"/shared/comment": b"new"})
        assert await opened.notes() == {"/shared/comment": b"new"}
        await opened.close()

    asyncio.run(play())


def test_a_file_of_the_first_version_of_something_else_is_not(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "postroom.db"))
    db.pragma("user_version", 1)
    with pytest.raises(DirectoryFailure):
        directory(tmp_path / "postroom.db")
    assert db.execute("SELECT count(*) FROM sqlite_schema").get == 0
    db.close()


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(DirectoryFailure):
        directory(path)
    assert path.read_bytes() == b"not a database" * 100
    path.unlink()
    db = apsw.Connection(str(path))
    db.pragma("user_version", 99)
    db.close()
    with pytest.raises(DirectoryFailure, match="schema 99"):
        directory(path)
    with pytest.raises(DirectoryFailure):
        directory(tmp_path)  # a folder


def test_a_busy_database_is_a_temporary_failure_and_changes_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        opened = directory(tmp_path / "postroom.db")
        other = apsw.Connection(str(tmp_path / "postroom.db"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DirectoryFailure) as caught:
            await opened.add_domain("example.org")
        assert not caught.value.permanent
        assert await opened.domains() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        await opened.add_domain("example.org")
        await opened.close()

    asyncio.run(play())


def test_a_change_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async def play() -> None:
        book = SqliteBook(tmp_path / "postroom.db", SETTINGS)

        def work(tables: object) -> None:
            book._writing.add_domain("example.org")
            raise KeyError("half-way")

        with pytest.raises(KeyError):
            await book.change(work)
        with pytest.raises(DirectoryFailure):
            await book.change(lambda tables: tables.add_person("a@b", "a@b", (None, None)))  # no such domain
        assert book.tables.domains() == []
        with pytest.raises(DirectoryFailure):
            book.tables.add_domain("example.org")  # the reading side can't write
        await book.close()

    asyncio.run(play())


def test_it_is_durable(tmp_path: Path) -> None:
    book = SqliteBook(tmp_path / "postroom.db", SETTINGS)
    assert book._writer.pragma("journal_mode") == "wal"
    assert book._writer.pragma("synchronous") == 2  # FULL
    asyncio.run(book.close())


def test_a_file_of_the_second_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    db = apsw.Connection(str(path))
    for version in (1, 2):
        db.execute(MIGRATIONS[version])
    db.execute("INSERT INTO domain (name) VALUES ('example.org')")
    db.execute("INSERT INTO person (key, address, domain) VALUES ('bob@example.org', 'Bob@example.org', 'example.org')")
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 2)
    db.close()

    async def play() -> None:
        opened = directory(path)
        (bob,) = await opened.people()
        assert (bob.address, bob.forward, bob.keep, bob.copies) == ("Bob@example.org", (), True, ())
        await opened.set_forwarding("bob@example.org", ("x@y.test",), keep=False)
        address = await opened.forwarding_sender("x@y.test", "bob@example.org")
        await opened.close()
        again = directory(path)
        assert (await again.people())[0].forward == ("x@y.test",)
        assert await again.forwarding_sender("x@y.test", "bob@example.org") == address  # the secret is kept
        await again.close()

    asyncio.run(play())


def test_a_file_of_the_third_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    db = apsw.Connection(str(path))
    for version in (1, 2, 3):
        db.execute(MIGRATIONS[version])
    db.execute("INSERT INTO domain (name) VALUES ('example.org')")
    db.execute("INSERT INTO secret (value, since) VALUES (x'00', 1.0)")
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 3)
    db.close()

    async def play() -> None:
        opened = directory(path)
        await opened.lists.create(MailingList(0, "news@example.org", ("x@y.test",)))
        await opened.lists.add_members("news@example.org", ("bob@b.test",))
        await opened.close()
        again = directory(path)
        (news,) = await again.lists.all()
        assert [one.address for one in await again.lists.members(news.list_id)] == ["bob@b.test"]
        await again.close()

    asyncio.run(play())


def test_a_file_of_the_fourth_version_keeps_its_passwords(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    db = apsw.Connection(str(path))
    for version in (1, 2, 3, 4):
        db.execute(MIGRATIONS[version])
    db.execute("INSERT INTO domain (name) VALUES ('example.org')")
    person = "INSERT INTO person (key, address, domain, password_hash) VALUES (?, ?, 'example.org', ?)"
    db.execute(person, ("bob@example.org", "Bob@example.org", hashed))
    db.execute(person, ("shared@example.org", "shared@example.org", None))
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 4)
    db.close()

    async def play() -> None:
        opened = directory(path)
        assert [one.address for one in await opened.people()] == ["Bob@example.org", "shared@example.org"]
        assert [key.credential_id for key in (await opened.scram_keys("bob@example.org", "sha-256")).keys] == [NOBODY]
        assert await opened.authenticate("bob@example.org", "wrong") is None
        assert await opened.authenticate("bob@example.org", "secret") is not None
        assert await opened.authenticate("shared@example.org", "secret") is None
        assert [key.credential_id for key in (await opened.scram_keys("bob@example.org", "sha-256")).keys] == [1]
        await opened.close()
        assert apsw.Connection(str(path)).execute("PRAGMA foreign_key_check").fetchall() == []

    asyncio.run(play())


def test_a_file_of_the_fifth_version_takes_grants(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    db = apsw.Connection(str(path))
    for version in (1, 2, 3, 4, 5):
        db.execute(MIGRATIONS[version])
    db.execute("INSERT INTO domain (name) VALUES ('example.org')")
    db.execute("INSERT INTO person (key, address, domain) VALUES ('bob@example.org', 'bob@example.org', 'example.org')")
    db.pragma("application_id", APPLICATION_ID)
    db.pragma("user_version", 5)
    db.close()

    async def play() -> None:
        opened = directory(path)
        await opened.grant_sender("bob@example.org", "sales@example.org")
        await opened.close()
        again = directory(path)
        assert await again.sender_grants("bob@example.org") == ["sales@example.org"]
        await again.close()

    asyncio.run(play())
