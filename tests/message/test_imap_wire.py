"""IMAP's wire form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.addresses import GROUP_END, Address
from postroom.message.imap_wire import addresses, body_and_structure, envelope, nstring, string
from postroom.message.structure import Kind, Part


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (b"", b'""'),
        (b"plain", b'"plain"'),
        (b'a "b" \\', b'"a \\"b\\" \\\\"'),
        (b"tab\there", b'"tab\there"'),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\0b", b"{2}\r\nab"),
    ],
)
def test_strings(value: bytes, wire: bytes) -> None:
    assert string(value) == wire
    assert nstring(value) == wire


def test_nil() -> None:
    assert nstring(None) == b"NIL"
    assert addresses([]) == b"NIL"


def test_addresses() -> None:
    found = [Address(b"A B", None, b"a", b"b"), Address(None, None, b"g", None), GROUP_END]
    assert addresses(found) == b'(("A B" NIL "a" "b")(NIL NIL "g" NIL)(NIL NIL NIL NIL))'


def test_envelope() -> None:
    nil = b"NIL"
    assert envelope(b"d", None, (nil, nil, nil, nil, nil, b"(x)"), b"", b"<i>") == (
        b'("d" NIL NIL NIL NIL NIL NIL (x) "" "<i>")'
    )


@given(st.binary())
def test_a_string_reads_back(value: bytes) -> None:
    wire = string(value)
    if wire.startswith(b'"'):
        inner = wire[1:-1]
        assert b"\n" not in inner
        assert inner.isascii()
        assert inner.replace(b"\\\\", b"\0").replace(b'\\"', b'"').replace(b"\0", b"\\") == value
    else:
        size, _, text = wire[1:].partition(b"}\r\n")
        assert int(size) == len(text)
        assert text == value.replace(b"\0", b"")


def _leaf(**fields: object) -> Part:
    part = Part(0, body_start=10, body_end=30, lines=3)
    for name, value in fields.items():
        setattr(part, name, value)
    return part


def test_a_text_part() -> None:
    body, structure = body_and_structure(_leaf(params=[(b"charset", b"utf-8")], description=b"d"))
    assert body == b'("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 20 3)'
    assert structure == body[:-1] + b" NIL NIL NIL NIL)"


def test_every_extension_field() -> None:
    part = _leaf(
        type=b"image",
        subtype=b"png",
        is_text=False,
        encoding=b"base64",
        content_id=b"<i>",
        md5=b"m",
        disposition=(b"attachment", [(b"filename", b"f")]),
        language=[b"de", b"en"],
        location=b"l",
    )
    assert body_and_structure(part)[1] == (
        b'("image" "png" NIL "<i>" NIL "base64" 20 "m" ("attachment" ("filename" "f")) ("de" "en") "l")'
    )
    part.language = [b"de"]
    part.disposition = (b"inline", [])
    assert body_and_structure(part)[1].endswith(b'"m" ("inline" NIL) "de" "l")')


def test_a_multipart() -> None:
    part = _leaf(kind=Kind.MULTIPART, type=b"multipart", subtype=b"mixed", params=[(b"boundary", b"b")])
    part.children = [_leaf(), _leaf()]
    leaf = b'("text" "plain" NIL NIL NIL "7bit" 20 3'
    body, structure = body_and_structure(part)
    assert body == b"(" + (leaf + b")") * 2 + b' "mixed")'
    assert structure == b"(" + (leaf + b" NIL NIL NIL NIL)") * 2 + b' "mixed" ("boundary" "b") NIL NIL NIL)'


def test_a_multipart_without_parts_shows_one() -> None:
    body, structure = body_and_structure(_leaf(kind=Kind.MULTIPART, subtype=b"mixed"))
    assert body == b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed")'
    assert structure.startswith(
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "mixed" NIL'
    )


def test_a_message_inside() -> None:
    part = _leaf(kind=Kind.MESSAGE, type=b"message", subtype=b"rfc822", is_text=False, envelope=b"(ENV)")
    part.children = [_leaf()]
    assert body_and_structure(part)[0] == (
        b'("message" "rfc822" NIL NIL NIL "7bit" 20 (ENV) ("text" "plain" NIL NIL NIL "7bit" 20 3) 3)'
    )
