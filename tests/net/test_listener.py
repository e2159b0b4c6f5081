"""Addresses as people write them; what the listener asks of the system."""

import asyncio
import socket

import pytest

from postroom.net import Listener, ListenError, NetSettings, is_loopback, parse_address
from postroom.net.api import Connection


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1:25", ("127.0.0.1", 25)),
        ("[::1]:2025", ("::1", 2025)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("unix:/run/x", ("unix:/run/x", 0)),
    ],
)
def test_parse_address(text: str, parsed: tuple[str, int]) -> None:
    assert parse_address(text) == parsed


@pytest.mark.parametrize("text", ["25", "localhost:25", "127.0.0.1:", "127.0.0.1:65536", "", "[::1]"])
def test_parse_address_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


def test_is_loopback() -> None:
    assert is_loopback("127.0.0.5")
    assert is_loopback("::1")
    assert is_loopback("unix")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("nonsense")


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
