"""A request over a socket, and what is none."""

import asyncio

import pytest

from postroom.net import Connection, HttpMessage, http_request

from .certificates import listening


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ((b"POST /a HTTP/1.1\r\nContent-Le", b"ngth: 5\r\n\r\nhel", b"lo"), ("POST", "/a", b"hello")),
        ((b"GET / HTTP/1.1\r\n\r\n",), ("GET", "/", b"")),
        ((b"POST /a HTTP/1.1\r\nContent-Length: 6\r\n\r\nhello!",), None),
        ((b"EHLO a.test\r\n\r\n",), None),
        ((b"GET / HT",), None),
    ],
)
def test_requests(octets: tuple[bytes, ...], expected: tuple[str, str, bytes] | None) -> None:
    heard: list[HttpMessage | None] = []

    async def serve(connection: Connection) -> None:
        heard.append(await http_request(connection, max_body_octets=5))

    async def main() -> None:
        async with listening(serve) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in octets:
                writer.write(piece)
                await writer.drain()
            writer.write_eof()
            await reader.read()
            writer.close()

    asyncio.run(main())
    [request] = heard
    assert (None if request is None else (request.method, request.target, request.body)) == expected
