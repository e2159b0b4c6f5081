"""REPLACE (RFC 8508) with others at work; the dialogues are in tests/transcripts."""

from dataclasses import replace
from pathlib import Path

import pytest

from .room import MESSAGE, both_stores, message, open_room, run

NEW = message("new")


def command(what: str, mailbox: str = "INBOX", octets: bytes = NEW) -> bytes:
    return f"{what} {mailbox} (\\Draft) {{{len(octets)}+}}\r\n".encode() + octets


@both_stores
def test_the_old_one_is_gone_and_only_that(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(3):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("STORE 1:3 +FLAGS (\\Deleted)")
            reply = await client.command(command("UID REPLACE 2"))
            assert [line.split()[-1] for line in reply.untagged if line.startswith((b"* 2 EX", b"* 4 EX"))] == [
                b"EXISTS",
                b"EXPUNGE",
            ]
            assert reply.untagged[0].startswith(b"* OK [APPENDUID ")
            assert reply.tagged == b"OK UID REPLACE completed"
            assert [
                b"UID %d " % uid in line
                for uid, line in zip((1, 3, 4), await client.ok("FETCH 1:* (UID FLAGS)"), strict=True)
            ]
            heard = await other.ok("NOOP")
            assert b"* 2 EXPUNGE" in heard
            assert b"* 3 EXISTS" in heard

    run(play())


@both_stores
def test_into_another_mailbox(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client("INBOX")
            reply = await client.command(command("REPLACE 1", "Sent"))
            assert reply.untagged[0].endswith(b" 1] Replacement Message ready")
            assert reply.untagged[1:] == [b"* 1 EXPUNGE"]
            assert await client.ok("STATUS Sent (MESSAGES)") == [b"* STATUS Sent (MESSAGES 1)"]

    run(play())


@both_stores
def test_the_quota_is_that_of_the_exchange(tmp_path: Path, kind: str) -> None:
    """RFC 8508 §3.4: only the net consumption counts."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client("INBOX")
            alice = room.directory.people["alice@x.example"]
            room.directory.people["alice@x.example"] = replace(alice, quota_octets=len(MESSAGE), quota_messages=1)
            assert (await client.command(command("REPLACE 1", octets=MESSAGE + b"x"))).tagged.startswith(
                b"NO [OVERQUOTA]"
            )
            assert (await client.command(command("REPLACE 1", octets=MESSAGE))).ok
            [line] = await client.ok("FETCH 1:* UID")
            assert line == b"* 1 FETCH (UID 2)"

    run(play())


@both_stores
@pytest.mark.parametrize("early", [False, True])
def test_what_another_session_expunged_is_not_replaced(tmp_path: Path, kind: str, early: bool) -> None:
    """Before the command, or while its literal comes: nothing is appended."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            if early:
                await other.ok("EXPUNGE")
            tag = client.start(b"REPLACE 1 INBOX {%d}" % len(NEW))
            if not early:
                assert (await client.response()).startswith(b"+")
                await other.ok("EXPUNGE")
                client.send(NEW + b"\r\n")
            reply = await client.finish(tag)
            assert reply.tagged.startswith(b"NO [EXPUNGEISSUED]")
            await client.ok("NOOP")
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_not_in_a_mailbox_that_is_open_read_only(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client()
            await client.ok("EXAMINE INBOX")
            assert (await client.command(command("UID REPLACE 1"))).tagged.startswith(b"NO [READ-ONLY]")
            assert await client.ok("NOOP") == []

    run(play())


def test_bad_arguments_cost_the_command_alone(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            for text in ("REPLACE 1:2", "REPLACE 0", "REPLACE x", "UID REPLACE 1,2"):
                assert (await client.command(command(text))).tagged.startswith(b"BAD")
            two = command("REPLACE 1") + b" {3+}\r\nabc"
            assert (await client.command(two)).tagged.startswith(b"BAD")
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)"]

    run(play())
