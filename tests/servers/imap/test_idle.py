"""IDLE: told at once."""

import asyncio
from pathlib import Path

import pytest

from .room import Client, both_stores, open_room, run


async def start_idle(client: Client) -> bytes:
    tag = client.start("IDLE")
    assert await client.response() == b"+ idling"
    return tag


@both_stores
def test_idle_pushes_what_others_do(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            idler, other = await room.client("INBOX"), await room.client("INBOX")
            tag = await start_idle(idler)
            await room.deliver()
            assert await idler.response() == b"* 1 EXISTS"
            await idler.response()  # RECENT: one of the two sessions has it
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS (\\Seen)")
            assert b"FLAGS (\\Seen" in await idler.response()
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            assert b"FLAGS (\\Deleted \\Seen" in await idler.response()
            await other.ok("EXPUNGE")
            assert await idler.response() == b"* 1 EXPUNGE"
            idler.send(b"DONE\r\n")
            assert (await idler.finish(tag)).tagged == b"OK IDLE terminated"
            assert await idler.ok("NOOP") == []

    run(play())


@both_stores
def test_what_waited_is_told_when_idle_begins(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            idler = await room.client("INBOX")
            await room.deliver()
            tag = await start_idle(idler)
            assert await idler.response() == b"* 1 EXISTS"
            assert await idler.response() == b"* 1 RECENT"
            idler.send(b"done\r\n")
            assert (await idler.finish(tag)).ok

    run(play())


def test_an_empty_line_is_nothing_said(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            idler = await room.client("INBOX")
            tag = await start_idle(idler)
            idler.send(b"\r\n\r\n")
            await room.deliver()
            assert await idler.response() == b"* 1 EXISTS"
            idler.send(b"\r\nDONE\r\nn NOOP\r\n")
            assert (await idler.finish(tag)).tagged == b"OK IDLE terminated"
            assert (await idler.finish(b"n")).ok

    run(play())


def test_one_of_many_idlers_has_the_recent_message(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            idlers = [await room.client("INBOX") for _ in range(5)]
            for idler in idlers:
                await start_idle(idler)
            await room.deliver()
            recents = []
            for idler in idlers:
                assert await idler.response() == b"* 1 EXISTS"
                recents.append(await idler.response())
            assert sorted(recents) == [b"* 0 RECENT"] * 4 + [b"* 1 RECENT"]

    run(play())


def test_anything_but_done_ends_idle_as_bad(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()  # IDLE needs no mailbox
            tag = await start_idle(client)
            client.send(b"b NOOP\r\n")
            assert (await client.finish(tag)).tagged.startswith(b"BAD")
            await client.ok("NOOP")
            client.send(b"i IDLE\r\nDONE\r\nj NOOP\r\n")  # all at once
            assert (await client.finish(b"i")).untagged == [b"+ idling"]
            assert (await client.finish(b"j")).ok

    run(play())


def test_a_deleted_mailbox_ends_the_session(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            other = await room.client()
            await other.ok("CREATE box")
            idler, waiter = await room.client("box"), await room.client("box")
            await start_idle(idler)
            await other.ok("DELETE box")
            assert await idler.eof() == b"* BYE The selected mailbox was deleted\r\n"
            waiter.send(b"a NOOP\r\n")
            assert await waiter.eof() == b"* BYE The selected mailbox was deleted\r\n"

    run(play())


def test_silence_ends_idle_with_bye(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, idle_timeout_seconds=1800.0) as room:
            client = await room.client("INBOX")
            await start_idle(client)
            [connection] = room.listener._connections
            connection.end_if_idle(connection.last_activity + 1799)
            connection.end_if_idle(connection.last_activity + 1801)
            assert await client.eof() == b"* BYE Autologout; idle for too long\r\n"

    run(play())


def test_a_client_that_does_not_read_is_not_pushed_to_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path, output_piece_octets=4096) as room:
            for _ in range(200):
                await room.deliver()
            idler, other = await room.client("INBOX"), await room.client("INBOX")
            tag = await start_idle(idler)
            connection = next(iter(room.listener._connections))
            gate = asyncio.Event()
            monkeypatch.setattr(connection, "drain", gate.wait)
            sent: list[int] = []
            send = connection.send

            def counted(data: bytes) -> None:
                sent.append(len(data))
                send(data)

            monkeypatch.setattr(connection, "send", counted)
            for flag in ("\\Seen", "\\Flagged", "\\Draft", "\\Answered"):
                await other.ok(f"STORE 1:* +FLAGS.SILENT ({flag})")
                await asyncio.sleep(0)
            assert len(sent) == 1
            gate.set()
            while len(sent) < 2:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(sent) == 2  # all that happened meanwhile, in one go
            monkeypatch.undo()
            idler.send(b"DONE\r\n")
            reply = await idler.finish(tag)
            assert len(reply.untagged) == 400

    run(play())
