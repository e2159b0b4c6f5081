"""A queued message's octets."""

import asyncio
from base64 import decodebytes
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery.content import QueuedContent
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient


def play(content: bytes, envelope: Envelope, scene: Callable[[QueuedContent, MemoryQueue], Awaitable[None]]) -> None:
    async def run() -> None:
        queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds())
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(content)
            queue_id = await queue.enqueue(envelope, [Recipient("b@b.test")], spool)
        (entry,) = await queue.message_entries(queue_id)
        await scene(QueuedContent(queue, entry.message), queue)

    asyncio.run(run())


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_000_000])
def test_pieces(size: int) -> None:
    octets = bytes(k % 249 for k in range(size))

    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        pieces = [piece async for piece in content.pieces()]
        assert b"".join(pieces) == octets == await content.whole()
        assert all(len(piece) <= 262_144 for piece in pieces)

    play(octets, Envelope(""), scene)


@pytest.mark.parametrize(
    ("octets", "envelope", "expected"),
    [
        (b"abc", Envelope("", body_8bit=True), False),
        (b"a\xe4c", Envelope("", body_8bit=True), True),
        (b"a" * 300_000 + b"\xff", Envelope("", smtputf8=True), True),
        (b"a\xe4c", Envelope(""), False),  # intake would have seen it: no need to read a message for nothing
    ],
)
def test_only_octets_make_a_message_8bit(octets: bytes, envelope: Envelope, expected: bool) -> None:
    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        assert await content.has_8bit() is expected

    play(octets, envelope, scene)


@pytest.mark.parametrize(
    ("octets", "header"),
    [
        (b"A: b\r\n\r\nbody\r\n\r\n", b"A: b\r\n\r\n"),
        (b"A: b\r\n", b"A: b\r\n"),
        (b"A: " + b"x" * 100_000 + b"\r\n\r\nbody", b"A: " + b"x" * 100_000 + b"\r\n\r\n"),
        (b"A" * 2_000_000, b"A" * (1 << 20)),
    ],
    ids=len,
)
def test_header(octets: bytes, header: bytes) -> None:
    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        assert await content.header() == header

    play(octets, Envelope(""), scene)


def test_an_early_end_is_an_error() -> None:
    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        content.size += 1
        with pytest.raises(EOFError):
            assert [piece async for piece in content.pieces()] == []

    play(b"abc", Envelope(""), scene)


def _part(header: str, body: bytes) -> bytes:
    head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
    return f"{head}{header}\r\n\r\n".encode() + body + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("Subject: ä\r\n\r\nx".encode(), True),
        ("Subject: a\r\n\r\nä".encode(), False),
        (_part("X: a", "ä".encode()), False),
        (_part("X: ä", b"a"), True),
        (_part("X: a", b"a\r\n--b\r\n\r\n" * 1001), True),  # more parts than are told apart: nobody knows
    ],
)
def test_headers_make_mail_international(octets: bytes, expected: bool) -> None:
    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        assert await content.is_international() is expected

    play(octets, Envelope("", smtputf8=True), scene)


def test_recoded_in_pieces() -> None:
    body = b"\xff" * 1_000_000
    octets = b"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + body

    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        recoded = await content.recoded(eight_bit=False)
        pieces = [piece async for piece in recoded.pieces()]
        whole = b"".join(pieces)
        assert len(whole) == recoded.size
        assert max(map(len, pieces)) < 400_000
        header, encoded = whole.split(b"\r\n\r\n", 1)
        assert b"Content-Transfer-Encoding: base64" in header
        assert decodebytes(encoded) == body

    play(octets, Envelope("", binary=True), scene)


@pytest.mark.parametrize(("start", "end"), [(0, 4), (0, 6), (0, 9), (3, 9), (6, 8), (7, 9), (9, 9)])
def test_lines_of_one_recipient_lead(start: int, end: int) -> None:
    async def scene(content: QueuedContent, queue: MemoryQueue) -> None:
        (entry,) = await queue.entries()
        message = replace(entry.message, lead=b"X: y\r\n", size=entry.message.size + 6)
        leading = QueuedContent(queue, message)
        whole = b"X: y\r\nabc"
        assert b"".join([piece async for piece in leading.between(start, end)]) == whole[start:end]
        assert await leading.whole() == whole

    play(b"abc", Envelope(""), scene)
