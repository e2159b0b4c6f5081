"""A Web server on loopback that serves policies, and everything around a StsPolicies."""

import asyncio
import ssl
from pathlib import Path

from tests.mailauth.authority import Issued, issue

from postroom.base import SystemClock

POLICY = b"version: STSv1\nmode: enforce\nmx: mx1.b.test\nmx: *.c.test\nmax_age: 604800\n"


def plain(body: bytes, media_type: bytes = b"text/plain", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + media_type + b"\r\n\r\n" + body


class StsWeb:
    """Serves `answer` to whoever asks, after `gate` opens, with a certificate for the names that it is told."""

    def __init__(self, folder: Path, *names: str, root: Issued | None = None) -> None:
        now = SystemClock().now()
        self.root = root or issue("Root", ca=True, now=now)
        self.authorities = self.root.write(folder / "root")[0]
        self._files = issue("web", self.root, dns=names, now=now).write(folder / "web")
        self.answer = plain(POLICY)
        self.asked: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> "StsWeb":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Content-Length: " in head:
            head += await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        self.asked.append(head)
        await self.gate.wait()
        writer.write(self.answer)
        writer.close()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.gate.set()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
