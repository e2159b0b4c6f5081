"""BINARY (RFC 3516): parts of messages with their transfer encoding undone.

Owns: the columns of BINARY[…] and BINARY.SIZE[…]. Never: holds more than a piece of a part that was not read with its
batch. Raises: Refused (UNKNOWN-CTE), StoreError, EndOfSession.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from postroom.imap.types import Binary
from postroom.message import Decoder, transfer_decoder
from postroom.store.api import Account, Stored, Want

from .columns import NIL, Column, Later, Value, Values
from .refusal import no
from .rows import Rows
from .sections import Octets, part_map, pieces
from .selected import SelectedMailbox
from .session import Session


def column(item: Binary) -> Column:
    """The column of a BINARY item."""
    shape = item.label.replace(b"%", b"%%") + b" %b"

    def values(selected: SelectedMailbox, rows: Rows, stored: Sequence[Stored]) -> Values:
        return [_value(item, one) for one in stored]

    return Column(shape, values, Want.WHOLE | Want.PARTS if item.part else Want.WHOLE)


def _value(item: Binary, stored: Stored) -> Value:
    found = _place(item.part, stored)
    if found is None:
        return b"0" if item.size else NIL  # RFC 3516 §4.3: the size matches the other's
    octets, encoding = found
    decoder = _decoder(encoding)
    if stored.whole is None:
        return Encoded(octets, encoding, item)
    decoded = decoder.feed(stored.whole[octets.start : octets.end]) + decoder.finish()
    if item.size:
        return b"%d" % len(decoded)
    if item.partial is not None:
        first, count = item.partial
        decoded = decoded[first : first + count]
    return _announced(len(decoded), b"\0" in decoded) + decoded


def _place(part: tuple[int, ...], stored: Stored) -> tuple[Octets, bytes] | None:
    """Where a part lies, and its encoding. A whole message has none, only its body may."""
    if not part:
        return Octets(stored.content_id, 0, stored.size), b"binary"
    node = part_map(stored.parts).find(part) if stored.parts is not None else None
    if node is None:
        return None
    start, end = stored.prefix_len + node.body_start, stored.prefix_len + node.body_end
    return Octets(stored.content_id, start, end), node.encoding


def _decoder(encoding: bytes) -> Decoder:
    decoder = transfer_decoder(encoding)
    if decoder is None:  # RFC 3516 §4.3
        raise no(b"UNKNOWN-CTE", b"A part has a transfer encoding that can't be undone")
    return decoder


def _announced(octets: int, has_nul: bool) -> bytes:
    """A string before its octets: literal8 only where a NUL calls for it (RFC 3516 §4.3)."""
    if not octets:
        return b'""'
    return (b"~{%d}\r\n" if has_nul else b"{%d}\r\n") % octets


@dataclass(frozen=True, slots=True)
class Encoded(Later):
    """A part still in the store. It is decoded twice: to know its length, and to send it."""

    octets: Octets
    encoding: bytes
    item: Binary

    async def send(self, session: Session, account: Account, shape: bytes) -> None:
        step = session.settings.output_piece_octets
        length, has_nul = 0, False
        async for piece in self._decoded(account, step):
            length += len(piece)
            has_nul = has_nul or b"\0" in piece
        if self.item.size:
            await session.emit(shape % (b"%d" % length))
            return
        await session.emit(shape % _announced(length, has_nul))
        await session.emit_promised(self._decoded(account, step))

    async def _decoded(self, account: Account, step: int) -> AsyncIterator[bytes]:
        """The decoded octets that are asked for; those behind them are not read."""
        decoder = _decoder(self.encoding)
        first, count = self.item.partial or (0, self.octets.end)
        at = 0  # of the decoded octets
        async for piece in pieces(account, self.octets, step):
            decoded = decoder.feed(piece)
            yield decoded[max(first - at, 0) : max(first + count - at, 0)]
            at += len(decoded)
            if at >= first + count:
                return
        yield decoder.finish()[max(first - at, 0) : max(first + count - at, 0)]
