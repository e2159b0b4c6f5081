"""A queued message's octets, in pieces, and what has to be known of them before they are sent.

Owns: reading from the queue in bounded pieces, as they are or recoded. Never: holds more than a header. Raises:
QueueError; NotRecodable from `recoded`.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

from postroom.message import (
    Encoded,
    Kept,
    MessageSettings,
    NotRecodable,
    PartNode,
    Recoding,
    Scanner,
    index_header,
    parts_of,
    recoding,
    transfer_encoder,
)
from postroom.queue import Queue, QueuedMessage
from postroom.signing import UNSIGNED, Signing

from .resigned import own_signatures, resigned

_PIECE_OCTETS = 262_144
_MAX_HEADER_OCTETS = 1 << 20
_SIGNATURES = (b"dkim-signature", b"arc-message-signature", b"domainkey-signature")
_STRUCTURE = MessageSettings(max_search_text_octets=0, max_preview_source_octets=1024)


class Content(Protocol):
    """What a session sends."""

    @property
    def size(self) -> int: ...

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """The octets in order. Raises QueueError, or EOFError, when they can't be read to the end."""


class QueuedContent:
    """Trace lines and content of one queued message."""

    def __init__(self, queue: Queue, message: QueuedMessage, signing: Signing = UNSIGNED) -> None:
        self._queue = queue
        self._signing = signing
        self._message = message
        self.size = message.size

    def pieces(self) -> AsyncGenerator[bytes, None]:
        return self.between(0, self.size)

    async def between(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The octets from one offset to another, in pieces."""
        at = start
        while at < end:
            piece = await self._read(at, min(end, at + _PIECE_OCTETS))
            at += len(piece)
            yield piece

    async def _read(self, start: int, end: int) -> bytes:
        lead = self._message.lead
        octets = lead[start:end]
        if end > len(lead):
            after = max(start - len(lead), 0)
            octets += await self._queue.read(self._message.message_id, after, end - len(lead))
        if len(octets) < end - start:
            raise EOFError(f"{self._message.message_id}: content ends at {start + len(octets)} of {self.size}")
        return octets

    async def has_8bit(self) -> bool:
        """The envelope may say BODY=8BITMIME of a message that does not need it; only octets decide."""
        envelope = self._message.envelope
        if not (envelope.body_8bit or envelope.smtputf8 or envelope.binary):
            return False
        async for piece in self.pieces():
            if not piece.isascii():
                return True
        return False

    async def header(self) -> bytes:
        """The octets up to and with the blank line; cut at 1 MiB."""
        octets = await self._queue.read(self._message.message_id, 0, 65_536)
        if octets.find(b"\r\n\r\n") < 0 and len(octets) < min(self.size, _MAX_HEADER_OCTETS):
            octets = await self._queue.read(self._message.message_id, 0, _MAX_HEADER_OCTETS)
        end = octets.find(b"\r\n\r\n")
        return self._message.lead + (octets[: end + 4] if end >= 0 else octets)

    async def is_signed(self) -> bool:
        """Its author's, or a forwarder's, server has signed it: octet for octet (RFC 6376 §3.5, RFC 8617 §4.1).

        Signatures of our own do not count: `recoded` makes them anew.
        """
        fields = index_header(await self.header()).by_name
        count = sum(len(fields.get(name, ())) for name in _SIGNATURES)
        return bool(count) and count > (await own_signatures(self, self._signing)).count

    async def whole(self) -> bytes:
        """All octets; only for messages known to be small."""
        return self._message.lead + await self._queue.read(self._message.message_id, 0, self.size)

    async def is_international(self) -> bool:
        """Some header, of the message or of a part, is not ASCII (RFC 6532 §3.2)."""
        if not (await self.header()).isascii():
            return True
        try:
            stack = [await self.structure()]
        except NotRecodable:
            return True  # nobody can tell
        while stack:
            part = stack.pop()
            async for piece in self.between(part.header_start, part.body_start):
                if not piece.isascii():
                    return True
            stack += part.children
        return False

    async def structure(self) -> PartNode:
        """Where its parts lie. Raises NotRecodable when there are too many."""
        scanner = Scanner(_STRUCTURE)
        async for piece in self.pieces():
            scanner.feed(piece)
        return parts_of(scanner.finish().parts, _STRUCTURE.max_parts)

    async def recoded(self, *, eight_bit: bool) -> Content:
        """For a server that takes 8-bit lines but nothing binary, or 7-bit ones; with a signature or an ARC set of ours
        that is on it made anew. Raises NotRecodable."""
        plan = recoding(await self.structure(), self.size, eight_bit=eight_bit)
        try:
            wanted = next(plan)
            while True:
                wanted = plan.send(await self._read(wanted.start, wanted.end))
        except StopIteration as stop:
            return await resigned(self, RecodedContent(self, stop.value), self._signing)


class RecodedContent:
    """A queued message with some of its parts encoded, while it is read."""

    def __init__(self, content: QueuedContent, made: Recoding) -> None:
        self._content = content
        self._segments = made.segments
        self.size = made.size

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        for segment in self._segments:
            match segment:
                case Kept(start, end):
                    async for piece in self._content.between(start, end):
                        yield piece
                case Encoded(start, end, encoding):
                    encoder = transfer_encoder(encoding)
                    async for piece in self._content.between(start, end):
                        yield encoder.feed(piece)
                    yield encoder.finish()
                case octets:
                    yield octets
