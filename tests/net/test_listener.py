"""What the listener asks of the system, and what listeners of several processes share."""

import asyncio
import socket
from pathlib import Path

import pytest

from postroom.net import Listener, ListenError, NetSettings, Networks
from postroom.net.api import Connection


def test_bind_says_what_failed() -> None:
    class Never:
        async def serve(self, connection: object) -> None: ...

    first = Listener("one", Never(), NetSettings())
    first.bind(["127.0.0.1:0"])
    with pytest.raises(ListenError, match="two cannot listen on 192"):
        Listener("two", Never(), NetSettings()).bind(["192.0.2.1:25"])
    first.unbind()


def test_writes_do_not_wait_for_each_other() -> None:
    """TCP_NODELAY on what is accepted: else an answer in two writes takes 40 ms."""
    found: list[int] = []

    async def play() -> None:
        asked = asyncio.Event()

        class Asks:
            async def serve(self, connection: Connection) -> None:
                [transport] = listener_transports()
                found.append(transport.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                asked.set()

        def listener_transports() -> list[socket.socket]:
            return [one._transport.get_extra_info("socket") for one in listener._connections]  # type: ignore[union-attr]

        listener = Listener("one", Asks(), NetSettings())
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        _, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        async with asyncio.timeout(10):
            await asked.wait()
        writer.close()
        await listener.stop()

    asyncio.run(play())
    assert found == [1]


def test_a_listener_beside_another_has_its_addresses_and_leaves_it_the_paths(tmp_path: Path) -> None:
    class Never:
        async def serve(self, connection: object) -> None: ...

    path = tmp_path / "lmtp"
    first, second = Listener("one", Never(), NetSettings()), Listener("one", Never(), NetSettings())
    first.bind(["127.0.0.1:0", f"unix:{path}", "[::1]:0"])
    second.bind_beside(first)
    assert second.addresses == first.addresses

    async def hang_up(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        assert await streams[0].read() == b""
        streams[1].close()
        await streams[1].wait_closed()

    async def main() -> None:
        await second.start()
        for _ in range(2):
            await hang_up(await asyncio.open_connection("127.0.0.1", first.ports[0]))  # a bound socket gets none
        await hang_up(await asyncio.open_unix_connection(str(path)))
        await second.stop()

    asyncio.run(main())
    assert path.exists()
    first.unbind()
    assert not path.exists()


class _Door:
    """net.Admission that turns one address away."""

    def __init__(self) -> None:
        self.inside = 0
        self.unwelcome = "127.0.0.2"

    def admit(self, address: str) -> bytes | None:
        if address == self.unwelcome:
            return b"not you\r\n"
        self.inside += 1
        return None

    def leave(self, address: str) -> None:
        self.inside -= 1


class _Greets:
    async def serve(self, connection: Connection) -> None:
        connection.send(b"welcome\r\n")
        await connection.receive()


@pytest.mark.parametrize("accepts", ["server", "acceptor"])
def test_who_may_not_come_in_hears_why_and_is_not_counted(accepts: str) -> None:
    """Both ways in which connections are accepted: by the loop's own server, and by ours."""

    async def say(port: int, own: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(own, 0))
        line = await reader.readline()
        if line.startswith(b"not"):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        return line

    async def main() -> None:
        door = _Door()
        proxies = Networks(("198.51.100.0/24",)) if accepts == "acceptor" else Networks()
        settings = NetSettings(max_connections=1)
        listener = Listener("one", _Greets(), settings, busy=b"busy\r\n", proxies=proxies, admission=door)
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        port = listener.ports[0]
        assert [await say(port, f"127.0.0.{n}") for n in (2, 2)] == [b"not you\r\n"] * 2
        assert listener.connections == 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.3", 0))
        assert await reader.readline() == b"welcome\r\n"
        assert (door.inside, listener.connections) == (1, 1)
        assert await say(port, "127.0.0.1") == b"busy\r\n"  # there is room for one
        assert door.inside == 1
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            while door.inside:
                await asyncio.sleep(0.01)
        await listener.stop()

    asyncio.run(main())
