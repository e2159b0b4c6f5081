"""Cutting input into lines."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.pop3.lines import BadLine, LineReader


def take_all(reader: LineReader, limit: int) -> list[bytes | BadLine]:
    taken = []
    while (line := reader.take(limit)) is not None:
        taken.append(line)
        if line is BadLine.ENDLESS:
            break
    return taken


PARTS = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"a", b"bcd", b"\0", b"x" * 30]), max_size=20).map(b"".join)


@given(PARTS, st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_any_splitting_gives_the_same_lines(data: bytes, sizes: list[int]) -> None:
    whole, pieces = LineReader(20, 60), LineReader(20, 60)
    whole.feed(data)
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        assert len(pieces._rest) <= 20
    assert take_all(whole, 10) == take_all(pieces, 10)


def test_kinds() -> None:
    reader = LineReader(10, 20)
    reader.feed(b"ok\r\nlf\nc\rr\r\nn\0l\r\n123456789\r\n\r\n")
    assert take_all(reader, 10) == [b"ok", BadLine.BARE, BadLine.BARE, BadLine.BARE, BadLine.TOO_LONG, b""]


def test_the_rest_of_a_long_line_is_no_line() -> None:
    reader = LineReader(10, 40)
    reader.feed(b"x" * 15)
    reader.feed(b"QUIT\r\nnext\r\n")
    assert take_all(reader, 10) == [BadLine.TOO_LONG, b"next"]


def test_clear() -> None:
    reader = LineReader(10, 40)
    reader.feed(b"a\r\n" + b"x" * 15)
    reader.clear()
    reader.feed(b"b\r\n")
    assert take_all(reader, 10) == [b"b"]
