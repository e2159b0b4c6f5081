"""Filters that say what a test wants, on real sockets of loopback, and messages to show them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postroom.base import Spool
from postroom.dns import StaticResolver
from postroom.filters import Client, ContentSource, FilterSettings
from postroom.filters.connections import Lines
from postroom.filters.types import SpooledContent
from postroom.net import Dialer, NetSettings

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_MADE: list[Lines] = []  # closed when a test ends
HEADER = b"From: ann@bar.com\r\nSubject: Hello\r\n\tthere\r\nX-One: 1\r\n\r\n"
BODY = b"First line\r\nSecond line\r\n"
CLIENT = Client("smtp", "192.0.2.7", 4711, own_address="192.0.2.1", own_port=25, host="mx.bar.com")
SOURCE = ContentSource(
    CLIENT,
    hello="mx.bar.com",
    mail_from="ann@bar.com",
    recipients=("bob@foo.com", "jones@foo.com"),
    queue_id="m0123",
    trace=b"Received: from mx.bar.com ([192.0.2.7]) by foo.com; Thu, 26 Nov 2026 10:00:00 +0000\r\n",
)


def spool(octets: bytes = b"", memory: int = 1 << 20) -> Spool:
    """One with these octets."""
    made = Spool(Path(tempfile.gettempdir()), memory)
    made.write(octets)
    return made


def content(header: bytes = HEADER, body: bytes = BODY) -> SpooledContent:
    return SpooledContent(header, spool(header + body), len(header))


@dataclass
class Peer:
    """A server of a test; `calls` counts its connections."""

    address: str = ""
    calls: int = 0
    seen: list[Any] = field(default_factory=list)


@asynccontextmanager
async def serving(talk: Talk, path: Path | None = None) -> AsyncIterator[Peer]:
    """`talk` with each connection, by TCP or by a Unix socket."""
    peer, writers = Peer(), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.calls += 1
        writers.add(writer)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    if path is not None:
        server: asyncio.Server = await asyncio.start_unix_server(serve, path)
        peer.address = str(path)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        peer.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


def dialer() -> Dialer:
    return Dialer(NetSettings())


def lines(kind: str, address: str, **more: Any) -> Lines:
    """The connections to a filter of that kind."""
    chosen: dict[str, Any] = {"kind": kind, "address": address, "timeout_seconds": 2.0}
    made = Lines(FilterSettings(**(chosen | more)), dialer(), StaticResolver())
    _MADE.append(made)
    return made


def run(work: Awaitable[None]) -> None:
    async def whole() -> None:
        try:
            async with asyncio.timeout(20):
                await work
        finally:
            while _MADE:
                _MADE.pop().close()
            await asyncio.sleep(0.01)  # for the sockets to close

    asyncio.run(whole())
