"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208), over sockets."""

from pathlib import Path
from typing import Any

from postroom.accounts import AccountSettings, MemoryDirectory, SqliteDirectory
from postroom.base import FakeClock, SeededIds

from .room import both_stores, message, open_room, run

ADMIN: dict[str, Any] = {"administrators": ("Bob@X.example",)}
SET = "SETQUOTA alice@x.example"


@both_stores
def test_ones_own_quota(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            assert await alice.ok("GETQUOTA alice@x.example") == [b"* QUOTA alice@x.example (MAILBOX 6 10000)"]
            await room.directory.set_quota("alice@x.example", 4096, 3)
            await room.deliver(message(body=b"x" * 1000))
            usage = [b"* QUOTA alice@x.example (STORAGE 2 4 MESSAGE 1 3 MAILBOX 6 10000)"]
            assert await alice.ok('GETQUOTA "ALICE@x.example"') == usage
            assert await alice.ok("GETQUOTAROOT inbox") == [b"* QUOTAROOT INBOX alice@x.example", *usage]
            none_yet = b'* QUOTAROOT "not yet" alice@x.example'
            assert await alice.ok('GETQUOTAROOT "not yet"') == [none_yet, *usage]
            await alice.ok("CREATE one")
            assert b"MAILBOX 7 10000" in (await alice.ok("GETQUOTA alice@x.example"))[0]

    run(play())


@both_stores
def test_other_peoples_is_for_administrators(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, **ADMIN) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            for root in ("bob@x.example", "nobody@x.example", '""', '"#user/bob"', "{3+}\r\nbob"):
                assert (await alice.command(f"GETQUOTA {root}")).tagged.startswith(b"NO [NOPERM]")
                assert (await alice.command(f"SETQUOTA {root} ()")).tagged.startswith(b"NO [NOPERM]")
            assert (await alice.command(f"{SET} (STORAGE 1)")).tagged.startswith(b"NO [NOPERM]")
            assert await bob.ok("GETQUOTA alice@x.example") == [b"* QUOTA alice@x.example (MAILBOX 6 10000)"]
            assert (await bob.command("GETQUOTA nobody@x.example")).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


@both_stores
def test_a_new_limit_holds_at_once_and_replaces_the_others(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, **ADMIN) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            assert (await alice.append("INBOX")).ok
            assert await bob.ok(f"{SET} (storage 510 message 1)") == [
                b"* QUOTA alice@x.example (STORAGE 1 510 MESSAGE 1 1 MAILBOX 6 10000)"
            ]
            assert (await alice.append("INBOX")).tagged.startswith(b"NO [OVERQUOTA]")
            assert (await alice.append("INBOX", sync=True)).tagged.startswith(b"NO [OVERQUOTA]")
            await alice.ok("SELECT INBOX")
            assert (await alice.command("COPY 1 Sent")).tagged.startswith(b"NO [OVERQUOTA]")
            assert (await alice.command("MOVE 1 Sent")).ok  # takes no more room
            assert await bob.ok(f"{SET} (STORAGE 510)") == [b"* QUOTA alice@x.example (STORAGE 1 510 MAILBOX 6 10000)"]
            assert (await alice.append("INBOX")).ok
            await bob.ok(f"{SET} (STORAGE 0)")
            assert (await alice.append("INBOX")).tagged.startswith(b"NO [OVERQUOTA]")
            assert await bob.ok(f"{SET} ()") == [b"* QUOTA alice@x.example (MAILBOX 6 10000)"]
            assert (await alice.append("INBOX")).ok

    run(play())


def test_limits_that_cannot_be_set_change_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, **ADMIN) as room:
            bob = await room.client(name="bob")
            await bob.ok(f"{SET} (MESSAGE 7 MAILBOX 10000)")
            for wrong in ("MAILBOX 5", "STORAGE 1 ANNOTATION-STORAGE 5", "X-COLOUR 1"):
                assert (await bob.command(f"{SET} ({wrong})")).tagged.startswith(b"NO [CANNOT]")
            assert (await bob.command("SETQUOTA nobody@x.example ()")).tagged.startswith(b"NO [NONEXISTENT]")
            assert b"(MESSAGE 0 7 MAILBOX" in (await bob.ok("GETQUOTA alice@x.example"))[0]
            assert (await bob.ok(f"{SET} (STORAGE 9223372036854775807)"))[0] == (
                b"* QUOTA alice@x.example (STORAGE 0 9007199254740991 MAILBOX 6 10000)"
            )

    run(play())


@both_stores
def test_too_many_mailboxes(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, store_settings={"max_mailboxes": 8}) as room:
            room.service.max_mailboxes = 8
            alice = await room.client()
            await alice.ok("CREATE a")
            await alice.ok("CREATE b")
            assert (await alice.command("CREATE c")).tagged == b"NO [OVERQUOTA] Too many mailboxes"
            assert b"MAILBOX 8 8" in (await alice.ok("GETQUOTA alice@x.example"))[0]

    run(play())


def test_the_directories_that_there_are(tmp_path: Path) -> None:
    """The room's directory is a stand-in; here are the real ones."""

    async def play() -> None:
        cheap = AccountSettings(hash_memory_kibibytes=8, hash_passes=1)
        for directory in (
            MemoryDirectory(cheap, FakeClock(), SeededIds()),
            SqliteDirectory(tmp_path / "postroom.db", cheap, FakeClock(), SeededIds()),
        ):
            await directory.add_domain("x.example")
            await directory.add_person("alice@x.example", "alice-secret")
            await directory.add_person("bob@x.example", "bob-secret")
            async with open_room(tmp_path, **ADMIN) as room:
                room.service.directory = room.service.administration = directory
                alice, bob = await room.client(), await room.client(name="bob")
                await bob.ok(f"{SET} (MESSAGE 0)")
                assert (await alice.append("INBOX")).tagged.startswith(b"NO [OVERQUOTA]")
                await bob.ok('SETMETADATA "" (/shared/comment "Closed on Sunday")')
                assert await alice.ok('GETMETADATA "" /shared/comment') == [
                    b'* METADATA "" (/shared/comment "Closed on Sunday")'
                ]
            await directory.close()

    run(play())
