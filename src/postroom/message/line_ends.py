"""Line ends as files have them, and as mail has them.

Owns: making every LF a CRLF in a stream of pieces. Never: touches a bare CR. Raises: nothing.
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
