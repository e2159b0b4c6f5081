"""Replies taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.base import ProtocolError
from postroom.smtp import Extensions, ReplyLimits, ReplyReader, ServerReply, local_reply

LIMITS = ReplyLimits(line_octets=100, lines=4)


def read(data: bytes, limits: ReplyLimits = LIMITS) -> list[ServerReply]:
    reader = ReplyReader(limits)
    reader.feed(data)
    replies = []
    while (reply := reader.next_reply()) is not None:
        replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("wire", "shown", "enhanced"),
    [
        (b"250 ok\r\n", "250 ok", ""),
        (b"250\r\n", "250", ""),
        (b"250 \r\n", "250", ""),
        (b"250 2.1.5 fine\r\n", "250 2.1.5 fine", "2.1.5"),
        (b"550 5.1.1\r\n", "550 5.1.1", "5.1.1"),
        (b"550-5.1.1 no\r\n550 5.1.1 such user\r\n", "550 5.1.1 no such user", "5.1.1"),
        (b"550-5.1.1 no\r\n550 such user\r\n", "550 5.1.1 no such user", "5.1.1"),
        (b"550 2.1.1 odd\r\n", "550 2.1.1 odd", ""),  # a code of another class is text (RFC 2034 §4)
        (b"550 5.1.1000 odd\r\n", "550 5.1.1000 odd", ""),
        (b"250-a\r\n250-250 b\r\n250 c\r\n", "250 a 250 b c", ""),
        (b"250 bare lf\n", "250 bare lf", ""),
        (b"250 t\xc3\xa9\x00\x1b[31m\xff\r\n", "250 té [31m\ufffd", ""),
    ],
)
def test_replies(wire: bytes, shown: str, enhanced: str) -> None:
    (reply,) = read(wire)
    assert (str(reply), reply.enhanced) == (shown, enhanced)


def test_status_and_severity() -> None:
    (reply,) = read(b"450 x\r\n")
    assert (reply.status, reply.positive, reply.permanent, reply.local) == ("4.0.0", False, False, False)
    assert local_reply(550, "5.6.7", "a\r\nb") == ServerReply(550, ("a b",), "5.6.7", local=True)


@pytest.mark.parametrize(
    "wire",
    [
        b"hello\r\n",
        b"\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"25x\r\n",
        b"250x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-\r\n" * 5,
        b"250 " + b"x" * 98,
        b"250 " + b"x" * 97 + b"\r\n",
        b"x" * 102,
    ],
)
def test_what_is_no_reply(wire: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(wire)
    with pytest.raises(ProtocolError):
        slowly(wire)


def slowly(wire: bytes) -> None:
    reader = ReplyReader(LIMITS)
    for k in range(len(wire)):
        reader.feed(wire[k : k + 1])
        while reader.next_reply() is not None:
            pass


def test_the_longest_that_may_be() -> None:
    line = b"250 " + b"x" * 96 + b"\r\n"
    assert len(read(line)) == 1
    assert len(read(line.replace(b"250 ", b"250-") * 3 + line)) == 1
    reader = ReplyReader(LIMITS)
    for k in range(len(line)):
        assert reader.next_reply() is None
        reader.feed(line[k : k + 1])
    assert reader.next_reply() is not None


@given(st.lists(st.integers(0, 255), max_size=300).map(bytes))
def test_junk_raises_nothing_else(data: bytes) -> None:
    try:
        read(data)
    except ProtocolError:
        pass


def test_extensions() -> None:
    (reply,) = read(
        b"250-mx.b.test hello\r\n250-size 1000\r\n250-AUTH PLAIN login\r\n250-AUTH=LOGIN X\r\n250 PIPELINING\r\n",
        ReplyLimits(),
    )
    offered = Extensions.of(reply)
    assert offered.esmtp
    assert "PIPELINING" in offered
    assert "DSN" not in offered
    assert offered.max_size == 1000
    assert offered.auth == ("PLAIN", "LOGIN", "X")
    assert Extensions().max_size == 0
    assert Extensions({"SIZE": "-5"}).max_size == 0
    assert Extensions({"SIZE": "9" * 50}).max_size == 0


@pytest.mark.parametrize(
    ("parameters", "limits"),
    [
        ("", {}),
        ("RCPTMAX=100 mailmax=5", {"RCPTMAX": 100, "MAILMAX": 5}),
        ("RCPTMAX=0 MAILMAX=01 RCPTDOMAINMAX=1000000 X", {}),
        ("RCPTMAX=x RCPTDOMAINMAX=1 OTHER=a=b", {"RCPTDOMAINMAX": 1}),
    ],
)
def test_limits(parameters: str, limits: dict[str, int]) -> None:
    assert Extensions({"LIMITS": parameters}, esmtp=True).limits == limits
