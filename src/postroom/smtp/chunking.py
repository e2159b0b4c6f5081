"""Makes BDAT commands of message octets (RFC 3030 §2).

Owns: cutting content of any pieces into chunks of one size. Never: waits; keeps more than one chunk. Raises: nothing.
"""

from .dot_stuffing import LineEnds


class ChunkWriter:
    """`feed` pieces in order, then `finish` once; what comes out is whole chunks, each behind its command."""

    __slots__ = ("_chunk_octets", "_held", "_held_octets", "_lines")

    def __init__(self, chunk_octets: int, *, binary: bool) -> None:
        self._chunk_octets = chunk_octets
        self._lines = None if binary else LineEnds()  # RFC 3030 §2: text has its line ends in chunks too
        self._held: list[bytes] = []
        self._held_octets = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The chunks that are full; at least one octet stays, so that the last chunk has some."""
        self._hold(self._lines.feed(piece) if self._lines is not None else piece)
        if self._held_octets <= self._chunk_octets:
            return []
        octets = b"".join(self._held)
        last = (len(octets) - 1) // self._chunk_octets * self._chunk_octets
        self._held, self._held_octets = [octets[last:]], len(octets) - last
        return [_command(octets[at : at + self._chunk_octets], b"") for at in range(0, last, self._chunk_octets)]

    def finish(self) -> bytes:
        """The last chunk."""
        if self._lines is not None:
            self._hold(self._lines.finish())
        octets, self._held, self._held_octets = b"".join(self._held), [], 0
        return _command(octets, b" LAST")

    def _hold(self, octets: bytes) -> None:
        self._held.append(octets)
        self._held_octets += len(octets)


def _command(octets: bytes, marker: bytes) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(octets), marker, octets)
