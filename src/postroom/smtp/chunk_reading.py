"""The message that comes by BDAT: the command's arguments, and the content of all its chunks (RFC 3030).

Owns: counting the octets of a chunk; what a text message may hold across the bounds of chunks, and the header of a
binary one. Never: looks for an end in the content (the count alone says where it is), keeps more than one octet of it.
Raises: nothing.
"""

import re

from postroom.message import LongLines

_ARGUMENT = re.compile(rb"(\d{1,20})(?: +(LAST))?", re.IGNORECASE)  # RFC 3030 §2
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_HEADER_END = b"\r\n\r\n"


class Chunk:
    """One BDAT command, while its octets arrive."""

    __slots__ = ("last", "left", "size")

    def __init__(self, size: int, last: bool) -> None:
        self.size = size
        self.left = size
        self.last = last


def parse_chunk(argument: bytes) -> Chunk | None:
    """What follows BDAT; None when it does not say how many octets follow it."""
    found = _ARGUMENT.fullmatch(argument)
    return Chunk(int(found[1]), found[2] is not None) if found is not None else None


class ChunkedBody:
    """The content of a message's chunks. `feed` gives the octets to keep, `finish` the last of them.

    In a text message a bare CR or LF is noted, as one server's line end is another's text (SMTP smuggling). In a
    binary one (RFC 3030 §3) this holds for the header: it is text in every message (RFC 2045 §6.2 is about bodies).
    """

    __slots__ = ("_held", "_lines", "_tail", "_text", "bare_cr_lf", "converts", "eight_bit", "nul", "octets")

    def __init__(self, *, binary: bool = False, convert_bare_cr_lf: bool = False) -> None:
        self.converts = convert_bare_cr_lf and not binary
        self._text = not binary
        self._tail: bytes | None = b"\r\n" if binary else None  # of a binary message's header; None: the body is here
        self._held = b""  # a CR that may be half of a CRLF
        self._lines = LongLines()
        self.octets = 0  # received so far
        self.bare_cr_lf = False
        self.nul = False
        self.eight_bit = False

    @property
    def long_lines(self) -> bool:
        """There is a line that is longer than mail may have; binary mail has no lines."""
        return self._lines.found

    def feed(self, data: bytes) -> bytes:
        """The next octets."""
        self.octets += len(data)
        if not self.eight_bit and not data.isascii():
            self.eight_bit = True
        if self._text:
            return self._as_text(data)
        if self._tail is not None and data:
            self._look_at_header(data)
        return data

    def finish(self) -> bytes:
        """There is no more."""
        if self._held or (self._tail is not None and self._tail.endswith(b"\r")):
            self.bare_cr_lf = True
        held, self._held = self._held, b""
        return b"\r\n" if held and self.converts else held

    def _as_text(self, data: bytes) -> bytes:
        data = self._held + data
        self._held = b""
        if data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        self._check(data)
        if self.converts and self.bare_cr_lf:
            data = _ANY_LINE_END.sub(b"\r\n", data)
        self._lines.feed(data)
        return data

    def _look_at_header(self, data: bytes) -> None:
        """An empty line ends it, which may be the first of the message."""
        assert self._tail is not None
        known = len(self._tail)
        data = self._tail + data
        end = data.find(_HEADER_END)
        header = data if end < 0 else data[: end + 4]
        self._tail = data[-3:] if end < 0 else None
        open_end = end < 0 and header.endswith(b"\r")  # its LF may come with the next octets
        # What was looked at before is left out, but for a CR that waited for its LF.
        start = known - 1 if header[known - 1 : known] == b"\r" else known
        self._check(header[start : len(header) - open_end])

    def _check(self, text: bytes) -> None:
        pairs = text.count(b"\r\n")
        if not pairs == text.count(b"\n") == text.count(b"\r"):
            self.bare_cr_lf = True
        if not self.nul and b"\0" in text:
            self.nul = True
