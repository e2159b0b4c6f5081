"""BDAT's arguments, and the content of chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp.chunk_reading import ChunkedBody, parse_chunk


@pytest.mark.parametrize(
    ("argument", "size", "last"),
    [
        (b"0", 0, False),
        (b"0 LAST", 0, True),
        (b"86 LAST", 86, True),
        (b"86  last", 86, True),
        (b"007", 7, False),
        (b"9" * 20, 10**20 - 1, False),
    ],
)
def test_arguments(argument: bytes, size: int, last: bool) -> None:
    chunk = parse_chunk(argument)
    assert chunk is not None
    assert (chunk.size, chunk.left, chunk.last) == (size, size, last)


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"LAST",
        b"-1",
        b"+1",
        b"1.0",
        b"0x10",
        b"1_000",
        b"5LAST",
        b"5 LAST LAST",
        b"5 FIRST",
        b"5 5",
        b"5\tLAST",
        b"9" * 21,
        "٣".encode(),
        b"5\xa0",
    ],
)
def test_no_octets_are_guessed(argument: bytes) -> None:
    assert parse_chunk(argument) is None


def read(*pieces: bytes, **options: bool) -> tuple[bytes, ChunkedBody]:
    body = ChunkedBody(**options)
    kept = b"".join(body.feed(piece) for piece in pieces)
    return kept + body.finish(), body


@pytest.mark.parametrize(
    ("pieces", "bare"),
    [
        ((b"a\r\nb\r\n",), False),
        ((b"a\r", b"\nb"), False),
        ((b"a\r", b"", b"\nb"), False),
        ((b"a\r", b"b"), True),
        ((b"a\r",), True),
        ((b"a\n",), True),
        ((b"\n", b"a"), True),
        ((b"a\r\r\n",), True),
        ((b"a\r", b"\r\n"), True),
        ((b"a\r\n.\r\n",), False),  # a dot ends nothing here
    ],
)
def test_bare_line_ends_in_text(pieces: tuple[bytes, ...], bare: bool) -> None:
    kept, body = read(*pieces)
    assert kept == b"".join(pieces)
    assert body.bare_cr_lf is bare
    assert body.octets == len(kept)


@pytest.mark.parametrize(
    ("pieces", "bare", "nul"),
    [
        ((b"a: b\r\n\r\n\0\r\n\n\r",), False, False),
        ((b"\r\n\0\n\r",), False, False),  # no header at all
        ((b"a: b\r\n\r", b"\n\n\0"), False, False),
        ((b"a: b\r", b"\n", b"\r", b"\n", b"\n"), False, False),
        ((b"a: b\n\n\0",), True, True),  # what is called a body there is none to us
        ((b"a: b\r\rc: d\r\n\r\n",), True, False),
        ((b"a: b\r", b"c: d\r\n\r\n"), True, False),
        ((b"a: b\r\nc\0: d\r\n\r\n",), False, True),
        ((b"a: b\r",), True, False),
        ((b"a: b",), False, False),
    ],
)
def test_the_header_of_a_binary_message_is_text(pieces: tuple[bytes, ...], bare: bool, nul: bool) -> None:
    kept, body = read(*pieces, binary=True, convert_bare_cr_lf=True)
    assert kept == b"".join(pieces)  # every octet is kept as it came
    assert (body.bare_cr_lf, body.nul) == (bare, nul)


def test_bare_line_ends_are_converted_where_a_setting_says_so() -> None:
    assert read(b"a\nb\r", b"c\r", b"\nd\r", convert_bare_cr_lf=True)[0] == b"a\r\nb\r\nc\r\nd\r\n"


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b".", b"\0", b"\xff"]), max_size=20), st.data())
def test_any_splitting_gives_the_same(parts: list[bytes], data: st.DataObject) -> None:
    said = b"".join(parts)
    options = {"binary": data.draw(st.booleans())}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]

    def facts(*pieces: bytes) -> object:
        kept, body = read(*pieces, **options)
        return kept, body.octets, body.bare_cr_lf, body.nul, body.eight_bit

    assert facts(*pieces) == facts(said)
