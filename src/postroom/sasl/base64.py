"""The strict base64 of SASL exchanges: anything outside RFC 4648 §4 is refused, never skipped.

Owns: decoding and encoding of one challenge or response. Never: knows "*" or "=" (each protocol does).
Raises: BadBase64.
"""

import binascii

from .settings import MAX_RESPONSE_OCTETS


class BadBase64(ValueError):
    """The peer's line is not base64, or longer than an exchange may be."""


def decode_base64(line: bytes, limit: int = MAX_RESPONSE_OCTETS) -> bytes:
    """The octets that `line` (without its CRLF) stands for."""
    if len(line) > limit:  # RFC 4954 §4: 12288 octets
        raise BadBase64(f"{len(line)} octets are more than the {limit} allowed")
    try:
        # RFC 4954 §4: reject, not ignore, any character outside the alphabet and "=" anywhere but at the end
        decoded = binascii.a2b_base64(line, strict_mode=True) if line else b""
    except binascii.Error as error:
        raise BadBase64(str(error)) from error
    if binascii.b2a_base64(decoded, newline=False) != line:  # RFC 4648 §3.5: pad bits that are not zero
        raise BadBase64("not the canonical encoding")
    return decoded


def encode_base64(data: bytes) -> bytes:
    """`data` as one line without a line end."""
    return binascii.b2a_base64(data, newline=False)
