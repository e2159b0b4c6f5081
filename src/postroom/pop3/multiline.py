"""Message octets as the lines of a multi-line response (RFC 1939 §3).

Owns: dot-stuffing, line ends, the lines of TOP. Never: holds more than one octet back. Raises: nothing.
"""

import re

_BARE_LF = re.compile(rb"(?<!\r)\n")
TERMINATOR = b".\r\n"


class DotStuffer:
    """`feed` pieces of a message in order, then `finish`: all that was returned is the response after its first line.

    Any splitting gives the same octets. Bare LF becomes CRLF and a missing last line end is added, since the message
    has to be CRLF lines on this wire (RFC 1939 §11); a bare CR stays.
    """

    __slots__ = ("_at_line_start", "_held")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""  # a CR at the end of the last piece: only the next octet says what it is

    def feed(self, piece: bytes) -> bytes:
        data = self._held + piece if self._held else piece
        if data.endswith(b"\r"):
            self._held = b"\r"
            data = data[:-1]
        else:
            self._held = b""
        return self._stuff(data) if data else b""

    def _stuff(self, data: bytes) -> bytes:
        # A LF at the start of `data` is bare: a CR before it would have been held and put in front of it.
        if data.count(b"\n") != data.count(b"\r\n"):
            data = _BARE_LF.sub(b"\r\n", data)
        starts_line = self._at_line_start
        self._at_line_start = data.endswith(b"\r\n")
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if starts_line and data.startswith(b".") else stuffed

    def finish(self) -> bytes:
        """What is left, and the final ".\""""
        if self._held:
            self._held = b""
            return b"\r\r\n.\r\n"
        return TERMINATOR if self._at_line_start else b"\r\n.\r\n"


def opening(octets: int | None) -> bytes:
    """The first line of a response to RETR, with the size of the message, or to TOP."""
    return b"+OK %d octets\r\n" % octets if octets is not None else b"+OK\r\n"


def stuffed(message: bytes) -> bytes:
    """A whole message as response lines with the final "."."""
    stuffer = DotStuffer()
    return stuffer.feed(message) + stuffer.finish()


class Top:
    """Passes the header and then so many lines of the body (RFC 1939 §7 TOP)."""

    __slots__ = ("_header_left", "_lines_left")

    def __init__(self, header_len: int, lines: int) -> None:
        self._header_left = header_len
        self._lines_left = lines

    @property
    def done(self) -> bool:
        """No octet after those already passed will be."""
        return not self._header_left and not self._lines_left

    def feed(self, piece: bytes) -> bytes:
        """The part of the next piece that belongs to the answer."""
        start = min(self._header_left, len(piece))
        self._header_left -= start
        if self._header_left or start == len(piece):
            return piece
        if not self._lines_left:
            return piece[:start]
        ends = piece.count(b"\n", start)
        if ends < self._lines_left:
            self._lines_left -= ends
            return piece
        after = piece[start:].split(b"\n", self._lines_left)[-1]
        self._lines_left = 0
        return piece[: len(piece) - len(after)]
