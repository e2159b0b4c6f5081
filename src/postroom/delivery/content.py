"""A queued message's octets, in pieces, and what has to be known of them before they are sent.

Owns: reading from the queue in bounded pieces. Never: holds more than a header. Raises: QueueError.
"""

from collections.abc import AsyncGenerator

from postroom.queue import Queue, QueuedMessage

_PIECE_OCTETS = 262_144
_MAX_HEADER_OCTETS = 1 << 20


class QueuedContent:
    """Trace lines and content of one queued message."""

    def __init__(self, queue: Queue, message: QueuedMessage) -> None:
        self._queue = queue
        self._message = message
        self.size = message.size

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The octets in order. Raises QueueError when they can't be read to the end."""
        at, size = 0, self.size - len(self._message.lead)
        if self._message.lead:
            yield self._message.lead
        while at < size:
            piece = await self._queue.read(self._message.message_id, at, min(size, at + _PIECE_OCTETS))
            if not piece:
                raise EOFError(f"{self._message.message_id}: content ends at {at} of {size}")
            at += len(piece)
            yield piece

    async def has_8bit(self) -> bool:
        """The envelope may say BODY=8BITMIME of a message that does not need it; only octets decide."""
        if not self._message.envelope.body_8bit and not self._message.envelope.smtputf8:
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

    async def whole(self) -> bytes:
        """All octets; only for messages known to be small."""
        return self._message.lead + await self._queue.read(self._message.message_id, 0, self.size)
