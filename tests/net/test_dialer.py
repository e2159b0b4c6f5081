"""Outgoing connections: made, refused, timed out, and seen by an observer."""

import asyncio
from tempfile import TemporaryDirectory

import pytest

from postroom.net import ConnectFailed, Dialer, NetSettings, SocketConnection, TlsFailed, client_context


async def _server(banner: bytes) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(banner)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_what_passes_is_seen_by_the_observer() -> None:
    seen: list[tuple[bool, bytes]] = []

    def watch(connection: SocketConnection) -> None:
        connection.observer = lambda sent, data: seen.append((sent, data))

    async def main() -> None:
        server, port = await _server(b"220 hello\r\n")
        async with server:
            connection = await Dialer(NetSettings(), made=watch).connect("127.0.0.1", port)
            assert await connection.receive() == b"220 hello\r\n"
            connection.send(b"QUIT\r\n")
            await connection.close()

    asyncio.run(main())
    assert seen == [(False, b"220 hello\r\n"), (True, b"QUIT\r\n")]


def test_a_closed_port_is_connect_failed_with_the_reason() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectFailed, match=rf"127\.0\.0\.1 port {port}: .*refused"):
            await Dialer(NetSettings()).connect("127.0.0.1", port)

    asyncio.run(main())


def test_a_peer_that_never_shakes_hands_times_out_and_one_that_speaks_plainly_fails() -> None:
    async def main() -> None:
        context = client_context(verify=False)
        server, port = await _server(b"")
        async with server:
            with pytest.raises((ConnectFailed, TlsFailed)):
                await Dialer(NetSettings()).connect("127.0.0.1", port, tls=context, timeout=0.1)
        server, port = await _server(b"220 not TLS at all\r\n")
        async with server:
            with pytest.raises(TlsFailed):
                await Dialer(NetSettings()).connect("127.0.0.1", port, tls=context)

    asyncio.run(main())


def test_a_socket_of_this_machine() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.read()
        writer.close()

    async def main(folder: str) -> None:
        async with await asyncio.start_unix_server(serve, f"{folder}/app.sock"):
            connection = await Dialer(NetSettings()).connect_unix(f"{folder}/app.sock")
            assert await connection.receive() == b"220 hello\r\n"
            await connection.close()
        with pytest.raises(ConnectFailed, match=r"none\.sock: no such file"):
            await Dialer(NetSettings()).connect_unix(f"{folder}/none.sock")

    with TemporaryDirectory(dir="/tmp") as folder:  # a name short enough for a socket's address
        asyncio.run(main(folder))
