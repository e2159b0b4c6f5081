"""PROXY headers, octet by octet as the socket is read: the answer, and not one octet too many."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.net.proxy_header import BadProxyHeader, Proxied, ProxyHeaderReader

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX = 4096


def v2(command: int, family: int, data: bytes, *, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(data) if length is None else length) + data


def tcp4(source: str = "192.0.2.1", target: str = "198.51.100.2") -> bytes:
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return packed + struct.pack("!HH", 40_000, 25)


def tcp6(source: str, target: str) -> bytes:
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return packed + struct.pack("!HH", 40_000, 25)


CLIENT = Proxied(("192.0.2.1", 40_000), ("198.51.100.2", 25))
NOBODY = Proxied(None, None)

GOOD = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 25\r\n", CLIENT),
    (b"PROXY TCP6 2001:db8::1 2001:DB8::2 40000 25\r\n", Proxied(("2001:db8::1", 40_000), ("2001:db8::2", 25))),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 40000 25\r\n", CLIENT),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Proxied(*[("255.255.255.255", 65_535)] * 2)),
    (b"PROXY UNKNOWN\r\n", NOBODY),
    (b"PROXY UNKNOWN ffff:f...f:ffff 65535 65535 and more\r\n", NOBODY),
    (v2(0x21, 0x11, tcp4()), CLIENT),
    (v2(0x21, 0x11, tcp4() + b"\x04\0\x03abc" + b"\xee\0\xff"), CLIENT),  # TLVs, the last one cut
    (v2(0x21, 0x21, tcp6("2001:db8::1", "2001:db8::2")), Proxied(("2001:db8::1", 40_000), ("2001:db8::2", 25))),
    (v2(0x21, 0x21, tcp6("::ffff:192.0.2.1", "::ffff:198.51.100.2")), CLIENT),
    (v2(0x21, 0x00, b""), NOBODY),  # UNSPEC
    (v2(0x21, 0x00, b"whatever"), NOBODY),
    (v2(0x21, 0x31, b"/socket".ljust(216, b"\0")), NOBODY),
    (v2(0x20, 0x00, b""), NOBODY),  # LOCAL
    (v2(0x20, 0x11, tcp4()), NOBODY),  # what it says then is to be ignored
    (v2(0x20, 0x77, b"x" * (MAX - 16)), NOBODY),
]

BAD = [
    b"EHLO bar.com\r\n",
    b"PROXY\r\n.........",
    b"PROXY TCP4\r\n...",
    b"proxy TCP4 192.0.2.1 198.51.100.2 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 40000\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 25 \r\n",
    b"PROXY TCP4  192.0.2.1 198.51.100.2 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 65536\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 040 25\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.2 40000 25\r\n",
    b"PROXY TCP4 192.0.02.1 198.51.100.2 40000 25\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 40000 25\r\n",
    b"PROXY TCP6 192.0.2.1 198.51.100.2 40000 25\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 40000 25\r\n",
    b"PROXY UDP4 192.0.2.1 198.51.100.2 40000 25\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 25\n\r\n",
    b"PROXY UNKNOWN " + b"x" * 100,
    b"PROXY UNKNOWN x\0\r\n",
    SIGNATURE[:-1] + b"\r" + b"\x21\x11\0\0",
    v2(0x11, 0x11, tcp4()),  # version 1 in the form of version 2
    v2(0x22, 0x11, tcp4()),  # no such command
    v2(0x21, 0x12, tcp4()),  # UDP
    v2(0x21, 0x41, tcp4()),
    v2(0x21, 0x11, tcp4()[:-1]),
    v2(0x21, 0x21, tcp4()),
    v2(0x21, 0x11, tcp4() + b"x" * MAX),
    v2(0x20, 0x00, b"", length=65_535),
]


def read(octets: bytes, step: int = MAX) -> tuple[Proxied | None, int]:
    """The answer, and how many octets were taken for it."""
    reader = ProxyHeaderReader(MAX)
    at = 0
    while at < len(octets):
        assert reader.wanted > 0
        size = min(reader.wanted, step, len(octets) - at)
        answer = reader.feed(octets[at : at + size])
        at += size
        if answer is not None:
            return answer, at
    return None, at


@pytest.mark.parametrize("step", [MAX, 1, 5])
@pytest.mark.parametrize(("header", "answer"), GOOD)
def test_headers(header: bytes, answer: Proxied, step: int) -> None:
    assert read(header + b"EHLO bar.com\r\n" + header, step) == (answer, len(header))


@pytest.mark.parametrize(("header", "answer"), GOOD)
def test_a_header_that_stops_short_is_no_answer(header: bytes, answer: Proxied) -> None:
    for end in range(len(header)):
        assert read(header[:end])[0] is None


@pytest.mark.parametrize("step", [MAX, 1])
@pytest.mark.parametrize("octets", BAD)
def test_what_is_no_header(octets: bytes, step: int) -> None:
    with pytest.raises(BadProxyHeader):
        read(octets, step)


@given(
    st.lists(st.sampled_from([b"PROXY ", b"TCP4 ", b"1.2.3.4 ", b"25", b"\r\n", b"\r", SIGNATURE, b"\x21\x11", b"\0"]))
)
def test_anything_else_raises_nothing_else(parts: list[bytes]) -> None:
    try:
        answer, taken = read(b"".join(parts))
    except BadProxyHeader:
        return
    assert taken <= MAX
    assert answer is None or answer == NOBODY or answer.peer is not None
