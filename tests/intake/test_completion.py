"""Holding a header back until it is whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.intake.completion import HeaderCompleter, HeaderSeparator, HeaderTooLarge


def mark(header: bytes) -> bytes:
    return b"[" + header + b"]"


MESSAGES = [
    (b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore\r\n", b"[A: 1\r\nB: 2\r\n\r\n]body\r\n\r\nmore\r\n"),
    (b"\r\nbody\r\n", b"[\r\n]body\r\n"),
    (b"A: 1\r\n", b"[A: 1\r\n]"),
    (b"", b"[]"),
    (b"A: 1\r\n\r\n", b"[A: 1\r\n\r\n]"),
]


@settings(deadline=None)
@given(st.sampled_from(MESSAGES), st.lists(st.integers(1, 9), max_size=40))
def test_any_splitting_gives_the_same(message: tuple[bytes, bytes], sizes: list[int]) -> None:
    data, expected = message
    completer = HeaderCompleter(mark, 100)
    out = b""
    for size in sizes:
        out += completer.feed(data[:size])
        data = data[size:]
    out += completer.feed(data)
    assert out + completer.finish() == expected


@pytest.mark.parametrize("data", [b"A: " + b"x" * 200 + b"\r\n\r\nbody", b"x" * 101])
def test_a_header_without_end(data: bytes) -> None:
    with pytest.raises(HeaderTooLarge):
        HeaderCompleter(mark, 100).feed(data)


@pytest.mark.parametrize(
    ("message", "apart"),
    [
        (b"Subject: x\r\n\r\nbody\r\n", False),
        (b"X-Odd-Name :x\r\n", False),
        (b"\r\nbody\r\n", False),
        (b"", False),
        (b"body without header\r\n", True),
        (b"no line end", True),
        (b" folded: nothing\r\n", True),
        (b"x" * 5000, True),
        (b"two words: no field name\r\n", True),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_message_without_header_gets_an_empty_one(message: bytes, apart: bool, size: int) -> None:
    separator = HeaderSeparator()
    pieces = [separator.feed(message[at : at + size]) for at in range(0, len(message), size)]
    assert b"".join([*pieces, separator.finish()]) == (b"\r\n" if apart else b"") + message
