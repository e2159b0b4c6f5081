"""HTTPS over real sockets, with a certificate of the test's own authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.mailauth.authority import issue

from postroom.base import SystemClock
from postroom.net import Dialer, NetSettings, client_context
from postroom.net.https_client import Fetch, FetchFailed, HttpsClient

Answer = Callable[[bytes], bytes | None]


@asynccontextmanager
async def web(folder: Path, answer: Answer, name: str = "a.test") -> AsyncIterator[tuple[int, HttpsClient]]:
    """A server on 127.0.0.1 and a client that knows its authority; None as an answer: silence."""
    now = SystemClock().now()
    root = issue("Root", ca=True, now=now)
    certificate, key = issue(name, root, now=now).write(folder)
    (root_file, _) = root.write(folder / "root")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Content-Length: " in head:
            head += await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        octets = answer(head)
        if octets is not None:
            writer.write(octets)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    trusting = client_context(verify=True, cafile=root_file)
    client = HttpsClient(
        Dialer(NetSettings()),
        lambda: trusting,
        max_octets=1000,
        timeout_seconds=0.5,
    )
    try:
        yield server.sockets[0].getsockname()[1], client
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        await body()

    asyncio.run(go())


def test_get_and_post(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answer(octets: bytes) -> bytes:
        heard.append(octets)
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"

    async def body() -> None:
        async with web(tmp_path, answer) as (port, client):
            got = await client.fetch(Fetch("a.test", "/x", ("127.0.0.1",), port))
            assert (got.status, got.body, got.media_type) == (200, b"hello", "text/plain")
            dead = ("127.0.0.9", "127.0.0.1")
            fields = {"Content-Type": "application/x"}
            await client.fetch(Fetch("a.test", "/y", dead, port, method="POST", fields=fields, body=b"octets"))
            assert heard[0].startswith(b"GET /x HTTP/1.1\r\nHost: a.test:%d\r\n" % port)
            assert heard[1].startswith(b"POST /y HTTP/1.1\r\n")
            assert b"Content-Type: application/x\r\n" in heard[1]
            assert heard[1].endswith(b"\r\n\r\noctets")

    run(body)


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async def body() -> None:
        async with web(tmp_path, lambda _: b"HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\n\r\n") as (
            port,
            client,
        ):
            assert (await client.fetch(Fetch("a.test", "/", ("127.0.0.1",), port))).status == 301

    run(body)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"not http\r\n\r\n", "not a response"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001, "more than 1000 octets"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "ended before"),
        (None, r"no answer in 0\.5 s"),
    ],
)
def test_what_can_go_wrong(tmp_path: Path, answer: bytes | None, why: str) -> None:
    async def body() -> None:
        async with web(tmp_path, lambda _: answer) as (port, client):
            with pytest.raises(FetchFailed, match=why) as failed:
                await client.fetch(Fetch("a.test", "/", ("127.0.0.1",), port))
            assert not failed.value.untrusted

    run(body)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    async def body() -> None:
        async with web(tmp_path, lambda _: b"", name="b.test") as (port, client):
            with pytest.raises(FetchFailed, match="certificate") as failed:
                await client.fetch(Fetch("a.test", "/", ("127.0.0.1",), port))
            assert failed.value.untrusted

    run(body)


@pytest.mark.parametrize("addresses", [(), ("127.0.0.9",)])
def test_nobody_is_there(tmp_path: Path, addresses: tuple[str, ...]) -> None:
    async def body() -> None:
        async with web(tmp_path, lambda _: b"") as (port, client):
            with pytest.raises(FetchFailed, match=r"no address|refused"):
                await client.fetch(Fetch("a.test", "/", addresses, port))

    run(body)


def test_plain_http_where_it_is_asked_for() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def body() -> None:
        server = await asyncio.start_server(serve, "::1", 0)
        port = server.sockets[0].getsockname()[1]
        trusting = client_context(verify=True)
        client = HttpsClient(Dialer(NetSettings()), lambda: trusting, max_octets=1000, timeout_seconds=0.5)
        wanted = Fetch("::1", "/x", ("::1",), port, secure=False)
        assert (await client.fetch(wanted)).body == b"ok"
        assert heard[0].startswith(b"GET /x HTTP/1.1\r\nHost: [::1]:%d\r\n" % port)
        server.close()
        await server.wait_closed()

    run(body)


def test_what_a_request_holds_is_not_shown() -> None:
    wanted = Fetch("a.test", "/", (), fields={"Authorization": "Basic secret"}, body=b"token=secret")
    assert "secret" not in repr(wanted)
