"""Servers that show certificates, and what a client sees of them."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.mailauth.authority import Issued

from postroom.net import CertificateFiles, Connection, Dialer, Listener, NetSettings, SocketConnection, client_context

QUICK = NetSettings(sweep_interval_seconds=0.01, close_timeout_seconds=1, stop_timeout_seconds=1)


class Serve:
    """A service made of one function."""

    def __init__(self, function: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        self.serve = function


@contextlib.asynccontextmanager
async def listening(
    function: Callable[[Connection], Coroutine[Any, Any, None]],
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """The port."""
    listener = Listener("test", Serve(function), QUICK, tls=tls, starttls=starttls)
    listener.bind(["127.0.0.1:0"])
    await listener.start()
    try:
        yield listener.ports[0]
    finally:
        await listener.stop()


def made(folder: Path, issued: Issued) -> CertificateFiles:
    return CertificateFiles(*issued.write(folder))


def touch(files: CertificateFiles) -> None:
    """Whatever the clock's grain, the file is another one now."""
    stat = os.stat(files.certificate)
    os.utime(files.certificate, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def shown_client(own: tuple[Path, Path] | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client's context that believes anybody, perhaps with a certificate of its `own`."""
    context = client_context(verify=False)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if own is not None:
        context.load_cert_chain(*own)
    return context


async def connect(port: int, context: ssl.SSLContext, name: str | None = None) -> SocketConnection:
    return await Dialer(QUICK).connect("127.0.0.1", port, tls=context, server_hostname=name)


async def hello(connection: Connection) -> None:
    """A service that says one line and waits for one octet."""
    connection.send(b"hello\r\n")
    await connection.receive()


async def seen(port: int, context: ssl.SSLContext, name: str | None = None) -> bytes:
    """The certificate that a client sees, after the server has spoken."""
    client = await connect(port, context, name)
    try:
        async with asyncio.timeout(5):
            assert await client.receive() == b"hello\r\n"
        return client.peer_certificates()[0]
    finally:
        await client.close()
