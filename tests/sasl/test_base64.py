"""Strict base64 (RFC 4954 §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import MAX_RESPONSE_OCTETS, BadBase64, decode_base64, encode_base64


@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@given(st.binary(max_size=60))
def test_anything_else_is_refused_and_nothing_is_skipped(line: bytes) -> None:
    try:
        decoded = decode_base64(line)
    except BadBase64:
        return
    assert encode_base64(decoded) == line


@pytest.mark.parametrize(
    "line",
    [b"=AAA", b"AAA=BBB", b"QUJD\n", b"QU JD", b"QUJ", b"*", b"=", b"QQ==QQ==", b"QR==", b"QUI-", b"\xff\xff\xff\xff"],
)
def test_known_bad_lines(line: bytes) -> None:
    with pytest.raises(BadBase64):
        decode_base64(line)


def test_the_limit_is_12288_octets() -> None:
    assert len(decode_base64(b"A" * MAX_RESPONSE_OCTETS)) == MAX_RESPONSE_OCTETS // 4 * 3
    with pytest.raises(BadBase64):
        decode_base64(b"A" * (MAX_RESPONSE_OCTETS + 4))
