"""Lines that are longer than mail may have (RFC 5322 §2.1.1).

Owns: finding one in a stream of pieces, by looking at few octets of it. Never: keeps any. Raises: nothing.
"""

MAX_LINE_OCTETS = 998  # without CRLF
_ROOM = MAX_LINE_OCTETS + 1  # with the CR: so many stand before the LF at most


class LongLines:
    """`feed` pieces, then ask `found`."""

    __slots__ = ("_room", "found")

    def __init__(self) -> None:
        self._room = _ROOM  # for the rest of the line that has begun
        self.found = False

    def feed(self, piece: bytes) -> None:
        """From one stretch of the longest line to the next: there is no need to see each of its lines."""
        if self.found:
            return
        at, room, size = 0, self._room, len(piece)
        while size - at > room:
            end = piece.rfind(b"\n", at, at + room + 1)
            if end < 0:
                self.found = True
                return
            at, room = end + 1, _ROOM
        last = piece.rfind(b"\n", at)
        self._room = room - (size - at) if last < 0 else _ROOM - (size - last - 1)
        if self._room <= 0 and piece and not piece.endswith(b"\r"):
            self.found = True
