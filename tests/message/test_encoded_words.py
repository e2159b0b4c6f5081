"""RFC 2047."""

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.encoded_words import decode_field, decode_words, encode_text


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        # RFC 2047 §8
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
        ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),  # RFC 2231 §5
        ("=?utf-8?q?J=C3=BCrgen?= x", "Jürgen x"),
        ("=?utf-8?b?w?= =?utf-8?b?w7w=?=", "ü"),  # a damaged word beside a good one
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),  # a character cut in two
        ("=?x-never?q?a?=", "=?x-never?q?a?="),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("no words = ? here", "no words = ? here"),
        ("=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),  # no new line can be smuggled in
    ],
)
def test_decoding(encoded: str, text: str) -> None:
    assert decode_words(encoded) == text


def test_raw_utf8_beside_words() -> None:
    assert decode_field("naïve =?utf-8?q?caf=C3=A9?=".encode()) == "naïve café"
    assert decode_field(b"caf\xe9") == "café"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_what_is_encoded_decodes_here_and_elsewhere(text: str) -> None:
    encoded = encode_text(text)
    assert encoded.isascii()
    assert decode_words(encoded) == text
    if text:
        assert all(len(word) <= 75 for word in encoded.split(" ")) or encoded == text
        if encoded != text:
            assert str(make_header(decode_header(encoded))) == text


@given(st.text(alphabet="=?utf-8qQbB_ \t\r\n*'AZ\xe9"))
def test_junk_never_raises(text: str) -> None:
    decode_words(text)


@given(st.binary())
def test_octets_never_raise(octets: bytes) -> None:
    decode_field(octets)


def test_a_hostile_field_is_not_slow() -> None:
    for junk in ("=?", "=?a*", "=?a?q?", "?= ", "=?a?q?b?= "):
        decode_words(junk * 60_000)
