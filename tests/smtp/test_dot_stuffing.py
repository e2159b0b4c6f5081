"""Transparency on the way out."""

import re

from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp import BodyReader, DotStuffer, LineEnds

octets = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\r\n.", b"bc"]), max_size=30).map(
    b"".join
)


def whole(data: bytes) -> bytes:
    stuffer = DotStuffer()
    return stuffer.feed(data) + stuffer.finish()


def test_examples() -> None:
    assert whole(b"") == b".\r\n"
    assert whole(b"a\r\n") == b"a\r\n.\r\n"
    assert whole(b"a") == b"a\r\n.\r\n"
    assert whole(b".\r\n..\r\na.\r\n.b") == b"..\r\n...\r\na.\r\n..b\r\n.\r\n"


def test_what_could_smuggle_becomes_harmless() -> None:
    for end in (b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r\r\n.\r\n"):
        wire = whole(b"a" + end + b"MAIL FROM:<x@y>\r\n")
        assert wire.count(b"\r\n.\r\n") == 1, end
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire)


def test_a_repair_is_noted() -> None:
    for data, repaired in ((b"a\r\nb", False), (b"a\nb", True), (b"a\rb", True), (b"a\r", True)):
        stuffer = DotStuffer()
        stuffer.feed(data)
        stuffer.finish()
        assert stuffer.repaired is repaired


@given(octets, st.data())
def test_any_splitting_gives_the_same(data: bytes, draw: st.DataObject) -> None:
    stuffer = DotStuffer()
    out, rest = b"", data
    while rest:
        cut = draw.draw(st.integers(1, len(rest)))
        out += stuffer.feed(rest[:cut])
        rest = rest[cut:]
    assert out + stuffer.finish() == whole(data)


@given(octets)
def test_a_server_reads_back_what_was_sent(data: bytes) -> None:
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    expected = lines if not lines or lines.endswith(b"\r\n") else lines + b"\r\n"
    reader = BodyReader()
    assert reader.feed(whole(data)) == expected
    assert reader.done


@given(octets)
def test_text_has_whole_lines_only(data: bytes) -> None:
    lines = LineEnds()
    text = lines.feed(data) + lines.finish()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", text)
    assert not text or text.endswith(b"\r\n")
    assert lines.repaired is (re.search(rb"\r(?!\n)|(?<!\r)\n", data) is not None)
