"""Sessions of two worker processes: whatever one client was told, all others may know."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from postroom.store import SqliteStore, StoreFailure

from .room import MESSAGE, Client, Room, open_room, run


async def pair(room: Room, select: str = "", name: str = "alice") -> tuple[Client, Client]:
    """A client of each worker."""
    return await room.client(select, name=name), await room.client(select, name=name)


def test_what_one_was_told_the_next_command_of_another_shows(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            a, b = await pair(room)
            assert (await a.append("INBOX")).ok
            assert await b.ok("STATUS INBOX (MESSAGES UIDNEXT RECENT)") == [
                b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 RECENT 1)"
            ]
            assert b"* 1 RECENT" in await b.ok("SELECT INBOX")
            said = await a.ok("SELECT INBOX")
            assert b"* 1 EXISTS" in said
            assert b"* 0 RECENT" in said
            assert (await b.append("INBOX")).ok
            assert await a.ok("NOOP") == [b"* 2 EXISTS", b"* 0 RECENT"]  # b has it: it was told first
            assert await a.ok("STORE 1 +FLAGS (\\Seen word)") == [
                b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft word)",
                b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft word \\*)] Flags permitted",
                b"* 1 FETCH (FLAGS (\\Seen word))",
            ]
            fetched = [line for line in await b.ok("FETCH 1:2 FLAGS") if b"FETCH" in line]
            assert fetched == [b"* 1 FETCH (FLAGS (\\Seen word \\Recent))", b"* 2 FETCH (FLAGS (\\Recent))"]
            await b.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await b.ok("EXPUNGE")
            assert b"* 1 EXPUNGE" in await a.ok("NOOP")
            await a.ok("CREATE new")
            assert b'* LIST (\\HasNoChildren) "/" new' in await b.ok('LIST "" new')
            await b.ok("SUBSCRIBE new")
            assert await a.ok('LSUB "" new') == [b'* LSUB () "/" new']
            await b.ok("RENAME new old")
            assert (await a.command("SELECT new")).tagged.startswith(b"NO [NONEXISTENT]")
            await a.ok("SELECT old")
            await b.ok("DELETE old")
            assert b"BYE" in await a.eof_after("NOOP")

    run(play())


def test_idle_hears_of_it_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "workers", store_settings={"look_seconds": 3600.0}) as room:
            a, b = await pair(room, "INBOX")
            tag = b.start("IDLE")
            assert await b.response() == b"+ idling"
            assert (await a.append("INBOX")).ok
            async with asyncio.timeout(10):
                assert await b.response() == b"* 1 EXISTS"
            b.send(b"DONE\r\n")
            await b.finish(tag)

    run(play())


def test_what_others_share_is_seen_by_the_guests_of_all_workers(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            alice, other = await pair(room)
            bob, also_bob = await pair(room, name="bob")
            assert await also_bob.ok('LIST "" #user/*') == []
            await alice.ok("SETACL INBOX bob@x.example lrs")
            for client in (bob, also_bob):
                assert len(await client.ok('LIST "" #user/*')) == 2
                await client.ok("SELECT #user/alice@x.example/INBOX")
            assert (await other.append("INBOX")).ok
            for client in (bob, also_bob):
                assert b"* 1 EXISTS" in await client.ok("NOOP")
            await other.ok("SETACL INBOX bob@x.example l")
            for client in (bob, also_bob):
                assert b"BYE" in await client.eof_after("NOOP")

    run(play())


def test_an_account_that_another_worker_removed(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            one, other = await pair(room)
            guest, also_guest = await pair(room, name="bob")
            await one.ok("SETACL INBOX bob@x.example lrs")
            for client in (guest, also_guest):
                await client.ok("SELECT #user/alice@x.example/INBOX")
            clients = {0: (other, also_guest), 1: (one, guest)}  # by worker: the first client is of the second
            await room.stores[0].delete_account(1)
            mine, guests = clients[1]
            assert b"BYE This account is no longer active" in await mine.eof_after("NOOP")
            assert b"BYE The selected mailbox was deleted" in await guests.eof_after("NOOP")
            assert b"BYE Logging out" in await clients[0][0].eof_after("LOGOUT")

    run(play())


def test_when_it_cannot_be_known_what_others_did(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            a, b = await pair(room, "INBOX")
            store = room.stores[0]
            assert isinstance(store, SqliteStore)
            account = await store.open(1)

            async def fails() -> None:
                raise StoreFailure("told to fail")

            account.look = lambda: None  # type: ignore[method-assign]  # the poke is lost
            account.catch_up = fails  # type: ignore[method-assign]
            assert (await a.append("INBOX")).ok  # of the second worker: the first is behind now
            assert (await b.command("NOOP")).tagged.startswith(b"NO [UNAVAILABLE]")
            assert (await b.append("INBOX", sync=True)).tagged.startswith(b"NO [UNAVAILABLE]")
            assert (await b.append("INBOX")).tagged.startswith(b"NO [UNAVAILABLE]")
            assert b"BYE Logging out" in await b.eof_after("LOGOUT")
            account.close()

    run(play())


@pytest.mark.parametrize("kind", ["sqlite", "workers"])
def test_noop_asks_the_disk_nothing(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            for store in room.stores:
                assert isinstance(store, SqliteStore)
                for account in store._open.values():
                    await account.settle()
            asked: list[Any] = []

            def note(*what: object) -> bool:
                asked.append(what)
                return True

            for store in room.stores:
                assert isinstance(store, SqliteStore)
                monkeypatch.setattr(store.pool, "run", note)
                if 1 in store._open:
                    account = store._open[1]
                    account._writer._db.exec_trace = note
                    monkeypatch.setattr(account._readers, "one", note)
            for _ in range(10):
                await client.ok("NOOP")
            monkeypatch.undo()
            assert asked == []

    run(play())


def test_messages_that_two_take_out_at_once_are_in_one_place(tmp_path: Path) -> None:
    """MOVE to another account copies and removes; of two workers' sessions that do it, one comes too late."""

    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            alice, also_alice = await pair(room)
            bob = await room.client(name="bob")
            await bob.ok("SETACL INBOX alice@x.example lri")
            for _ in range(4):
                assert (await alice.append("INBOX", MESSAGE)).ok
            for client in (alice, also_alice):
                await client.ok("SELECT INBOX")
            await asyncio.gather(
                *(client.command("UID MOVE 1:4 #user/bob@x.example/INBOX") for client in (alice, also_alice))
            )
            assert await bob.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 4)"]
            assert await alice.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_rights_that_two_change_at_once(tmp_path: Path) -> None:
    """What one takes away the other's "+" does not bring back."""

    async def play() -> None:
        async with open_room(tmp_path, "workers") as room:
            a, b = await pair(room)
            for _ in range(10):
                await a.ok("SETACL INBOX bob@x.example lr")
                await asyncio.gather(a.ok("SETACL INBOX bob@x.example -r"), b.ok("SETACL INBOX bob@x.example +s"))
                [line] = await a.ok("GETACL INBOX")
                assert b"bob@x.example ls" in line

    run(play())
