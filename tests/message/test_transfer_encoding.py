"""Encoders: what they make is valid, and decodes to what they were given."""

import quopri
import re
from base64 import decodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.transfer_encoding import EncodingName, base64_size, transfer_encoder, with_encoding

# octets over 127, blanks at ends of lines, "=", dots, long runs
words = st.sampled_from([b"a", b"\xc3\xa4", b" ", b"\t", b"=", b".", b"\r\n", b"From ", b"x" * 80, b"\xff" * 30, b"\0"])
text = st.lists(words, max_size=30).map(b"".join)


def encoded(encoding: EncodingName, data: bytes, pieces: list[int]) -> bytes:
    encoder = transfer_encoder(encoding)
    out, at = b"", 0
    for size in pieces:
        out += encoder.feed(data[at : at + size])
        at += size
    return out + encoder.feed(data[at:]) + encoder.finish()


@given(text, st.lists(st.integers(0, 100), max_size=5))
def test_base64_in_lines_of_76(data: bytes, pieces: list[int]) -> None:
    octets = encoded("base64", data, pieces)
    assert re.fullmatch(rb"(?:[A-Za-z0-9+/]{76}\r\n)*[A-Za-z0-9+/=]{0,76}", octets)
    assert decodebytes(octets) == data
    assert len(octets) == base64_size(len(data))


@given(text, st.lists(st.integers(0, 100), max_size=5))
def test_quoted_printable_keeps_every_octet(data: bytes, pieces: list[int]) -> None:
    check_quoted_printable(encoded("quoted-printable", data, pieces), data)


@pytest.mark.parametrize("long", [b"x" * 200_000, b"\xc3\xa4" * 100_000, b" " * 140_000, b"=x" * 66_000 + b" "])
@pytest.mark.parametrize("piece", [1000, 65_536, 65_537, 70_001])
def test_lines_without_an_end_are_not_held(long: bytes, piece: int) -> None:
    data = long + b"\r\n" + long
    encoder = transfer_encoder("quoted-printable")
    outs = [encoder.feed(data[at : at + piece]) for at in range(0, len(data), piece)]
    assert sum(map(len, outs)) > len(data) - 65_536 - piece
    check_quoted_printable(b"".join(outs) + encoder.finish(), data)


def check_quoted_printable(octets: bytes, data: bytes) -> None:
    assert octets.isascii()
    assert not re.search(rb"[ \t]\r\n|[ \t]$|(?<!\r)\n|\r(?!\n)", octets)
    assert max(map(len, octets.split(b"\r\n"))) <= 76
    assert quopri.decodestring(octets) == data


@pytest.mark.parametrize(
    ("header", "is_message", "expected"),
    [
        (b"\r\n", False, b"Content-Transfer-Encoding: base64\r\n\r\n"),
        (b"A: b\r\n\r\n", True, b"A: b\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
        (b"mime-version: 1.0\n\n", True, b"mime-version: 1.0\nContent-Transfer-Encoding: base64\r\n\n"),
        (
            b"Content-Transfer-encoding:\r\n 8bit\r\nA: b\r\ncontent-transfer-encoding: x\r\n\r\n",
            False,
            b"Content-Transfer-Encoding: base64\r\nA: b\r\n\r\n",
        ),
    ],
)
def test_the_field_is_replaced_or_added(header: bytes, is_message: bool, expected: bytes) -> None:
    assert with_encoding(header, b"base64", is_message=is_message) == expected
