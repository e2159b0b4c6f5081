"""`postroom guard`, and `postroom account release`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.cli.room import Room

from postroom.base import Spool, SystemClock, SystemIds
from postroom.guard import Guard, GuardSettings
from postroom.queue import EntryState, Envelope, QueueSettings, Recipient, SqliteQueue, sent_by


def beside(room: Room, work: Callable[[Guard], Awaitable[None]]) -> None:
    """As the running server."""

    async def main() -> None:
        guard = Guard(room.data / "guard.db", GuardSettings(stop_floor_per_hour=3), SystemClock(), SystemIds())
        await work(guard)
        await guard.close()

    asyncio.run(main())


def test_ban_list_forgive(room: Room) -> None:
    assert room.json("guard", "list") == []
    assert "Nobody is banned" in room.run("guard", "list").stderr
    assert "2001:db8::/48 is banned until" in room.ok("guard", "ban", "2001:DB8::1/48", "--hours", "1")
    room.ok("guard", "ban", "192.0.2.7", "--reason", "scans \x1b[31m")
    one, other = room.json("guard", "list")
    assert (one["network"], one["by"], one["times"]) == ("2001:db8::/48", "operator", 1)
    assert (other["network"], other["reason"]) == ("192.0.2.7", "scans \x1b[31m")
    assert "\\x1b[31m" in room.ok("guard", "list")

    async def see(guard: Guard) -> None:
        assert guard.admit("2001:db8::9") is not None
        assert guard.admit("192.0.2.8") is None

    beside(room, see)
    assert room.ok("guard", "forgive", "192.0.2.7") == "Lifted: 192.0.2.7.\n"
    assert room.ok("guard", "forgive", "192.0.2.7") == "192.0.2.7 was not banned.\n"
    assert [ban["network"] for ban in room.json("guard", "list")] == ["2001:db8::/48"]
    assert "neither an address nor a network" in room.fails(2, "guard", "ban", "bob@example.org")
    assert "neither" in room.fails(2, "guard", "forgive", "example.org")


def test_what_is_known(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="secret\n")

    async def happen(guard: Guard) -> None:
        await guard.succeeded("192.0.2.7", "bob@example.org")
        for n in range(3):
            await guard.failed_sign_in("198.51.100.7", "bob@example.org", str(n))
        guard.spend("messages", "account", "1", 4)
        guard.sends(1, 2)

    beside(room, happen)
    facts = room.json("guard", "show", "Bob@example.org")
    assert facts["recipients elsewhere, this hour"].startswith("2;")
    assert facts["messages of account per day"] == "4 of 5000"
    assert facts["failed sign-ins lately"].startswith(("3.0", "2.9"))
    assert facts["signed in from 192.0.2.7"] == "0 days ago"
    facts = room.json("guard", "show", "198.51.100.7")
    assert facts["failures of addresses: 198.51.100.7"].endswith("of 20")
    assert "somebody has signed in" in room.ok("guard", "show", "192.0.2.7")
    room.ok("guard", "ban", "198.51.100.0/24")
    assert "198.51.100.0/24" in room.json("guard", "show", "198.51.100.7")["banned"]
    assert "exempt" in room.json("guard", "show", "127.0.0.1")
    assert "no account" in room.fails(3, "guard", "show", "nobody@example.org")


def test_release(room: Room) -> None:
    room.ok("account", "add", "bob@example.org", "--password-stdin", stdin="secret\n")
    assert "is not stopped" in room.fails(3, "account", "release", "bob@example.org")
    assert "no account" in room.fails(3, "account", "release", "nobody@example.org")

    async def stop(guard: Guard) -> None:
        assert guard.sends(1, 4) is not None
        queue = SqliteQueue(room.data, QueueSettings(), SystemClock(), SystemIds())
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(b"x")
            await queue.enqueue(Envelope("bob@example.org", holder=1), [Recipient("x@b.test")], spool)
        assert await queue.hold([sent_by(1)]) == 1
        await queue.close()

    beside(room, stop)
    assert "4 recipients elsewhere" in room.json("guard", "show", "bob@example.org")["stopped"]
    assert "may send again; 1 recipient(s) go on" in room.ok("account", "release", "bob@example.org")

    async def see(guard: Guard) -> None:
        assert guard.stopped(1) is None
        queue = SqliteQueue(room.data, QueueSettings(), SystemClock(), SystemIds(), serving=False)
        assert [entry.state for entry in await queue.entries()] == [EntryState.WAITING]
        await queue.close()

    beside(room, see)
