"""spamd over a socket."""

import asyncio
from pathlib import Path

import pytest
from tests.filters.peers import BODY, HEADER, SOURCE, content, lines, run, serving

from postroom.filters.spamassassin import SpamassassinFilter
from postroom.filters.types import FilterFailed, Verdict

TRUE = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 10\r\nSpam: True ; 7.5 / 5.0\r\n\r\nONE,TWO\r\n \n"


async def ask(address: str, **settings: object) -> Verdict:
    return await SpamassassinFilter(lines("spamassassin", address, **settings)).check(SOURCE, content())


def test_our_trace_fields_go_before_the_message(tmp_path: Path) -> None:
    async def body() -> None:
        got = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.partition(b"Content-length: ")[2].partition(b"\r\n")[0])
            got.extend([head.split(b" ")[0], await reader.readexactly(size)])
            writer.write(TRUE)

        async with serving(talk, tmp_path / "spamd") as peer:
            verdict = await ask(peer.address, may_change=False)
            assert (verdict.action, verdict.words) == ("junk", "spam, 7.5 of 5: ONE, TWO")
            assert got == [b"SYMBOLS", SOURCE.trace + HEADER + BODY]
            got.clear()
            await ask(peer.address)
            assert got[0] == b"HEADERS"

    run(body())


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"Second line\r\n")
            writer.write(b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.1 / 5.0\r\n\r\nONE")

        async with serving(talk) as peer:
            assert (await ask(peer.address, may_change=False)).words == "no spam, 0.1 of 5: ONE"

    run(body())


@pytest.mark.parametrize("answer", [b"", TRUE[:-12], b"SPAMD/1.1 0 EX_OK\r\n" + b"A: b\r\n" * 9000, b"oops\r\n\r\n"])
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"Second line\r\n")
            writer.write(answer)

        async with serving(talk) as peer:
            with pytest.raises(FilterFailed):
                await ask(peer.address)

    run(body())
