"""Who is in a network."""

import pytest

from postroom.net.networks import Networks


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (["192.0.2.0/24"], "192.0.2.7", True),
        (["192.0.2.0/24"], "192.0.3.7", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["2001:db8::/32", "10.0.0.0/8"], "2001:db8:1::1", True),
        (["2001:db8::/32", "10.0.0.0/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "::ffff:10.9.9.9", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["0.0.0.0/0"], "::1", False),
        (["0.0.0.0/0", "::/0"], "unix", False),
        ([], "127.0.0.1", False),
    ],
)
def test_membership(networks: list[str], address: str, inside: bool) -> None:
    assert (address in Networks(networks)) is inside
    assert bool(Networks(networks)) is bool(networks)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "example.org", "10.0.0"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011: the words are the standard library's
        Networks([text])
