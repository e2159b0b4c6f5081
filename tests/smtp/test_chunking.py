"""BDAT commands of any pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp import ChunkWriter

octets = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"bcd", b"\0"]), max_size=40).map(b"".join)


def read_back(wire: bytes) -> tuple[bytes, list[int], bool]:
    """As a server does: the content, the sizes of the chunks, and whether the last one came, as the last."""
    content, sizes, ended = b"", [], False
    while wire:
        assert not ended
        command, wire = wire.split(b"\r\n", 1)
        match = re.fullmatch(rb"BDAT (\d+)( LAST)?", command)
        assert match is not None
        size = int(match[1])
        assert len(wire) >= size
        content, wire = content + wire[:size], wire[size:]
        sizes.append(size)
        ended = match[2] is not None
    return content, sizes, ended


@pytest.mark.parametrize(
    ("content", "sizes"),
    [(b"", [0]), (b"a\r\n", [3]), (b"abcdef\r\n", [8]), (b"abcdefg\r\n", [8, 1]), (b"x" * 15 + b"\r\n", [8, 8, 1])],
)
def test_chunks_are_full_and_the_last_one_has_something(content: bytes, sizes: list[int]) -> None:
    writer = ChunkWriter(8, binary=False)
    wire = b"".join(writer.feed(content)) + writer.finish()
    assert read_back(wire) == (content, sizes, True)


@given(octets, st.booleans(), st.data())
def test_any_splitting_gives_the_same(content: bytes, binary: bool, draw: st.DataObject) -> None:
    whole = ChunkWriter(8, binary=binary)
    expected = b"".join(whole.feed(content)) + whole.finish()
    writer = ChunkWriter(8, binary=binary)
    wire, rest = b"", content
    while rest:
        cut = draw.draw(st.integers(1, len(rest)))
        wire += b"".join(writer.feed(rest[:cut]))
        rest = rest[cut:]
    assert wire + writer.finish() == expected


@given(octets)
def test_binary_comes_through_as_it_is_and_text_with_line_ends(content: bytes) -> None:
    binary = ChunkWriter(8, binary=True)
    assert read_back(b"".join(binary.feed(content)) + binary.finish())[0] == content
    text = ChunkWriter(8, binary=False)
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    expected = lines if not lines or lines.endswith(b"\r\n") else lines + b"\r\n"
    assert read_back(b"".join(text.feed(content)) + text.finish())[0] == expected
