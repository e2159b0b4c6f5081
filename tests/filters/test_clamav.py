"""clamd over a socket."""

import asyncio
from collections.abc import Callable

import pytest
from tests.filters.peers import BODY, HEADER, SOURCE, Talk, content, lines, run, serving

from postroom.filters.clamav import ClamavFilter
from postroom.filters.types import FilterFailed, TooLarge


async def stream(reader: asyncio.StreamReader) -> bytes:
    """What comes by one INSTREAM."""
    octets = b""
    while size := int.from_bytes(await reader.readexactly(4), "big"):
        octets += await reader.readexactly(size)
    return octets


def clamd(says: Callable[[bytes], bytes]) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zIDSESSION\0"
        number = 0
        while True:
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            number += 1
            writer.write(b"%d: stream: %b\0" % (number, says(await stream(reader))))

    return talk


def test_a_session_serves_many_messages() -> None:
    async def body() -> None:
        got: list[bytes] = []

        def says(octets: bytes) -> bytes:
            got.append(octets)
            return b"OK" if len(got) < 3 else b"Worm FOUND"

        async with serving(clamd(says)) as peer:
            asker = ClamavFilter(lines("clamav", peer.address))
            assert [(await asker.check(SOURCE, content())).action for _ in range(3)] == ["accept", "accept", "reject"]
            assert peer.calls == 1
        assert got == [HEADER + BODY] * 3

    run(body())


def test_a_large_message_goes_in_pieces() -> None:
    async def body() -> None:
        large = b"x" * 99 + b"\n"
        got: list[bytes] = []

        def says(octets: bytes) -> bytes:
            got.append(octets)
            return b"OK"

        async with serving(clamd(says)) as peer:
            await ClamavFilter(lines("clamav", peer.address)).check(SOURCE, content(HEADER, large * 10_000))
        assert got == [HEADER + large * 10_000]

    run(body())


def test_it_may_say_in_the_middle_that_it_is_too_much() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(100_000)
            writer.write(b"INSTREAM size limit exceeded. ERROR\0")
            await writer.drain()
            await reader.read()  # until we have hung up

        async with serving(talk) as peer:
            with pytest.raises(TooLarge):
                await ClamavFilter(lines("clamav", peer.address)).check(SOURCE, content(HEADER, b"y" * 20_000_000))

    run(body())


@pytest.mark.parametrize("answer", [b"", b"x" * 10_000, b"1: stream: OK"])
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\0\0\0\0")
            writer.write(answer)

        async with serving(talk) as peer:
            with pytest.raises(FilterFailed):
                await ClamavFilter(lines("clamav", peer.address)).check(SOURCE, content())

    run(body())
