"""APPEND: streamed, checked before it is asked for."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.base import Spool

from .room import MESSAGE, both_stores, open_room, run


@both_stores
def test_append(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            for number, sync in enumerate((True, False), start=1):
                reply = await client.append("INBOX", flags="\\Seen $Work", sync=sync)
                assert reply.tagged.startswith(b"OK [APPENDUID ")
                assert reply.tagged.endswith(b" %d] APPEND completed" % number)
                assert b"* %d EXISTS" % number in reply.untagged
            reply = await client.command(
                b'APPEND inbox (\\Draft) " 7-Feb-1994 21:52:25 -0800" {%d+}\r\n%b' % (len(MESSAGE), MESSAGE)
            )
            new = await client.ok("FETCH 1 FLAGS")
            assert new[0].startswith(b"* FLAGS (")
            assert new[2] == b"* 1 FETCH (FLAGS (\\Seen $Work \\Recent))"
            [line] = await client.ok("FETCH 3 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
            assert line == (
                b'* 3 FETCH (FLAGS (\\Draft \\Recent) INTERNALDATE " 8-Feb-1994 05:52:25 +0000" RFC822.SIZE %d '
                b"BODY[] {%d}\r\n%b)" % (len(MESSAGE), len(MESSAGE), MESSAGE)
            )

    run(play())


@both_stores
def test_refused_before_the_message_is_sent(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=2000) as room:
            client = await room.client()
            alice = room.directory.people["alice@x.example"]
            for sync in (True, False):
                reply = await client.append("nowhere", sync=sync)
                assert reply.tagged.startswith(b"NO [TRYCREATE]")
                assert (await client.append("INBOX", bytes(2001), sync=sync)).tagged.startswith(b"NO [TOOBIG]")
                room.directory.people["alice@x.example"] = replace(alice, quota_octets=100)
                assert (await client.append("INBOX", sync=sync)).tagged.startswith(b"NO [OVERQUOTA]")
                room.directory.people["alice@x.example"] = replace(alice, quota_messages=0)
                assert (await client.append("INBOX", sync=sync)).tagged.startswith(b"NO [OVERQUOTA]")
                room.directory.people["alice@x.example"] = alice
                assert (await client.append("INBOX", b"", sync=sync)).tagged.startswith(b"BAD")
                assert await client.ok("NOOP") == []
            assert (await client.append("INBOX", sync=True)).ok

    run(play())


def test_not_before_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert (await client.append("INBOX", sync=True)).tagged.startswith(b"BAD")
            assert (await client.append("INBOX", sync=False)).tagged.startswith(b"BAD")
            await client.ok("NOOP")

    run(play())


def test_text_after_the_message_is_bad_and_nothing_is_stored(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            reply = await client.command(b"APPEND INBOX {%d+}\r\n%bx y z" % (len(MESSAGE), MESSAGE))
            assert reply.tagged.startswith(b"BAD")
            assert reply.untagged == []
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_a_disconnected_append_leaves_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            client.send(b"a APPEND INBOX {1000000+}\r\n" + bytes(300_000))
            await client.close()
            other = await room.client()
            while room.listener.connections > 1:
                await asyncio.sleep(0)
            assert await other.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_a_full_disk_is_told_and_the_next_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Spool, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            with monkeypatch.context() as patch:
                patch.setattr(Spool, "write", full)
                for sync in (True, False):
                    reply = await client.append("INBOX", sync=sync)
                    assert reply.tagged.startswith(b"NO [UNAVAILABLE]")
                    assert b"space" not in reply.tagged
            assert (await client.append("INBOX")).ok

    run(play())


def test_a_silent_client_in_the_middle_of_a_message_is_logged_out(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, append_timeout_seconds=1.0) as room:
            client = await room.client()
            client.send(b"a APPEND INBOX {1000+}\r\nabc")
            for connection in room.listener._connections:
                while connection.idle_timeout != 1.0:
                    await asyncio.sleep(0)
                connection.end_if_idle(connection.last_activity + 2)
            assert await client.eof() == b"* BYE Autologout; idle for too long\r\n"

    run(play())


def test_a_person_who_was_removed_meanwhile_is_told_so(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for sync in (True, False):
                client = await room.client()
                alice = room.directory.people.pop("alice@x.example")
                head = b"a APPEND INBOX {%d%b}\r\n" % (len(MESSAGE), b"" if sync else b"+")
                client.send(head + (b"" if sync else MESSAGE + b"\r\n"))
                assert await client.eof() == b"* BYE This account is no longer active\r\n"
                room.directory.people["alice@x.example"] = alice

    run(play())


@pytest.mark.parametrize("sync", [False, True])
def test_a_nul_is_no_octet_of_a_literal(tmp_path: Path, sync: bool) -> None:
    """RFC 3501 §9, third note: it could not be sent to anybody either."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            assert (await client.append("INBOX", b"a: b\r\n\r\nx\0y\r\n", sync=sync)).tagged.startswith(b"BAD")
            assert await client.ok("NOOP") == []

    run(play())
