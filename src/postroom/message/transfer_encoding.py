"""Putting a Content-Transfer-Encoding on, while the octets pass (RFC 2045 §6).

Owns: the encoders, in bounded memory, and the header field that names them. Never: knows messages, chooses an encoding.
Raises: nothing.
"""

import re
from binascii import b2a_base64
from typing import Literal, Protocol

EncodingName = Literal["base64", "quoted-printable"]

_LINE = 57  # octets that make a line of 76 (RFC 2045 §6.8)
_MAX_HELD_OCTETS = 65_536  # of a line that goes on
_QP_LINE = 76  # RFC 2045 §6.7 (5)
_ESCAPED = re.compile(rb"[^\t\r\n -<>-~]+|[ \t](?=\r\n|\Z)")  # RFC 2045 §6.7 (1) to (3)
_FIELD = re.compile(rb"^Content-Transfer-Encoding[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_MIME_VERSION = re.compile(rb"^MIME-Version[ \t]*:", re.IGNORECASE | re.MULTILINE)


class Encoder(Protocol):
    """Feed it octets in pieces, any pieces; `finish` gives what was held back."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def transfer_encoder(encoding: EncodingName) -> Encoder:
    """An encoder for one part."""
    return Base64Encoder() if encoding == "base64" else QuotedPrintableEncoder()


class Base64Encoder:
    """RFC 2045 §6.8; no line end behind the last line."""

    def __init__(self) -> None:
        self._rest = b""  # of a line
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) // _LINE * _LINE
        self._rest = data[whole:]
        return self._lines(data[:whole])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._lines(rest)

    def _lines(self, data: bytes) -> bytes:
        if not data:
            return b""
        lines = [b2a_base64(data[at : at + _LINE], newline=False) for at in range(0, len(data), _LINE)]
        lead = b"\r\n" if self._begun else b""
        self._begun = True
        return lead + b"\r\n".join(lines)


def base64_size(octets: int) -> int:
    """What Base64Encoder makes of that many octets."""
    lines = -(-octets // _LINE)
    return -(-octets // 3) * 4 + 2 * max(lines - 1, 0)


class QuotedPrintableEncoder:
    """RFC 2045 §6.7, for text whose lines end with CRLF and that holds no other CR or LF."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a line

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        cut = data.rfind(b"\r\n") + 2
        if cut > 1:
            self._rest = data[cut:]
            return _quoted(data[:cut])
        if len(data) <= _MAX_HELD_OCTETS:
            self._rest = data
            return b""
        cut = len(data) - data.endswith(b"\r")
        self._rest = data[cut:]
        return _quoted(data[:cut], goes_on=True)

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _quoted(rest)


def _quoted(data: bytes, *, goes_on: bool = False) -> bytes:
    """`data` quoted; a last line that goes on gets a soft line break."""
    lines = _ESCAPED.sub(lambda found: b"".join([b"=%02X" % octet for octet in found[0]]), data).split(b"\r\n")
    last = _softly_broken(lines.pop(), _QP_LINE - goes_on) + (b"=\r\n" if goes_on else b"")
    whole = [_softly_broken(line, _QP_LINE) if len(line) > _QP_LINE else line for line in lines]
    return b"\r\n".join([*whole, last])


def _softly_broken(line: bytes, room: int) -> bytes:
    """In lines that fit, the last one into `room`."""
    pieces: list[bytes] = []
    at = 0
    while len(line) - at > room:
        end = at + _QP_LINE - 1
        escape = line.rfind(b"=", end - 2, end)  # not to be broken
        end = escape if escape >= 0 else end
        pieces.append(line[at:end])
        at = end
    return b"=\r\n".join([*pieces, line[at:]])


def with_encoding(header: bytes, encoding: bytes, *, is_message: bool, missing: bytes = b"") -> bytes:
    """A header (with its empty line) that says `encoding`; fields that are missing go in front of the empty line."""
    field = b"Content-Transfer-Encoding: %b\r\n" % encoding
    found = _FIELD.search(header)
    if found is None:
        missing += field
    else:
        header = header[: found.start()] + field + _FIELD.sub(b"", header[found.end() :])
    if is_message and not _MIME_VERSION.search(header):  # RFC 2045 §4
        missing = b"MIME-Version: 1.0\r\n" + missing
    empty = len(header) - (2 if header.endswith(b"\r\n") else 1)
    return header[:empty] + missing + header[empty:] if missing else header
