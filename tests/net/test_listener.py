"""Addresses as people write them."""

import pytest

from postroom.net import Listener, ListenError, NetSettings, is_loopback, parse_address


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
