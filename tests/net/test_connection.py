"""Connections over real sockets, on both event loops, plain, STARTTLS and TLS."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.mailauth.authority import issue

from postroom.net import (
    Connection,
    Dialer,
    IdleTimeout,
    Listener,
    NetSettings,
    ServerStopping,
    ServerTls,
    TlsFailed,
    client_context,
    self_signed,
)

QUICK = NetSettings(sweep_interval_seconds=0.01, close_timeout_seconds=1, stop_timeout_seconds=1)
Loop = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Loop:
    """Runs a coroutine on one of the two event loops."""

    def runner(coro: Coroutine[Any, Any, None]) -> None:
        factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as loop_runner:
            loop_runner.run(coro)

    return runner


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    return ServerTls(*self_signed(tmp_path_factory.mktemp("tls"), "mail.example.org", 30, 1_700_000_000.0 + 9e7))


class Serve:
    """A service made of one function."""

    def __init__(self, function: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        self.serve = function


async def echo(connection: Connection) -> None:
    while data := await connection.receive():
        connection.send(data)
        await connection.drain()


@contextlib.asynccontextmanager
async def listening(
    function: Callable[[Connection], Coroutine[Any, Any, None]],
    settings: NetSettings = QUICK,
    context: ssl.SSLContext | None = None,
    busy: bytes = b"",
) -> AsyncIterator[tuple[Listener, int]]:
    listener = Listener("test", Serve(function), settings, tls=context, busy=busy)
    listener.bind(["127.0.0.1:0"])
    await listener.start()
    try:
        yield listener, listener.ports[0]
    finally:
        await listener.stop()


async def read_exactly(connection: Connection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = await connection.receive()
        assert piece, f"closed after {len(data)} of {size}"
        data += piece
    return data


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="the system has its own pace")
@pytest.mark.parametrize("seconds", [240, 0])
def test_the_system_asks_after_silent_clients(run: Loop, seconds: int) -> None:
    async def main() -> None:
        async with listening(echo, NetSettings(keepalive_seconds=seconds)) as (listener, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            client.send(b"x")
            await read_exactly(client, 1)
            [connection] = listener._connections
            assert connection._transport is not None
            sock = connection._transport.get_extra_info("socket")
            assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == bool(seconds)
            if seconds:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == seconds
            await client.close()

    run(main())


@pytest.mark.parametrize("way", ["plain", "tls", "starttls"])
def test_a_megabyte_comes_back_unchanged(run: Loop, tls: ServerTls, way: str) -> None:
    payload = bytes(range(256)) * 4096

    async def serve(connection: Connection) -> None:
        if way == "starttls":
            assert await connection.receive() == b"STARTTLS\r\n"
            connection.send(b"go\r\n")
            await connection.start_tls(tls.context)
        assert (connection.tls is not None) == (way != "plain")
        await echo(connection)

    async def main() -> None:
        async with listening(serve, context=tls.context if way == "tls" else None) as (_, port):
            context = client_context(verify=False) if way == "tls" else None
            client = await Dialer(QUICK).connect("127.0.0.1", port, tls=context)
            if way == "starttls":
                client.send(b"STARTTLS\r\n")
                assert await client.receive() == b"go\r\n"
                await client.start_tls_client(client_context(verify=False), None)
            for start in range(0, len(payload), 50_000):
                client.send(payload[start : start + 50_000])
                client.flush()
            assert await read_exactly(client, len(payload)) == payload
            await client.close()

    run(main())


def test_octets_before_starttls_do_not_survive_it(run: Loop, tls: ServerTls) -> None:
    """RFC 3207 §4.2: what was injected in the clear is thrown away."""
    seen: list[bytes] = []

    async def serve(connection: Connection) -> None:
        assert (await connection.receive()).startswith(b"STARTTLS\r\n")
        connection.send(b"go\r\n")
        await connection.start_tls(tls.context)
        seen.append(await connection.receive())

    async def main() -> None:
        async with listening(serve) as (_, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            client.send(b"STARTTLS\r\nINJECTED\r\n")
            assert await client.receive() == b"go\r\n"
            await client.start_tls_client(client_context(verify=False), None)
            client.send(b"under tls")
            assert await client.receive() == b""
            await client.close()

    run(main())
    assert seen == [b"under tls"]


def test_a_failed_handshake_is_tls_failed_on_both_sides(run: Loop, tls: ServerTls) -> None:
    failed: list[str] = []

    async def serve(connection: Connection) -> None:
        await connection.receive()
        connection.send(b"go\r\n")
        try:
            await connection.start_tls(tls.context)
        except TlsFailed:
            failed.append("server")

    async def main() -> None:
        async with listening(serve) as (_, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            client.send(b"STARTTLS\r\n")
            await client.receive()
            with pytest.raises(TlsFailed):
                await client.start_tls_client(client_context(verify=True), "mail.example.org")
            await client.close()

    run(main())
    assert failed == ["server"]


def test_the_certificates_of_a_peer(run: Loop, tmp_path: Path) -> None:
    """All that it shows, also when nothing of it is verified."""
    middle = issue("Middle", issue("Root", ca=True), ca=True)
    leaf = issue("mail.example.org", middle)
    served = ServerTls(*leaf.write(tmp_path))

    async def serve(connection: Connection) -> None:
        assert await connection.receive() == b"STARTTLS\r\n"
        connection.send(b"220 go\r\n")
        await connection.start_tls(served.context)
        await connection.receive()

    async def main() -> None:
        async with listening(serve) as (_, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            assert client.peer_certificates() == []
            client.send(b"STARTTLS\r\n")
            await client.receive()
            await client.start_tls_client(client_context(verify=False), "mail.example.org")
            assert client.peer_certificates() == leaf.chain
            await client.close()

    run(main())


def test_a_silent_peer_times_out_and_others_do_not(run: Loop) -> None:
    async def serve(connection: Connection) -> None:
        connection.idle_timeout = 0.05
        try:
            await echo(connection)
        except IdleTimeout:
            connection.send(b"421 idle\r\n")

    async def main() -> None:
        async with listening(serve) as (_, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            assert await client.receive() == b"421 idle\r\n"
            assert await client.receive() == b""
            await client.close()

    run(main())


def test_a_peer_that_takes_nothing_ends_a_draining_session(run: Loop) -> None:
    ended: list[str] = []

    async def serve(connection: Connection) -> None:
        connection.idle_timeout = 0.05
        try:
            while not connection.closed:
                connection.send(bytes(1 << 20))
                await connection.drain()
        except IdleTimeout:
            ended.append("idle")
            connection.abort()

    async def main() -> None:
        async with listening(serve) as (listener, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            while not ended:
                await asyncio.sleep(0.01)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            assert listener.connections <= 1

    run(main())
    assert ended == ["idle"]


def test_a_client_that_reads_no_answers_is_not_read_either(run: Loop) -> None:
    """Bug: a pipelining client that read nothing made IMAP answers pile up in memory, 600 MB of them within seconds."""
    settings = NetSettings(sweep_interval_seconds=0.01, close_timeout_seconds=0.05, stop_timeout_seconds=0.1)
    answered: list[int] = [0]
    ended: list[str] = []

    async def serve(connection: Connection) -> None:
        connection.idle_timeout = 0.1
        try:
            while data := await connection.receive():
                answered[0] += 10 * len(data)
                connection.send(bytes(10 * len(data)))
        except IdleTimeout:
            ended.append("idle")

    async def main() -> None:
        async with listening(serve, settings) as (_, port):
            with socket.create_connection(("127.0.0.1", port)) as deaf:
                deaf.setblocking(False)
                while not ended:
                    with contextlib.suppress(BlockingIOError):
                        deaf.send(bytes(65536))
                    await asyncio.sleep(0)

    run(main())
    assert ended == ["idle"]
    assert answered[0] < 32 << 20  # the kernel's buffers, and the answers to one high-water mark of input


def test_two_may_wait_for_one_peer(run: Loop) -> None:
    """Bug: an IMAP update waiting beside its session was forgotten when the session waited too."""
    woken: list[str] = []

    async def serve(connection: Connection) -> None:
        async def wait(name: str) -> None:
            await connection.drain()
            woken.append(name)

        connection.send(bytes(8 << 20))
        await asyncio.gather(wait("session"), wait("updates"))

    async def main() -> None:
        async with listening(serve) as (_, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            await asyncio.sleep(0.02)
            await read_exactly(client, 8 << 20)
            assert await client.receive() == b""
            await client.close()

    run(main())
    assert sorted(woken) == ["session", "updates"]


def test_input_that_nobody_reads_stops_being_read(run: Loop) -> None:
    """A session that is busy holds at most the high-water mark (and one read) of its peer's octets."""
    settings = NetSettings(input_high_water_octets=65536, sweep_interval_seconds=0.01, close_timeout_seconds=0.1)
    sizes: list[int] = []

    async def serve(connection: Connection) -> None:
        await asyncio.sleep(0.2)
        sizes.append(len(connection.receive_nowait()))
        connection.abort()

    async def main() -> None:
        async with listening(serve, settings) as (_, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(bytes(8 << 20))
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    run(main())
    assert 0 < sizes[0] <= 65536 * 3


def test_stopping_lets_sessions_say_goodbye(run: Loop) -> None:
    async def serve(connection: Connection) -> None:
        try:
            await echo(connection)
        except ServerStopping:
            connection.send(b"421 stopping\r\n")

    async def main() -> None:
        async with listening(serve) as (listener, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            client.send(b"hello")
            assert await client.receive() == b"hello"
            stop = asyncio.ensure_future(listener.stop())
            assert await client.receive() == b"421 stopping\r\n"
            await client.close()
            await stop

    run(main())


def test_one_connection_too_many_is_told_and_closed(run: Loop) -> None:
    settings = NetSettings(max_connections_per_address=1, sweep_interval_seconds=0.01)

    async def main() -> None:
        async with listening(echo, settings, busy=b"421 busy\r\n") as (listener, port):
            first = await Dialer(QUICK).connect("127.0.0.1", port)
            first.send(b"x")
            assert await first.receive() == b"x"
            second = await Dialer(QUICK).connect("127.0.0.1", port)
            assert await second.receive() == b"421 busy\r\n"
            assert await second.receive() == b""
            await second.close()
            await first.close()
            while listener.connections:
                await asyncio.sleep(0.001)
            third = await Dialer(QUICK).connect("127.0.0.1", port)
            third.send(b"y")
            assert await third.receive() == b"y"
            await third.close()

    run(main())


def test_a_failing_service_closes_its_connection_only(run: Loop, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(connection: Connection) -> None:
        await connection.receive()
        raise RuntimeError("a bug")

    async def main() -> None:
        async with listening(serve) as (listener, port):
            client = await Dialer(QUICK).connect("127.0.0.1", port)
            client.send(b"x")
            assert await client.receive() == b""
            await client.close()
            while listener.connections:
                await asyncio.sleep(0.001)

    run(main())
    assert "a bug" in caplog.text


def test_a_unix_socket_serves_and_is_removed(run: Loop, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"

    async def main() -> None:
        listener = Listener("lmtp", Serve(echo), QUICK)
        listener.bind([f"unix:{path}"])
        await listener.start()
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"hi")
        assert await reader.readexactly(2) == b"hi"
        writer.close()
        await writer.wait_closed()
        while listener.connections:
            await asyncio.sleep(0.001)
        await listener.stop()

    run(main())
    assert not path.exists()


def test_a_handshake_that_never_ends_counts_as_a_connection(run: Loop, tls: ServerTls) -> None:
    """Bug: clients that began implicit TLS and said no more were counted nowhere and could take every descriptor."""
    settings = NetSettings(max_connections_per_address=3, sweep_interval_seconds=0.01, close_timeout_seconds=0.1)

    async def main() -> None:
        async with listening(echo, settings, tls.context, b"busy\r\n") as (listener, port):
            slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            while listener.connections < 3:
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""  # no words: it could not read them before its handshake
            for _, stream in [*slow, (reader, writer)]:
                stream.close()
            while listener.connections > 0:
                await asyncio.sleep(0)
            client = await Dialer(QUICK).connect("127.0.0.1", port, tls=client_context(verify=False))
            client.send(b"hello")
            assert await read_exactly(client, 5) == b"hello"
            await client.close()
            slow = [await asyncio.open_connection("127.0.0.1", port)]
            while listener.connections < 1:
                await asyncio.sleep(0)
            start = asyncio.get_running_loop().time()
            await listener.stop()
            assert asyncio.get_running_loop().time() - start < 5
            slow[0][1].close()

    run(main())


def test_a_client_hello_that_comes_with_the_connection_is_not_lost(run: Loop, tls: ServerTls) -> None:
    """The handshake begins in a task of its own; what arrives before that belongs to it."""

    def blocking_client(port: int) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            client_context(verify=False).wrap_socket(plain) as sock,
        ):
            sock.sendall(b"hello")
            return sock.recv(5)

    async def main() -> None:
        async with listening(echo, context=tls.context) as (_, port):
            answers = asyncio.gather(*(asyncio.to_thread(blocking_client, port) for _ in range(8)))
            for _ in range(10):
                asyncio.get_running_loop().call_soon(time.sleep, 0.005)  # the octets arrive while the loop is busy
                await asyncio.sleep(0)
            assert await answers == [b"hello"] * 8

    run(main())


def test_a_deadline_ends_the_wait_that_has_it_and_no_other(run: Loop) -> None:
    async def talk(connection: Connection) -> None:
        while data := await connection.receive():
            await asyncio.sleep(float(data))
            connection.send(b"yes")
            await connection.drain()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with listening(talk) as (_, port):
            connection = await Dialer(QUICK).connect("127.0.0.1", port)
            for deadline in (60.0, 0.2, 60.0):  # an earlier one after a later one, and the other way round
                connection.send(b"0")
                assert await connection.receive_by(loop.time() + deadline) == b"yes"
            await asyncio.sleep(0.25)  # the alarm rings while nobody waits
            connection.send(b"0.1")
            assert await connection.receive_by(loop.time() + 60) == b"yes"
            connection.send(b"0.2")
            with pytest.raises(TimeoutError):
                await connection.receive_by(loop.time() + 0.05)
            assert await connection.receive_by(loop.time() + 60) == b"yes"
            with pytest.raises(TimeoutError):
                await connection.receive_by(loop.time() - 1)
            await connection.close()
            assert await connection.receive_by(loop.time() + 60) == b""

    run(scene())
