"""A phone catches up with 10,000 messages: one command, an answer as long as what has changed (RFC 7162 §3.2.5)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from .room import Client, Room, both_stores, message, open_room, run

MESSAGES = 10_000
OPENING_OCTETS = 600  # what SELECT says of a mailbox nothing has happened in


@asynccontextmanager
async def folder(tmp_path: Path, kind: str) -> AsyncIterator[tuple[Room, Client]]:
    """INBOX with that many messages, and the other device, which has it selected."""
    async with open_room(tmp_path, kind) as room:
        laptop = await room.client()
        for n in range(10):
            await laptop.append("INBOX", message(str(n)))
        await laptop.ok("SELECT INBOX")
        have = 10
        while have < MESSAGES:
            more = min(have, MESSAGES - have)
            await laptop.ok(f"COPY 1:{more} INBOX")
            have += more
        yield room, laptop


async def remember(room: Room) -> tuple[int, int]:
    """What a phone keeps when it goes: UIDVALIDITY and HIGHESTMODSEQ."""
    phone = await room.client()
    await phone.ok("ENABLE QRESYNC")
    said = b"\n".join(await phone.ok("SELECT INBOX"))
    await phone.ok("LOGOUT")
    found = re.search(rb"\[UIDVALIDITY (\d+)\].*\[HIGHESTMODSEQ (\d+)\]", said, re.DOTALL)
    assert found is not None
    return int(found[1]), int(found[2])


async def catch_up(room: Room, uid_validity: int, modseq: int, known: str = "") -> tuple[list[bytes], int]:
    """One write, and all that comes of it: what SELECT tells besides the usual, and its octets in all."""
    phone = await room.connect()
    phone.send(
        b"a LOGIN alice@x.example alice-secret\r\nb ENABLE QRESYNC\r\n"
        b"c SELECT INBOX (QRESYNC (%d %d%b))\r\n" % (uid_validity, modseq, known.encode())
    )
    assert (await phone.finish(b"a")).ok
    assert (await phone.finish(b"b")).ok
    reply = await phone.finish(b"c")
    assert reply.ok
    octets = sum(len(line) + 2 for line in reply.untagged) + len(reply.tagged) + 4
    return [line for line in reply.untagged if b" FETCH (" in line or b" VANISHED " in line], octets


@both_stores
def test_after_one_change_of_each_kind(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with folder(tmp_path, kind) as (room, laptop):
            validity, modseq = await remember(room)
            news, octets = await catch_up(room, validity, modseq)
            assert news == []
            assert octets < OPENING_OCTETS

            await laptop.ok("UID STORE 5000 +FLAGS (\\Flagged)")
            news, octets = await catch_up(room, validity, modseq)
            assert news == [b"* 5000 FETCH (UID 5000 FLAGS (\\Flagged) MODSEQ (%d))" % (modseq + 1)]
            assert octets < OPENING_OCTETS + 100

            await laptop.ok("UID STORE 7000 +FLAGS (\\Deleted)")
            await laptop.ok("UID EXPUNGE 7000")
            news, octets = await catch_up(room, validity, modseq + 1, " 1:10000")
            assert news == [b"* VANISHED (EARLIER) 7000"]
            assert octets < OPENING_OCTETS + 100

            await room.deliver()
            # what is new is not among what it knows, but told to one that names nothing: no second question
            assert (await catch_up(room, validity, modseq + 3, " 1:10000"))[0] == []
            news, octets = await catch_up(room, validity, modseq + 3)
            assert news == [b"* 10000 FETCH (UID 10001 FLAGS () MODSEQ (%d))" % (modseq + 4)]
            assert octets < OPENING_OCTETS + 100

    run(play())


@both_stores
def test_after_a_clear_out(tmp_path: Path, kind: str) -> None:
    """What vanished is told in ranges; the samples of §3.2.5.2 are not needed while the history reaches back."""

    async def play() -> None:
        async with folder(tmp_path, kind) as (room, laptop):
            validity, modseq = await remember(room)
            await laptop.ok("UID STORE 1001:4000,6000 +FLAGS.SILENT (\\Deleted)")
            await laptop.ok("EXPUNGE")
            await laptop.ok("UID STORE 1:100 +FLAGS.SILENT (\\Seen)")
            news, octets = await catch_up(room, validity, modseq)
            assert news[0] == b"* VANISHED (EARLIER) 1001:4000,6000"
            assert len(news) == 101
            assert octets < OPENING_OCTETS + 101 * 60

    run(play())


@pytest.mark.parametrize("modseq", [0, 1])
def test_a_phone_that_knows_nothing_yet_is_told_everything_at_once(tmp_path: Path, modseq: int) -> None:
    async def play() -> None:
        async with folder(tmp_path, "memory") as (room, _):
            validity, _ = await remember(room)
            news, octets = await catch_up(room, validity, modseq)
            assert len(news) == MESSAGES
            assert octets < OPENING_OCTETS + MESSAGES * 60

    run(play())
