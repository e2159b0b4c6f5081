"""Octets of the milter protocol, as libmilter writes and reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.filters.milter import packets
from postroom.filters.milter.packets import (
    Agreed,
    BadPacket,
    BodyWish,
    Ending,
    HeaderWish,
    Progress,
    QuarantineWish,
    RecipientWish,
    SenderWish,
    next_packet,
    read_agreed,
    read_reply,
)


def test_the_offer() -> None:
    assert packets.negotiation(0x1FF, 0x1FFFFF) == b"\0\0\0\x0dO\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"


def test_connect_has_family_port_and_address() -> None:
    assert packets.connect("mx", "192.0.2.7", 258) == b"\0\0\0\x11Cmx\x004\1\x02192.0.2.7\0"
    assert packets.connect("mx", "2001:db8::1", 1) == b"\0\0\0\x13Cmx\x006\0\x012001:db8::1\0"
    assert packets.connect("localhost", "unix", 0) == b"\0\0\0\x0cClocalhost\0U"


def test_macros_are_pairs() -> None:
    told = packets.macros(b"M", [("i", "m1"), ("{auth_type}", "PLAIN")])
    assert told == b"\0\0\0\x19DMi\0m1\0{auth_type}\0PLAIN\0"
    assert packets.macros(b"M", []) == b""


def test_texts_have_no_nul_and_no_more_octets_than_fit() -> None:
    assert packets.strings(b"a\0b") == b"ab\0"
    assert len(packets.strings(b"x" * 70_000)) == packets.MAX_DATA_OCTETS
    assert packets.header(b"N", b"x" * 70_000)[-1:] == b"\0"
    assert len(packets.header(b"N", b"x" * 70_000)) <= packets.MAX_DATA_OCTETS + 5


def test_packets_come_in_any_pieces() -> None:
    octets = packets.packet(b"c") + packets.packet(b"h", b"A\0b\0")
    for end in range(5):
        assert next_packet(octets[:end]) is None
    found = next_packet(octets)
    assert found is not None
    assert found[:2] == (b"c", b"")
    assert next_packet(found[2]) == (b"h", b"A\0b\0", b"")


@pytest.mark.parametrize("head", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\4\0\1", b"HTTP/1.1 400"])
def test_an_impossible_length_is_refused(head: bytes) -> None:
    with pytest.raises(BadPacket):
        next_packet(head)


def test_the_agreement() -> None:
    plain = b"\0\0\0\6\0\0\0\x11\0\x10\0\x40"
    assert read_agreed(plain) == Agreed(6, 0x11, 0x100040, {})
    lists = b"\0\0\0\1j {my}\0\0\0\0\3i,{rcpt_addr}\0"
    assert read_agreed(plain + lists).symbols == {1: ("j", "{my}"), 3: ("i", "{rcpt_addr}")}
    for bad in (b"", plain[:-1], plain + b"\0\0\0\1j", plain + b"\0\0\0\x63j\0", plain + b"\1"):
        with pytest.raises(BadPacket):
            read_agreed(bad)


@pytest.mark.parametrize(
    ("kind", "data", "wanted"),
    [
        (b"c", b"", Ending("continue")),
        (b"a", b"", Ending("accept")),
        (b"d", b"", Ending("discard")),
        (b"r", b"", Ending("reject")),
        (b"t", b"", Ending("tempfail")),
        (b"s", b"", Ending("skip")),
        (b"4", b"", Ending("shutdown")),
        (b"f", b"", Ending("conn-fail")),
        (b"p", b"", Progress()),
        (b"y", b"550 5.7.9 Not you\0", Ending("reject", 550, "5.7.9", b"Not you")),
        (b"y", b"451 later 100%% sure\0", Ending("tempfail", 451, "", b"later 100% sure")),
        (b"y", b"554-5.7.1 one\r\n554 5.7.1 two\0", Ending("reject", 554, "5.7.1", b"one two")),
        (b"y", b"554 4.7.1 odd\0", Ending("reject", 554, "", b"odd")),
        (b"y", b"421\0", Ending("tempfail", 421, "", b"")),
        (b"h", b"X-A\0 v\0", HeaderWish("add", b"X-A", b" v")),
        (b"i", b"\0\0\0\2X-A\0v\0", HeaderWish("insert", b"X-A", b"v", 2)),
        (b"m", b"\0\0\0\3X-A\0\0", HeaderWish("change", b"X-A", b"", 3)),
        (b"m", b"\0\0\0\0X-A\0v\0", HeaderWish("change", b"X-A", b"v", 1)),
        (b"+", b"<a@b.c>\0", RecipientWish("add", b"<a@b.c>")),
        (b"2", b"<a@b.c>\0NOTIFY=NEVER\0", RecipientWish("add with parameters", b"<a@b.c>", b"NOTIFY=NEVER")),
        (b"2", b"<a@b.c>\0", RecipientWish("add with parameters", b"<a@b.c>")),
        (b"-", b"<a@b.c>\0", RecipientWish("delete", b"<a@b.c>")),
        (b"e", b"<a@b.c>\0SIZE=5\0RET=HDRS\0", SenderWish(b"<a@b.c>", b"SIZE=5 RET=HDRS")),
        (b"b", b"any\0octets", BodyWish(b"any\0octets")),
        (b"q", b"looks odd\0", QuarantineWish(b"looks odd")),
    ],
)
def test_replies(kind: bytes, data: bytes, wanted: object) -> None:
    assert read_reply(kind, data) == wanted


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"z", b""),
        (b"y", b""),
        (b"y", b"250 2.0.0 fine\0"),
        (b"y", b"99\0"),
        (b"y", b"550-one\r\n451 two\0"),
        (b"y", b"550 a\0b\0"),
        (b"h", b"X-A\0"),
        (b"h", b"X-A\0v"),
        (b"h", b"X-A\0v\0w\0"),
        (b"i", b"\0\0"),
        (b"m", b"\0\0\0\1X-A\0"),
        (b"+", b""),
        (b"-", b"a\0b\0"),
        (b"2", b"a\0" * 200),
        (b"q", b"x"),
        (b"l", b""),
    ],
)
def test_replies_that_are_none(kind: bytes, data: bytes) -> None:
    with pytest.raises(BadPacket):
        read_reply(kind, data)


@given(st.binary(min_size=1, max_size=1), st.binary(max_size=60))
def test_nothing_but_bad_packet_comes_of_any_octets(kind: bytes, data: bytes) -> None:
    try:
        read_reply(kind, data)
    except BadPacket:
        pass
    try:
        read_agreed(data)
    except BadPacket:
        pass
