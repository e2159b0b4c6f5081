"""A queued message's octets."""

import asyncio
from collections.abc import Awaitable, Callable
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
