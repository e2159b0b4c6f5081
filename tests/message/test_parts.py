"""The part map and the section rules of FETCH."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import Scanner
from postroom.message.parts import PartMap, PartNode
from postroom.message.structure import Kind

# The shape of RFC 3501 §6.4.5's example: 1 text, 2 octet-stream, 3 message (3.1 text, 3.2 octet-stream),
# 4 multipart (4.1 gif with its header, 4.2 message (4.2.1 text, 4.2.2 multipart (4.2.2.1, 4.2.2.2))).
EXAMPLE = b"""\
Subject: outer
Content-Type: multipart/mixed; boundary=A

--A

one
--A
Content-Type: application/octet-stream

two
--A
Content-Type: message/rfc822
X-Mime: three

Subject: three
Content-Type: multipart/mixed; boundary=B

--B

three-one
--B
Content-Type: application/octet-stream

three-two
--B--
--A
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: image/gif

four-one
--C
Content-Type: message/rfc822

Subject: four-two
Content-Type: multipart/mixed; boundary=D

--D
X: 1

four-two-one
--D
Content-Type: multipart/alternative; boundary=E

--E

four-two-two-one
--E
Content-Type: text/richtext

four-two-two-two
--E--
--D--
--C--
--A--
""".replace(b"\n", b"\r\n")


def _map(message: bytes) -> PartMap:
    scanner = Scanner()
    scanner.feed(message)
    return PartMap.unpack(scanner.finish().parts)


def _section(message: bytes, part: tuple[int, ...], text: str = "ALL") -> bytes | None:
    place = _map(message).locate(part, text)
    return message[place[0] : place[1]] if place else None


@pytest.mark.parametrize(
    ("part", "text", "content"),
    [
        ((1,), "ALL", b"one"),
        ((1,), "MIME", b"\r\n"),
        ((2,), "ALL", b"two"),
        ((2,), "MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
        ((3,), "HEADER", b"Subject: three\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"),
        ((3,), "MIME", b"Content-Type: message/rfc822\r\nX-Mime: three\r\n\r\n"),
        ((3, 1), "ALL", b"three-one"),
        ((3, 2), "ALL", b"three-two"),
        ((4, 1), "ALL", b"four-one"),
        ((4, 1), "MIME", b"Content-Type: image/gif\r\n\r\n"),
        ((4, 2), "HEADER", b"Subject: four-two\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n"),
        ((4, 2, 1), "ALL", b"four-two-one"),
        ((4, 2, 1), "MIME", b"X: 1\r\n\r\n"),
        ((4, 2, 2, 1), "ALL", b"four-two-two-one"),
        ((4, 2, 2, 2), "ALL", b"four-two-two-two"),
        ((), "HEADER", b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n"),
        # what is not there
        ((), "MIME", None),
        ((0,), "ALL", None),
        ((5,), "ALL", None),
        ((1, 1), "ALL", None),
        ((1,), "HEADER", None),
        ((1,), "TEXT", None),
        ((4,), "HEADER", None),
        ((4, 2, 3), "ALL", None),
        ((3, 1, 1), "MIME", None),
    ],
)
def test_sections(part: tuple[int, ...], text: str, content: bytes | None) -> None:
    assert _section(EXAMPLE, part, text) == content


def test_whole_sections() -> None:
    header = _section(EXAMPLE, (), "HEADER")
    text = _section(EXAMPLE, (), "TEXT")
    assert header is not None
    assert text is not None
    assert _section(EXAMPLE, ()) == header + text == EXAMPLE
    inner_header, inner_text = _section(EXAMPLE, (3,), "HEADER"), _section(EXAMPLE, (3,), "TEXT")
    assert inner_header is not None
    assert inner_text is not None
    assert _section(EXAMPLE, (3,)) == inner_header + inner_text


def test_part_one_of_a_message_without_parts() -> None:
    message = b"Subject: x\r\n\r\nbody\r\n"
    assert _section(message, (1,)) == b"body\r\n"
    assert _section(message, (1,), "MIME") == b"Subject: x\r\n\r\n"
    assert _section(message, (), "TEXT") == b"body\r\n"
    assert _section(message, (1,), "TEXT") is None
    assert _section(message, (2,)) is None
    assert _section(message, (1, 1)) is None


def test_part_one_of_a_message_that_is_a_message() -> None:
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n"
    assert _section(message, (1,)) == b"Subject: in\r\n\r\nbody\r\n"
    assert _section(message, (1,), "HEADER") == b"Subject: in\r\n\r\n"
    assert _section(message, (1,), "TEXT") == b"body\r\n"
    assert _section(message, (1, 1)) == b"body\r\n"
    assert _section(message, (1, 1, 1)) is None


def test_encodings_are_kept() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Transfer-Encoding: BASE64\r\n\r\n\r\n--b\r\nContent-Transfer-Encoding: x-own\r\n\r\n\r\n--b--"
    )
    assert [child.encoding for child in _map(message).root.children] == [b"base64", b""]


def test_large_offsets() -> None:
    root = PartNode(Kind.MULTIPART, b"7bit", 0, 10, 1 << 40, [PartNode(Kind.LEAF, b"8bit", 20, 30, 1 << 39)])
    assert PartMap.unpack(PartMap(root).pack()) == PartMap(root)


@pytest.mark.parametrize("packed", [b"", b"\1", b"\2\4", b"\1\4", b"\1\4abc", b"\1\5" + bytes(20), bytes(22)])
def test_damage_is_noticed(packed: bytes) -> None:
    with pytest.raises(ValueError):
        PartMap.unpack(packed)


@given(st.binary(max_size=100))
def test_damage_raises_nothing_else(packed: bytes) -> None:
    try:
        PartMap.unpack(b"\1\4" + packed)
    except ValueError:
        pass


_NODES = st.recursive(
    st.builds(
        PartNode,
        st.just(Kind.LEAF),
        st.sampled_from([b"7bit", b"base64", b""]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    lambda nodes: st.builds(
        PartNode,
        st.just(Kind.MULTIPART),
        st.just(b"7bit"),
        st.just(0),
        st.just(1),
        st.just(2),
        st.lists(nodes, max_size=3),
    ),
    max_leaves=10,
)


@given(_NODES)
def test_round_trip(root: PartNode) -> None:
    assert PartMap.unpack(PartMap(root).pack()) == PartMap(root)


@given(st.lists(st.integers(0, 5), max_size=6).map(tuple), st.sampled_from(["ALL", "HEADER", "TEXT", "MIME"]))
def test_any_section_number_is_answered(part: tuple[int, ...], text: str) -> None:
    place = _map(EXAMPLE).locate(part, text)
    assert place is None or 0 <= place[0] <= place[1] <= len(EXAMPLE)
