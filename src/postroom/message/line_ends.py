"""Line ends as files have them, and as mail has them.

Owns: making every LF a CRLF in a stream of pieces, and every CRLF an LF. Never: touches a bare CR. Raises: nothing.
"""


class CrlfStream:
    """Feed it pieces, any pieces; the lines of what comes out end with CRLF. Those that did before stay as they are."""

    def __init__(self) -> None:
        self._after_cr = False  # the last octet so far

    def feed(self, piece: bytes) -> bytes:
        """The piece with its lines ended."""
        if not piece:
            return piece
        first = b""
        if self._after_cr and piece[0] == 10:
            first, piece = b"\n", piece[1:]
        self._after_cr = piece.endswith(b"\r")
        return first + crlf(piece)


def crlf(text: bytes) -> bytes:
    """A whole text, likewise."""
    if b"\r\n" in text:
        text = text.replace(b"\r\n", b"\n")
    return text.replace(b"\n", b"\r\n")


class LfStream:
    """The other way: the lines of what comes out end with LF."""

    def __init__(self) -> None:
        self._cr = b""  # one that a LF may follow

    def feed(self, piece: bytes) -> bytes:
        text = self._cr + piece
        self._cr = b"\r" if text.endswith(b"\r") else b""
        return (text[:-1] if self._cr else text).replace(b"\r\n", b"\n")

    def finish(self) -> bytes:
        """A CR that nothing followed."""
        rest, self._cr = self._cr, b""
        return rest
