"""Listeners behind a proxy, over real sockets: whose word is taken, and what becomes of everybody else."""

import asyncio
import logging
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from postroom.base import SystemClock
from postroom.net import Connection, Listener, NetSettings, Networks, ServerTls, client_context, self_signed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 25\r\n"
BINARY = SIGNATURE + struct.pack("!BBH4s4sHH", 0x21, 0x11, 15, b"\xc0\0\2\1", b"\xc6\x33\x64\2", 40_000, 25) + b"\4\0\0"
LOCAL = SIGNATURE + b"\x20\0\0\0"
HERE = Networks(["127.0.0.0/8"])
PATIENT, QUICK = NetSettings(proxy_timeout_seconds=30), NetSettings(proxy_timeout_seconds=0.2)


@cache
def server_tls() -> ssl.SSLContext:
    with TemporaryDirectory() as folder:
        return ServerTls(*self_signed(Path(folder), "foo.com", 30, SystemClock().now())).context


class Echo:
    """Says who it thinks it speaks with, then what it hears; STARTTLS when it hears that."""

    async def serve(self, connection: Connection) -> None:
        await self.greet(connection)
        while data := await connection.receive():
            connection.send(data)
            if data == b"STARTTLS":
                connection.flush()
                await connection.start_tls(server_tls())
                await self.greet(connection)

    async def greet(self, connection: Connection) -> None:
        connection.send(f"{connection.peer} {connection.local}\n".encode())
        connection.flush()


@asynccontextmanager
async def listening(
    *, tls: bool = False, proxies: Networks = HERE, settings: NetSettings = PATIENT
) -> AsyncIterator[Listener]:
    context = server_tls() if tls else None
    listener = Listener("echo", Echo(), settings, tls=context, busy=b"busy\n", proxies=proxies)
    listener.bind(["127.0.0.1:0"])
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


async def connected(listener: Listener, header: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
    writer.write(header)
    return reader, writer


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What it still says until the connection is over."""
    try:
        return await reader.read()
    except ConnectionError:  # octets that nobody read make a reset of it
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("header", [LINE, BINARY])
@pytest.mark.parametrize("tls", [False, True])
def test_the_client_is_who_the_proxy_says(header: bytes, tls: bool) -> None:
    async def body() -> None:
        async with listening(tls=tls) as listener:
            reader, writer = await connected(listener, header)
            if tls:
                await writer.start_tls(client_context(verify=False))
            assert await reader.readline() == b"('192.0.2.1', 40000) ('198.51.100.2', 25)\n"
            writer.write(header + b"x\n")  # behind the first, a header is what any client might say
            assert await reader.readexactly(len(header) + 2) == header + b"x\n"
            writer.close()

    asyncio.run(body())


def test_a_client_that_talks_at_once_loses_nothing() -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener, LINE + b"EHLO bar.com\r\n")
            await reader.readline()
            assert await reader.readline() == b"EHLO bar.com\r\n"
            writer.close()

    asyncio.run(body())


def test_a_header_in_pieces() -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener)
            for at in range(len(BINARY)):
                writer.write(BINARY[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0)
            assert (await reader.readline()).startswith(b"('192.0.2.1', 40000)")
            writer.close()

    asyncio.run(body())


def test_the_client_stays_who_it_is_under_starttls() -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener, LINE)
            before = await reader.readline()
            writer.write(b"STARTTLS")
            assert await reader.readexactly(8) == b"STARTTLS"
            await writer.start_tls(client_context(verify=False))
            assert await reader.readline() == before
            writer.close()

    asyncio.run(body())


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x21\0\0\3abc"])
def test_a_proxy_that_speaks_for_itself(header: bytes) -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener, header)
            assert (await reader.readline()).startswith(b"('127.0.0.1', ")
            writer.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO bar.com\r\n",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY UNKNOWN " + b"x" * 200,
        SIGNATURE + b"\x21\x11\xff\xff",
        b"",  # says nothing
        LINE[:-1],
        BINARY[:20],
    ],
)
def test_a_proxy_without_a_header_is_closed(octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        async with listening(settings=QUICK) as listener:
            reader, writer = await connected(listener, octets)
            assert await gone(reader, writer) == b""
            assert listener.connections == 0

    with caplog.at_level(logging.WARNING, "postroom.net"):
        asyncio.run(body())
    assert "connection of the proxy 127.0.0.1 closed" in caplog.text


def test_a_proxy_that_leaves() -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener, LINE[:5])
            writer.write_eof()
            assert await gone(reader, writer) == b""

    asyncio.run(body())


@pytest.mark.parametrize("header", [LINE, BINARY])
def test_anybody_else_is_not_believed(header: bytes) -> None:
    async def body() -> None:
        async with listening(proxies=Networks(["192.0.2.0/24"])) as listener:
            reader, writer = await connected(listener, header)
            assert (await reader.readline()).startswith(b"('127.0.0.1', ")
            assert await reader.readexactly(len(header)) == header  # garbage for the protocol
            writer.close()
        async with listening(tls=True, proxies=Networks(["192.0.2.0/24"])) as listener:
            reader, writer = await connected(listener, header)
            assert b"192.0.2.1" not in await gone(reader, writer)  # garbage for the handshake

    asyncio.run(body())


def test_limits_count_clients_and_not_their_proxy() -> None:
    async def body() -> None:
        one_each = NetSettings(max_connections_per_address=1)
        async with listening(settings=one_each) as listener:
            first, writer = await connected(listener, LINE)
            await first.readline()
            second, other = await connected(listener, LINE.replace(b"192.0.2.1", b"192.0.2.2"))
            assert (await second.readline()).startswith(b"('192.0.2.2', ")
            assert await gone(*await connected(listener, LINE)) == b"busy\n"
            writer.close()
            other.close()

    asyncio.run(body())


def test_proxies_that_name_nobody_are_bounded() -> None:
    async def body() -> None:
        async with listening(settings=NetSettings(max_connections=1, proxy_timeout_seconds=30)) as listener:
            _, waiting = await connected(listener)
            assert await gone(*await connected(listener)) == b""
            waiting.close()

    asyncio.run(body())


def test_the_listener_stops_while_a_proxy_says_nothing() -> None:
    async def body() -> None:
        async with listening() as listener:
            reader, writer = await connected(listener)
            async with asyncio.timeout(10):
                while not listener._nameless:
                    await asyncio.sleep(0)
        assert await gone(reader, writer) == b""

    asyncio.run(body())
