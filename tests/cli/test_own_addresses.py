"""The addresses that others may reach."""

import ipaddress
import socket

import pytest

from postroom.cli import own_addresses


def test_private_ones_are_left_out() -> None:
    assert all(ipaddress.ip_address(one).is_global for one in own_addresses.own_addresses())


@pytest.mark.parametrize(
    ("name", "expected"), [("198.41.0.4", ("198.41.0.4",)), ("10.0.0.1", ()), ("fe80::1%eth0", ()), ("", ())]
)
def test_what_the_system_would_call_from(name: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    class Chosen(socket.socket):
        def connect(self, address: object) -> None:
            if not name or ("." in name) != (self.family == socket.AF_INET):
                raise OSError("no way there")

        def getsockname(self) -> tuple[str, int]:
            return name, 1

    monkeypatch.setattr(socket, "socket", Chosen)
    assert own_addresses.own_addresses() == expected
