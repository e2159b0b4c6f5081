"""Modified UTF-7 (RFC 3501 §5.1.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.utf7 import decode, encode

from .octets import octets


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
        ("R&D", b"R&-D"),
        ("&&", b"&-&-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("", b""),
        ("a\tb", b"a&AAk-b"),
        ("𝒳", b"&2DXcsw-"),
        ("ü&ü", b"&APw-&-&APw-"),
        ("~ x", b"~ x"),
        ("\x7f", b"&AH8-"),
    ],
)
def test_known_names(name: str, raw: bytes) -> None:
    assert encode(name) == raw
    assert decode(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        b"&",
        b"&Jjo",
        b"&Jjo!",
        b"&U,BTFw-&ZeVnLIqe-",  # a superfluous shift: RFC 3501 §5.1.3
        b"&AGE-",  # "a" shifted
        b"a&b",
        b"&AP-",  # leftover octet
        b"&APx-",  # leftover bits
        b"&APw=-",
        b"&2DU-",  # half a surrogate pair
        b"&A-",
        b"a\tb",
        b"a\rb",
        b"\x7f",
        b"\xff",
        b"\xc3",
        b"&AP/-",
    ],
)
def test_wrong_spellings(raw: bytes) -> None:
    with pytest.raises(ValueError):
        decode(raw)


def test_raw_utf8_is_taken_as_it_is() -> None:
    assert decode("Entwürfe & mehr".encode()) == "Entwürfe & mehr"


def test_a_lone_surrogate_does_not_raise() -> None:
    assert encode("a\ud800b") == b"a&AD8-b"


@given(st.text())
def test_every_name_survives(name: str) -> None:
    raw = encode(name)
    assert raw.isascii()
    assert decode(raw) == name


@given(octets(40) | st.text("&-,+/AUtyz09=\r ", max_size=20).map(str.encode))
def test_one_spelling_a_name(raw: bytes) -> None:
    try:
        name = decode(raw)
    except ValueError:
        return
    assert not raw.isascii() or encode(name) == raw
