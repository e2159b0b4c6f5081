import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.line_ends import CrlfStream, LfStream, crlf


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb\n", b"a\r\nb\r\n"),
        (b"a\rb", b"a\rb"),
        (b"a\r\r\n\n", b"a\r\r\n\r\n"),
        (b"\n", b"\r\n"),
    ],
)
def test_every_lf_becomes_crlf_and_nothing_else_changes(before: bytes, after: bytes) -> None:
    assert crlf(before) == after
    assert crlf(after) == after


@given(st.lists(st.text("a\r\n", max_size=4).map(str.encode)))
def test_any_splitting_gives_the_same(pieces: list[bytes]) -> None:
    stream = CrlfStream()
    assert b"".join(map(stream.feed, pieces)) == crlf(b"".join(pieces))


@given(st.lists(st.text("a\r\n", max_size=4).map(str.encode)))
def test_lf_is_the_other_way(pieces: list[bytes]) -> None:
    stream = LfStream()
    text = b"".join(pieces)
    assert b"".join(map(stream.feed, pieces)) + stream.finish() == text.replace(b"\r\n", b"\n")
    assert stream.finish() == b""
