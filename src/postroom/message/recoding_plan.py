"""How a message is made anew with some of its parts encoded, whoever decides which.

Owns: what is known of a stretch of octets, the new message as segments while it grows, its octets from those. Never:
decides what is encoded (recoding.py does for servers, binary_parts.py for mailboxes), reads: a plan asks for octets.
Raises: nothing.
"""

from collections.abc import Generator
from dataclasses import dataclass

from .long_lines import LongLines
from .parts import PartNode
from .transfer_encoding import EncodingName, base64_size, transfer_encoder

IDENTITY = (b"7bit", b"8bit", b"binary")  # encodings that change nothing (RFC 2045 §6.2)
_PIECE = 262_144
_HIGH = bytes(range(128, 256))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Octets of the message from `start` to `end`, to be sent into the generator."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Octets of the message, as they are."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """Octets of the message, to be encoded."""

    start: int
    end: int
    encoding: EncodingName


Segment = bytes | Kept | Encoded  # octets: to be put in


@dataclass(frozen=True, slots=True)
class Recoding:
    """The new message, in order, and how long it is."""

    segments: tuple[Segment, ...]
    size: int


class Measure:
    """What some octets need of a server. `feed` pieces, then `finish`."""

    def __init__(self) -> None:
        self.high = 0  # octets over 127
        self.octets = 0
        self.nul = False
        self.lined = True  # no CR, LF but at the end of a line, and no NUL
        self._lines = LongLines()
        self._held_cr = False

    def feed(self, piece: bytes) -> None:
        self.octets += len(piece)
        if not piece.isascii():
            self.high += len(piece) - len(piece.translate(None, _HIGH))
        if b"\0" in piece:
            self.nul, self.lined = True, False
        self._lines.feed(piece)
        if self._held_cr:
            piece = b"\r" + piece
        self._held_cr = piece.endswith(b"\r")
        pairs = piece.count(b"\r\n")
        if pairs != piece.count(b"\n") or pairs != piece.count(b"\r") - self._held_cr:
            self.lined = False

    def finish(self) -> "Measure":
        self.lined = self.lined and not self._held_cr
        return self

    def fits(self, *, eight_bit: bool) -> bool:
        return self.lined and not self._lines.found and (eight_bit or not self.high)

    def best_encoding(self, *, text: bool) -> EncodingName:
        """RFC 2045 §6.7: quoted-printable for what stays readable by it, unless base64 is shorter."""
        return "quoted-printable" if text and self.lined and self.high * 6 <= self.octets else "base64"


class Plan:
    """The new message as it grows: `keep`, `replace` and `encode` what is next, then take `recoding`."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.at = 0  # of the message, up to where it is planned
        self.size = 0  # of the new message so far

    @property
    def recoding(self) -> Recoding:
        return Recoding(tuple(self.segments), self.size)

    def keep(self, end: int) -> None:
        """What there is up to `end`, as it is."""
        if end > self.at:
            self.segments.append(Kept(self.at, end))
            self.size += end - self.at
        self.at = end

    def replace(self, start: int, end: int, octets: bytes) -> None:
        """These octets, in place of what is from `start` to `end`."""
        self.keep(start)
        self.segments.append(octets)
        self.size += len(octets)
        self.at = end

    def encode(self, node: PartNode, encoding: EncodingName, octets: int) -> Generator[Wanted, bytes, None]:
        """The body of a leaf, of so many octets, encoded."""
        self.keep(node.body_start)
        self.segments.append(Encoded(node.body_start, node.body_end, encoding))
        self.at = node.body_end
        if encoding == "base64":
            self.size += base64_size(octets)
            return
        encoder = transfer_encoder(encoding)
        for start in range(node.body_start, node.body_end, _PIECE):
            self.size += len(encoder.feed((yield Wanted(start, min(start + _PIECE, node.body_end)))))
        self.size += len(encoder.finish())

    def measured(self, start: int, end: int) -> Generator[Wanted, bytes, Measure]:
        """What is known of these octets."""
        measure = Measure()
        for at in range(start, end, _PIECE):
            measure.feed((yield Wanted(at, min(at + _PIECE, end))))
        return measure.finish()
