"""Messages of mbox files.

Owns: reading a stream through the splitter, a piece at a time. Never: holds a large message. Raises: OSError.
"""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from postroom.message.line_ends import CrlfStream, crlf
from postroom.message.mbox import MboxSplitter, Piece, from_line_date, take_status

from .types import FoundMessage

_HEAD = 4096
_BOOKKEEPING = "bookkeeping of the mbox, no mail"
_REMOVED = "deleted in Thunderbird, where the folder was not compacted since"
_NO_FROM = 'no line "From …" before it: not a message of an mbox'


def is_mbox(path: str) -> bool:
    """Whether the file begins as an mbox does. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(_HEAD).lstrip(b"\r\n").startswith(b"From ")


def mbox_messages(stream: BinaryIO, label: str, read_octets: int) -> Iterator[FoundMessage]:
    """All of them, in their order."""
    pieces = _pieces(stream, read_octets)
    for piece in pieces:
        content, flags, removed, bookkeeping = take_status(piece.data)
        if piece.last:
            rest: Iterator[bytes] = iter(())
            octets: Iterator[bytes] = iter((crlf(content),))
        else:
            lines = CrlfStream()
            rest = _rest(pieces, lines)
            octets = chain((lines.feed(content),), rest)
        yield FoundMessage(
            place=f"{label}, octet {piece.offset}",
            key=f"{piece.offset:012x}",
            salt=b"",
            position=piece.offset + len(piece.data),
            pieces=octets,
            flags=flags,
            date=from_line_date(piece.from_line),
            left_out=_REMOVED if removed else _BOOKKEEPING if bookkeeping else "",
            refused="" if piece.from_line else _NO_FROM,
        )
        for _ in rest:
            pass  # nobody wanted it


def _pieces(stream: BinaryIO, read_octets: int) -> Iterator[Piece]:
    splitter = MboxSplitter(read_octets)
    while data := stream.read(read_octets):
        yield from splitter.feed(data)
    yield from splitter.finish()


def _rest(pieces: Iterator[Piece], lines: CrlfStream) -> Iterator[bytes]:
    """The octets of the message that has begun; after its end, none."""
    for piece in pieces:
        yield lines.feed(piece.data)
        if piece.last:
            return
