"""Connections to filters: made, kept, given up."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.filters.peers import dialer, lines, run, serving

from postroom.dns import StaticResolver
from postroom.filters import FilterSettings
from postroom.filters.connections import Line, Lines, LostConnection
from postroom.filters.types import FilterFailed


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)


async def ask(line: Line) -> tuple[bytes, bool]:
    await line.send(b"hello\n")
    return await line.until(b"\n", 100), True


def test_a_connection_is_used_again_until_it_is_old() -> None:
    async def body() -> None:
        async with serving(echo) as peer:
            mine = lines("clamav", peer.address, idle_seconds=0.05)
            assert await mine.use(ask) == b"hello"
            assert await mine.use(ask) == b"hello"
            assert peer.calls == 1
            await asyncio.sleep(0.1)
            assert await mine.use(ask) == b"hello"
            assert peer.calls == 2
            mine.close()

    run(body())


def test_no_more_are_kept_than_the_settings_say() -> None:
    async def body() -> None:
        async with serving(echo) as peer:
            mine = lines("clamav", peer.address, idle_connections=1)
            await asyncio.gather(*(mine.use(ask) for _ in range(3)))
            assert peer.calls == 3
            await asyncio.gather(*(mine.use(ask) for _ in range(2)))
            assert peer.calls == 4
            none = lines("clamav", peer.address, idle_connections=0)
            await none.use(ask)
            await none.use(ask)
            assert peer.calls == 6

    run(body())


def test_unasked_words_spoil_a_connection() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line + b"more\n")

        async with serving(talk) as peer:
            mine = lines("clamav", peer.address)
            assert await mine.use(ask) == b"hello"
            await asyncio.sleep(0.05)
            assert await mine.use(ask) == b"hello"
            assert peer.calls == 2

    run(body())


def test_a_failure_on_a_new_connection_is_one() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()

        async with serving(talk) as peer:
            with pytest.raises(LostConnection):
                await lines("clamav", peer.address).use(ask)
            assert peer.calls == 1

    run(body())


def test_an_endless_answer_is_cut() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x" * 5000)
            await reader.read()

        async with serving(talk) as peer:
            with pytest.raises(FilterFailed, match="more than 100"):
                await lines("clamav", peer.address).use(ask)

    run(body())


def test_nobody_there_is_a_failure(tmp_path: Path) -> None:
    async def body() -> None:
        for address in ("127.0.0.1:1", str(tmp_path / "none.sock"), "filter.example:25"):
            with pytest.raises(FilterFailed):
                await lines("clamav", address).open()

    run(body())


def test_names_are_looked_up() -> None:
    async def body() -> None:
        async with serving(echo) as peer:
            port = peer.address.rpartition(":")[2]
            settings = FilterSettings(kind="clamav", address=f"filter.example:{port}")
            found = Lines(
                msgspec.structs.replace(settings, idle_connections=0),
                dialer(),
                StaticResolver(a_records={"filter.example": ["127.0.0.1"]}),
            )
            assert await found.use(ask) == b"hello"
            local = lines("clamav", f"localhost:{port}")
            assert await local.use(ask) == b"hello"
            with pytest.raises(FilterFailed, match="no address"):
                await Lines(settings, dialer(), StaticResolver()).open()

    run(body())
