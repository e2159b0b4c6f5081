"""The end of DATA is CRLF.CRLF and nothing else; the dots go; any splitting gives the same."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.smtp import BodyReader

OCTETS = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a", b"\r\n.", b"\0", b"\xe9", b"x" * 5000]), max_size=30
)


def read(pieces: list[bytes]) -> tuple[bytes, BodyReader]:
    reader = BodyReader()
    body = b""
    for piece in pieces:
        if reader.done:
            reader.trailing += piece
        else:
            body += reader.feed(piece)
    return body, reader


def plainly(data: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 §4.5.2 said as simply as possible: body and rest; None when the end is not there."""
    body = b""
    lines = data.split(b"\r\n")
    for number, line in enumerate(lines[:-1]):
        if line == b".":
            return body, b"\r\n".join(lines[number + 1 :])
        body += line.removeprefix(b".") + b"\r\n"
    return None


@settings(deadline=None)
@given(OCTETS, st.lists(st.integers(0, 3000), max_size=20))
def test_any_splitting_reads_what_the_rfc_says(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts) + b"\r\n.\r\nNOOP\r\n"
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    pieces.append(data[at:])
    body, reader = read(pieces)
    assert plainly(data) == (body, reader.trailing)
    assert reader.done
    assert reader.bare_cr_lf == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", body.replace(b"\r\n", b"")))
    assert reader.nul == (b"\0" in body)
    assert reader.eight_bit == (not body.isascii())
    assert reader.octets == len(body)


@settings(deadline=None)
@given(OCTETS)
def test_octet_by_octet_is_the_same(parts: list[bytes]) -> None:
    data = b"".join(parts).replace(b"x" * 5000, b"x" * 20) + b"\r\n.\r\n"
    assert read([data[n : n + 1] for n in range(len(data))])[0] == read([data])[0]


def test_an_empty_message() -> None:
    reader = BodyReader()
    assert reader.feed(b".\r\nQUIT\r\n") == b""
    assert reader.done
    assert reader.trailing == b"QUIT\r\n"


# Each of these ended a message on some server or other (CVE-2023-51764, -51765, -51766 and their kin).
SMUGGLING = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\n.\r",
    b"\r\n.\r\r\n",
    b"\r\n.\0\r\n",
    b"\r\n\0.\r\n",
    b"\r\n .\r\n",
    b"\r\n. \r\n",
    b"\r\n.\r\n"[:-1] + b"\t\n",
    b"\r\r\n.\r\r\n",
]


@pytest.mark.parametrize("end", SMUGGLING)
@pytest.mark.parametrize("split", [True, False])
def test_nothing_else_ends_a_message(end: bytes, split: bool) -> None:
    data = b"Subject: x\r\n\r\ntext" + end + b"MAIL FROM:<evil@bar.com>\r\nRCPT TO:<bob@foo.com>\r\n"
    pieces = [data[n : n + 1] for n in range(len(data))] if split else [data]
    _, reader = read(pieces)
    assert not reader.done
    rest, reader_at_end = read([*pieces, b"\r\n.\r\n"])
    assert b"MAIL FROM:<evil@bar.com>" in rest
    assert reader_at_end.trailing == b""
    hidden = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", data)
    assert (reader_at_end.bare_cr_lf or reader_at_end.nul) == bool(hidden)


def test_a_line_of_any_length_is_passed_on_in_bounded_memory() -> None:
    reader = BodyReader()
    out = 0
    for _ in range(1000):
        out += len(reader.feed(b"x" * 1000))
        assert 1000 * 1000 - out < 1001 * 1000
    assert len(reader._rest) <= 4096
    assert reader.feed(b"\r\n.\r\n").endswith(b"\r\n")
    assert reader.done


def test_converting_bare_line_ends_is_possible_and_does_not_end_messages() -> None:
    reader = BodyReader(convert_bare_cr_lf=True)
    assert reader.feed(b"a\nb\r.\rc\r\n..\r\n.\r\n") == b"a\r\nb\r\n.\r\nc\r\n.\r\n"
    assert reader.done


def test_the_dot_that_is_taken_away_is_not_of_the_line() -> None:
    for dots, long in ((1, False), (2, True)):
        _, reader = read([b"a\r\n." + b"." * dots + b"x" * 997 + b"\r\n.\r\n"])
        assert reader.done
        assert reader.long_lines is long
