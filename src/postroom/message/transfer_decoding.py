"""Undoing a Content-Transfer-Encoding while the octets pass (RFC 2045 §6).

Owns: the decoders, in bounded memory. Never: knows parts or messages. Raises: nothing; of damaged octets is kept what
can be told.
"""

from binascii import a2b_base64
from typing import Protocol

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _ALPHABET)
_BLANK = b" \t"
_HEX = b"0123456789ABCDEFabcdef"
_QP = {bytes((high, low)): bytes((int(bytes((high, low)), 16),)) for high in _HEX for low in _HEX}
_MAX_BLANKS = 1000  # at the end of a line; longer runs are taken for content


class Decoder(Protocol):
    """Feed it the encoded octets in pieces, any pieces; `finish` gives what was held back."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def transfer_decoder(encoding: bytes) -> Decoder | None:
    """For an encoding in lower case; None when it is none of RFC 2045's."""
    if encoding in (b"7bit", b"8bit", b"binary"):
        return Identity()
    if encoding == b"base64":
        return Base64()
    return QuotedPrintable() if encoding == b"quoted-printable" else None


class Identity:
    """7bit, 8bit, binary (RFC 2045 §6.2)."""

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class Base64:
    """RFC 2045 §6.8: what is not of the alphabet is skipped, padding where it may stand ends the data."""

    def __init__(self) -> None:
        self._rest = b""  # of a quantum of four
        self._pads = 0  # right behind it
        self._over = False

    def feed(self, data: bytes) -> bytes:
        if self._over:
            return b""
        data = data.translate(None, _NOT_BASE64)
        if self._pads or b"=" in data:
            data = self._without_padding(data)
        data = self._rest + data
        whole = len(data) // 4 * 4
        self._rest = data[whole:]
        return a2b_base64(data[:whole])

    def _without_padding(self, data: bytes) -> bytes:
        kept: list[bytes] = []
        place = len(self._rest)  # in the quantum
        for at, piece in enumerate(data.split(b"=")):
            if at and place >= 2:
                self._pads += 1
                if place + self._pads >= 4:
                    self._over = True
                    break
            if piece:
                self._pads = 0
                place = (place + len(piece)) % 4
                kept.append(piece)
        return b"".join(kept)

    def finish(self) -> bytes:
        """The last quantum, whether padded or cut off; one symbol alone holds no octet."""
        rest, self._rest = self._rest, b""
        return a2b_base64(rest.ljust(4, b"=")) if len(rest) >= 2 else b""


class QuotedPrintable:
    """RFC 2045 §6.7: a "=" that begins nothing stays, blanks at the end of a line go."""

    def __init__(self) -> None:
        self._rest = b""  # what the next octets may change the meaning of
        self._in_blanks = False  # a run of blanks too long to be held has begun

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        cut = self._settled(data)
        self._rest = data[cut:]
        return self._decode(data[:cut])

    def finish(self) -> bytes:
        """The end of the data is the end of its last line."""
        data = self._rest
        self._rest = b""
        text = data.removesuffix(b"\r")
        bare = text if self._in_blanks else text.rstrip(_BLANK).removesuffix(b"=")
        return self._decode(bare + data[len(text) :])

    def _settled(self, data: bytes) -> int:
        """How much of `data` means the same whatever follows."""
        text = data.removesuffix(b"\r")
        run = text[-_MAX_BLANKS - 1 :]
        blanks = len(run) - len(run.rstrip(_BLANK))
        if blanks > _MAX_BLANKS:
            return len(text)
        end = len(text) - blanks
        if data[end - 1 : end] == b"=":
            return end - 1
        return end - 2 if not blanks and len(text) == len(data) and data[end - 2 : end - 1] == b"=" else end

    def _decode(self, data: bytes) -> bytes:
        if not data:
            return b""
        lead = b""
        if self._in_blanks:
            text = data.lstrip(_BLANK)
            lead, data = data[: len(data) - len(text)], text
        self._in_blanks = (data or lead).endswith((b" ", b"\t"))
        first, *more = _without_blanks(data).split(b"=")
        return lead + first + b"".join([_unescaped(piece) for piece in more])


def _without_blanks(data: bytes) -> bytes:
    """Without the blanks before line ends."""
    if b" \r\n" not in data and b" \n" not in data and b"\t\r\n" not in data and b"\t\n" not in data:
        return data
    lines = data.split(b"\n")
    return b"\n".join([*map(_stripped, lines[:-1]), lines[-1]])


def _stripped(line: bytes) -> bytes:
    text = line.removesuffix(b"\r")
    bare = text.rstrip(_BLANK)
    return line if len(text) - len(bare) > _MAX_BLANKS else bare + line[len(text) :]


def _unescaped(piece: bytes) -> bytes:
    """What follows a "=", decoded with it."""
    octet = _QP.get(piece[:2])
    if octet is not None:
        return octet + piece[2:]
    if piece.startswith(b"\r\n"):  # a soft line break
        return piece[2:]
    return piece[1:] if piece.startswith(b"\n") else b"=" + piece
