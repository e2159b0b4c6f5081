"""Makes message octets fit to follow DATA: transparency, line ends, the final dot.

Owns: RFC 5321 §4.5.2 for a sender, and the repair of line ends, on pieces of any size. Never: waits, keeps more than
two facts between pieces. Raises: nothing.
"""

import re

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class LineEnds:
    """`feed` pieces in order, then `finish` once: text whose lines all end with CRLF, the last one too.

    RFC 5321 §2.3.8: a client must not send CR or LF alone. The next hop may take one for a line end, and with a dot
    behind it for the end of the message; so it becomes a line end here.
    """

    __slots__ = ("_at_line_start", "_held_cr", "repaired")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held_cr = False  # a piece ended in CR: its LF may come with the next
        self.repaired = False  # a bare CR or LF was made a line end

    def feed(self, piece: bytes) -> bytes:
        """`piece` repaired; the last CR may come out with the next piece."""
        if not piece:
            return b""
        if self._held_cr:
            piece = b"\r" + piece
        self._held_cr = piece.endswith(b"\r")
        if self._held_cr:
            piece = piece[:-1]
            if not piece:
                return b""
        pairs = piece.count(b"\r\n")
        if pairs != piece.count(b"\n") or pairs != piece.count(b"\r"):
            piece = _BARE.sub(b"\r\n", piece)
            self.repaired = True
        self._at_line_start = piece.endswith(b"\r\n")
        return piece

    def finish(self) -> bytes:
        """The line end that the text may lack (RFC 5321 §4.1.1.4)."""
        if self._held_cr:
            self._held_cr = False
            self.repaired = True
            return b"\r\n"
        return b"" if self._at_line_start else b"\r\n"


class DotStuffer:
    """`feed` pieces in order, then `finish` once; the results joined are what goes on the wire."""

    __slots__ = ("_at_line_start", "_lines")

    def __init__(self) -> None:
        self._lines = LineEnds()
        self._at_line_start = True

    @property
    def repaired(self) -> bool:
        return self._lines.repaired

    def feed(self, piece: bytes) -> bytes:
        """The wire form of `piece`; the last CR may come out with the next piece."""
        piece = self._lines.feed(piece)  # before the dots are doubled
        if not piece:
            return b""
        stuffed = piece.replace(b"\r\n.", b"\r\n..")  # RFC 5321 §4.5.2
        if self._at_line_start and piece.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = piece.endswith(b"\r\n")
        return stuffed

    def finish(self) -> bytes:
        """What ends the message."""
        return self._lines.finish() + b".\r\n"
