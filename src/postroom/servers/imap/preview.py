"""PREVIEW (RFC 8970): the first words of a message's text.

Owns: its column. Never: chooses the words (message.preview does, when a message is stored). Raises: StoreError,
EndOfSession.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from postroom.imap import encode
from postroom.imap.types import Preview
from postroom.message import Scanner
from postroom.store.api import Account, Stored, Want

from .columns import NIL, Column, Later, Value, Values
from .rows import Rows
from .sections import Octets, pieces
from .selected import SelectedMailbox
from .session import Session


@lru_cache
def column(item: Preview, utf8: bool) -> Column:
    """The column of PREVIEW; `utf8`: the client reads UTF-8 in quoted strings."""

    def values(selected: SelectedMailbox, rows: Rows, stored: Sequence[Stored]) -> Values:
        return [_value(item, utf8, one) for one in stored]

    return Column(b"PREVIEW %b", values, Want.PREVIEW)


def _value(item: Preview, utf8: bool, stored: Stored) -> Value:
    if stored.preview is not None:
        return _string(stored.preview, utf8)
    if item.lazy:  # RFC 8970 §4.1
        return NIL
    return Unread(Octets(stored.content_id, 0, stored.size), stored.prefix_len)


def _string(preview: str, utf8: bool) -> bytes:
    if utf8:
        return encode.utf8_string(preview)
    return encode.string(preview.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Unread(Later):
    """A message that was stored before previews were kept: it is read for its text, as far as that is near."""

    octets: Octets
    prefix_len: int

    async def send(self, session: Session, account: Account, shape: bytes) -> None:
        settings, octets = session.settings, self.octets
        end = min(octets.end, self.prefix_len + settings.max_preview_read_octets)  # RFC 8970 §8
        scanner = Scanner()
        async for piece in pieces(
            account, Octets(octets.content_id, self.prefix_len, end), settings.output_piece_octets
        ):
            scanner.feed(piece)
        await session.emit(shape % _string(scanner.finish().preview, session.utf8))
