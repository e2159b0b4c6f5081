"""Outgoing connections: made, refused, timed out, and seen by an observer."""

import asyncio
import gc
import socket
import time
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import pytest
from tests.net.silent import silent

from postroom.net import (
    ConnectFailed,
    Dialer,
    LocalFailure,
    NetSettings,
    Raced,
    SocketConnection,
    TlsFailed,
    client_context,
)


@dataclass(frozen=True)
class To:
    address: str
    port: int
    source: str = ""


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


# ---- from an address of our own


def test_a_call_comes_from_the_source_address() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        async with server:
            connection = await Dialer(NetSettings()).connect("127.0.0.1", port, source="127.0.0.5")
            assert connection.local[0] == "127.0.0.5"
            connection.abort()

    asyncio.run(main())


@pytest.mark.parametrize("source", ["192.0.2.1", "::1"])
def test_a_source_address_that_is_not_ours_is_a_failure_of_this_machine(source: str) -> None:
    async def main() -> None:
        with pytest.raises(LocalFailure, match=rf"calls can't be made from {source}: ."):
            await Dialer(NetSettings()).connect("127.0.0.1", 9, source=source)

    asyncio.run(main())


# ---- RFC 8305 §5


async def _race(*targets: To, stagger: float = 0.02, timeout: float = 5) -> tuple[Raced[To], float]:
    started = time.monotonic()
    raced = await Dialer(NetSettings()).race(targets, stagger=stagger, timeout=timeout)
    if raced.connection is not None:
        raced.connection.abort()
    return raced, time.monotonic() - started


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


def test_the_next_address_is_called_beside_one_that_does_not_answer() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        with silent("::1") as dead:
            async with server:
                first, second = To("::1", dead), To("127.0.0.1", port)
                raced, took = await _race(first, second, To("127.0.0.3", port))
                assert (raced.winner, raced.failed, raced.dropped) == (second, [], [first])
                assert 0.02 <= took < 1

    asyncio.run(main())
    gc.collect()  # an unclosed socket would be an error here


def test_a_failure_makes_the_next_one_begin_at_once() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        async with server:
            closed = To("::1", _free_port("::1"))
            raced, took = await _race(closed, To("127.0.0.1", port), stagger=2)
            assert (raced.winner, [target for target, _ in raced.failed]) == (To("127.0.0.1", port), [closed])
            assert "refused" in str(raced.failed[0][1])
            assert took < 1

    asyncio.run(main())


def test_the_first_one_wins_when_it_answers_in_time_and_nobody_else_is_called() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        async with server:
            raced, _ = await _race(To("127.0.0.1", port), To("127.0.0.3", port), stagger=2)
            assert (raced.winner, raced.failed, raced.dropped) == (To("127.0.0.1", port), [], [])

    asyncio.run(main())


def test_all_fail_each_with_its_reason() -> None:
    async def main() -> None:
        with silent("127.0.0.8") as dead:
            targets = (To("127.0.0.8", dead), To("127.0.0.1", _free_port("127.0.0.1")), To("127.0.0.1", 9, "192.0.2.1"))
            raced, _ = await _race(*targets, timeout=0.1)
            assert (raced.connection, raced.winner, raced.dropped) == (None, None, [])
            reasons = {target: str(error) for target, error in raced.failed}
            assert set(reasons) == set(targets)
            assert "timed out after 0.1 s" in reasons[targets[0]]
            assert "refused" in reasons[targets[1]]
            assert "192.0.2.1" in reasons[targets[2]]

    asyncio.run(main())


def test_no_targets_no_connection() -> None:
    raced, _ = asyncio.run(_race())
    assert (raced.connection, raced.winner, raced.failed) == (None, None, [])


def test_a_race_that_is_given_up_leaves_no_sockets() -> None:
    async def main() -> None:
        with silent("127.0.0.8") as dead:
            targets = [To("127.0.0.8", dead), To("127.0.0.8", dead, "127.0.0.4")]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await Dialer(NetSettings()).race(targets, stagger=0.01)

    asyncio.run(main())
    gc.collect()  # an unclosed socket would be an error here


# ---- RFC 8305 §3: addresses that become known while others are called


def test_late_targets_join_a_race_that_is_on() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        with silent("127.0.0.8") as dead:
            async with server:
                first, joined = To("127.0.0.8", dead), To("127.0.0.1", port)

                async def late() -> list[To]:
                    await asyncio.sleep(0.03)
                    return [joined]

                begin = time.monotonic()
                raced = await Dialer(NetSettings()).race([first], stagger=0.1, timeout=5, late=late)
                assert (raced.winner, raced.dropped) == (joined, [first])
                assert 0.1 <= time.monotonic() - begin < 2  # beside the first, and not before its time
                assert raced.connection is not None
                raced.connection.abort()

    asyncio.run(main())


def test_late_targets_take_turns_with_those_that_are_left() -> None:
    async def main() -> None:
        closed = [To("127.0.0.1", _free_port("127.0.0.1")) for _ in range(3)]
        joined = [To("127.0.0.2", _free_port("127.0.0.2")) for _ in range(2)]

        async def late() -> list[To]:
            return joined

        raced = await Dialer(NetSettings()).race(closed, stagger=1, late=late)
        assert raced.connection is None
        order = [target for target, _ in raced.failed]
        assert order == [closed[0], joined[0], closed[1], joined[1], closed[2]]

    asyncio.run(main())


def test_a_race_of_late_targets_alone() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        async with server:

            async def late() -> list[To]:
                await asyncio.sleep(0.01)
                return [To("127.0.0.1", port)]

            raced = await Dialer(NetSettings()).race([], stagger=1, late=late)
            assert raced.winner == To("127.0.0.1", port)
            assert raced.connection is not None
            raced.connection.abort()

    asyncio.run(main())


def test_who_is_connected_waits_for_no_late_ones() -> None:
    async def main() -> None:
        server, port = await _server(b"")
        async with server:

            async def late() -> list[To]:
                await asyncio.sleep(60)
                return []

            async with asyncio.timeout(5):
                raced = await Dialer(NetSettings()).race([To("127.0.0.1", port)], stagger=1, late=late)
            assert raced.winner == To("127.0.0.1", port)
            assert raced.connection is not None
            raced.connection.abort()

    asyncio.run(main())
