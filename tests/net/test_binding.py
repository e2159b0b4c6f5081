"""Addresses as people write them; ports that several processes of one server share, and no other server."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from postroom.net import is_loopback, parse_address
from postroom.net.binding import bind_tcp

Keep = Callable[[socket.socket], socket.socket]


@pytest.fixture
def keep() -> Iterator[Keep]:
    with ExitStack() as stack:
        yield stack.enter_context


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


def _port(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def test_another_server_does_not_get_into_the_port(keep: Keep) -> None:
    first = keep(bind_tcp("127.0.0.1", 0, 0))
    first.listen()
    with pytest.raises(OSError, match="in use"):
        bind_tcp("127.0.0.1", _port(first), 0)
