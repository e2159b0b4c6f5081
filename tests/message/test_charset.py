"""Octets to text."""

import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.charset import decode_text, decode_unlabelled, is_known, python_codec


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"caf\xe9", "iso-8859-1", "café"),
        (b"caf\xc3\xa9", "UTF-8", "café"),
        (b"caf\xc3\xa9", '"utf-8"', "café"),
        (b"\xc8\xcb", "gb2312", "人"),
        (b"\x1b$B%F\x1b(B", "iso-2022-jp", "テ"),
        (b"a\xffb", "utf-8", "a\ufffdb"),
        (b"plain", "x-never-heard-of", "plain"),
        (b"caf\xe9", "x-never-heard-of", "café"),
        (b"caf\xc3\xa9", "us-ascii", "café"),
        (b"68656c6c6f", "hex", "68656c6c6f"),  # a codec of Python's, but no charset
        (b"xn--a", "idna", "xn--a"),
    ],
)
def test_decoding(octets: bytes, charset: str, text: str) -> None:
    assert decode_text(octets, charset) == text


def test_what_is_known() -> None:
    assert is_known("koi8-r")
    assert is_known("Windows-1252")
    assert not is_known("rot13")
    assert not is_known("a\0b")
    assert not is_known("ü")


def test_unlabelled_text_is_utf8_or_windows_1252() -> None:
    assert decode_unlabelled("naïve".encode()) == "naïve"
    assert decode_unlabelled(b"\x80 5") == "€ 5"


@given(st.binary(), st.sampled_from(["utf-16", "utf-32", "utf-7", "iso-2022-jp", "hz", "punycode", "big5", "x", ""]))
def test_nothing_raises(octets: bytes, charset: str) -> None:
    decode_text(octets, charset)


@given(st.text())
def test_no_charset_name_raises(charset: str) -> None:
    decode_text(b"a\xff", charset)


def test_unknown_charsets_leave_no_trace_in_memory() -> None:
    """codecs.lookup would remember every miss for ever, and peers choose the names."""
    before = len(encodings._cache)
    for number in range(100):
        assert decode_text(b"caf\xc3\xa9", f"x-nobody-knows-{number}") == "café"
    assert len(encodings._cache) == before


@pytest.mark.parametrize("name", ["UTF-8", "utf8", "ISO_8859-1:1987", "Shift_JIS", "windows-1251", "koi8-u", "ASCII"])
def test_registered_names_are_known(name: str) -> None:
    assert "x".encode(python_codec(name)).decode(python_codec(name)) == "x"


@pytest.mark.parametrize("name", ["", "hex", "rot13", "punycode", "x-unknown", "ü", "..", "utf-8\0"])
def test_what_is_no_charset_is_not(name: str) -> None:
    assert python_codec(name) == ""
