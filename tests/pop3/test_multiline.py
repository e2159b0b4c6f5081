"""Dot-stuffing, line ends, TOP."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.pop3 import DotStuffer, Top, opening, stuffed

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"bc", b"\r\n.", b"\xff"]), max_size=30).map(
    b"".join
)
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, turn = [], 0
    while data:
        size = sizes[turn % len(sizes)]
        pieces.append(data[:size])
        data, turn = data[size:], turn + 1
    return pieces


def reference(message: bytes) -> bytes:
    """Line by line, the slow and plain way."""
    text = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n"
    lines = text.split(b"\r\n")[:-1] if text else []
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines) + b".\r\n"


@given(OCTETS, CUTS)
def test_any_splitting_is_as_line_by_line(message: bytes, sizes: list[int]) -> None:
    stuffer = DotStuffer()
    pieces = b"".join(map(stuffer.feed, cut(message, sizes))) + stuffer.finish()
    assert pieces == stuffed(message) == reference(message)


@given(OCTETS)
def test_a_client_gets_the_message_back(message: bytes) -> None:
    body, end = stuffed(message)[:-3], stuffed(message)[-3:]
    assert end == b".\r\n"
    lines = body.split(b"\r\n")[:-1]
    assert b"." not in lines  # no line ends the response early
    back = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
    if not re.search(rb"(?<!\r)\n", message):
        assert back == message or back == message + b"\r\n"


@pytest.mark.parametrize(
    ("message", "response"),
    [
        (b"", b".\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\n.b", b"a\r\n..b\r\n.\r\n"),
        (b"a\r\n.\r\n", b"a\r\n..\r\n.\r\n"),
        (b"a\r", b"a\r\r\n.\r\n"),
    ],
)
def test_known(message: bytes, response: bytes) -> None:
    assert stuffed(message) == response


@given(st.lists(st.sampled_from([b"", b"x", b".y"]), max_size=8), st.integers(0, 9), CUTS)
def test_top_passes_header_and_lines(body: list[bytes], lines: int, sizes: list[int]) -> None:
    header = b"A: b\r\nC: d\r\n\r\n"
    message = header + b"".join(line + b"\r\n" for line in body)
    top = Top(len(header), lines)
    passed = b"".join(top.feed(piece) for piece in cut(message, sizes))
    assert passed == header + b"".join(line + b"\r\n" for line in body[:lines])
    assert top.done == (lines <= len(body))


def test_top_of_a_header_without_end() -> None:
    top = Top(6, 3)
    assert top.feed(b"A: b\r\n") == b"A: b\r\n"
    assert not top.done


def test_opening() -> None:
    assert opening(5) == b"+OK 5 octets\r\n"
    assert opening(None) == b"+OK\r\n"
