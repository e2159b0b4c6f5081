"""A connection under raw DEFLATE in both directions (RFC 1951), around another connection.

Owns: what is compressed when, how much is decompressed at once, where the peer's compressed octets end. Never: knows a
mail protocol, keeps more than one piece of decompressed input. Raises: see net.api.Connection, and CorruptInput.

Output is compressed where it is flushed: one write of the session's turn, one sync flush. Small writes share a small
compressor, which remembers the last few kilobytes: the same responses again and again. A large one gets a compressor of
its own, by igzip where there is one (seven times as fast as zlib with the same result, as measured on FETCH responses
and on mail), which is then given back. So an idle connection costs 80 KiB; with zlib's defaults it would be 300, with
one igzip compressor for all 140.

Input is cut where the peer has flushed, so that what follows a command that ends the compression is still as it came.
"""

import asyncio
import ssl
import zlib
from typing import Protocol, cast

from .api import ClientCertificate, Connection, ConnectionEnd, TlsFailed, TlsInfo

_WINDOW_BITS = -15  # raw; a peer may use all of it
_SMALL_WINDOW_BITS, _SMALL_MEMORY = -12, 5
_FLUSHED = b"\0\0\xff\xff"  # the end of a sync flush: an empty stored block
_LATE_OCTETS = 8  # of such an end, that come after what they flush
_SLICE_OCTETS = 8192  # of compressed input, given to the decompressor at once: what is left of them is copied each time
_SLICES_A_TURN = 64


class CorruptInput(ConnectionEnd):
    """What the peer sends is not DEFLATE."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int, /) -> bytes: ...


def _bulk_compressor(level: int) -> _Compressor:
    try:
        from isal import isal_zlib
    except ImportError:  # there are machines that it is not made for
        return zlib.compressobj(level, zlib.DEFLATED, _WINDOW_BITS)
    # igzip has levels 0 to 3; 0 writes the same tables each time, and little else when there is little to say
    return cast(_Compressor, isal_zlib.compressobj(min(level, 3), isal_zlib.DEFLATED, _WINDOW_BITS))


class CompressedConnection:
    """net.api.Connection. `received` are octets that came behind whatever asked for compression.

    Writes of at least `bulk_octets` are compressed by themselves; at most `piece_octets` are decompressed at once.
    """

    def __init__(
        self,
        inner: Connection,
        *,
        level: int = 2,
        bulk_octets: int = 4096,
        piece_octets: int = 65_536,
        received: bytes = b"",
    ) -> None:
        self._inner = inner
        self._level = level
        self._bulk_octets = bulk_octets
        self._piece_octets = piece_octets
        self._outbox: list[bytes] = []
        self._small: _Compressor | None = None
        self._decompressor = zlib.decompressobj(_WINDOW_BITS)
        self._raw = received  # not yet decompressed, from `_at` on
        self._at = 0
        self._held = False  # the decompressor has more to say about what it was given
        self._ending = b""  # the last octets that were decompressed
        self.peer: tuple[str, int] = inner.peer
        self.local: tuple[str, int] = inner.local
        self.tls: TlsInfo | None = inner.tls

    @property
    def idle_timeout(self) -> float:
        return self._inner.idle_timeout

    @idle_timeout.setter
    def idle_timeout(self, seconds: float) -> None:
        self._inner.idle_timeout = seconds

    @property
    def closed(self) -> bool:
        return self._inner.closed

    @property
    def client_certificate(self) -> ClientCertificate | None:
        return self._inner.client_certificate

    def channel_binding(self) -> bytes | None:
        return self._inner.channel_binding()

    # ---- input

    async def receive(self) -> bytes:
        """As described, at most `piece_octets` at once. Raises CorruptInput too."""
        self.flush()
        if self._has_input():  # more of what has been received: many octets can be made of few
            await self._inner.drain()
            await asyncio.sleep(0)
        slices = 0
        while True:
            while self._has_input():
                if data := self._decompress():
                    return data
                slices += 1
                if not slices % _SLICES_A_TURN:
                    await asyncio.sleep(0)
            self._raw, self._at = await self._inner.receive(), 0
            if not self._raw:
                return b""

    def receive_nowait(self) -> bytes:
        while self._has_input():
            if data := self._decompress():
                return data
        self._raw, self._at = self._inner.receive_nowait(), 0
        return self._decompress() if self._raw else b""

    def _has_input(self) -> bool:
        if self._at < len(self._raw):
            return True
        self._raw, self._at = b"", 0
        return self._held or bool(self._decompressor.unused_data)

    def _decompress(self) -> bytes:
        """What the next slice of the input makes; b"" when that is nothing yet."""
        decompressor, most = self._decompressor, self._piece_octets
        if decompressor.eof:
            raise CorruptInput("octets behind the end of the stream")
        if self._held:
            given = decompressor.unconsumed_tail
        else:
            given = self._slice()
        try:
            data = decompressor.decompress(given, most)
        except zlib.error as error:
            raise CorruptInput(str(error)) from error
        # When all that was asked for has come, there may be more without any input left over.
        self._held = not decompressor.eof and (len(data) == most or bool(decompressor.unconsumed_tail))
        return data

    def _slice(self) -> bytes:
        """The next octets of the input, up to the end of a flush."""
        before = self._ending[1:]  # a flush's end may have come in two pieces
        ahead = before + self._raw[self._at : self._at + _SLICE_OCTETS]
        flushed = ahead.find(_FLUSHED)
        if flushed >= 0:
            ahead = ahead[: flushed + len(_FLUSHED)]
        self._ending = ahead[-len(_FLUSHED) :]
        given = ahead[len(before) :]
        self._at += len(given)
        return given

    # ---- output

    def send(self, data: bytes) -> None:
        self._outbox.append(data)

    def flush(self) -> None:
        self._compress()
        self._inner.flush()

    def _compress(self) -> None:
        outbox = self._outbox
        if not outbox:
            return
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        if not data or self._inner.closed:
            return
        if len(data) >= self._bulk_octets:
            compressor = _bulk_compressor(self._level)
            self._small = None  # what it remembers is no longer what was sent last
        else:
            if self._small is None:
                self._small = zlib.compressobj(self._level, zlib.DEFLATED, _SMALL_WINDOW_BITS, _SMALL_MEMORY)
            compressor = self._small
        self._inner.send(compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))

    async def drain(self) -> None:
        self._compress()
        await self._inner.drain()

    # ---- the end

    def unwrap(self) -> tuple[Connection, bytes]:
        """Compress what was sent, and stop. The connection within, and what came behind the compressed octets.

        The last octets that `receive` returned have to be the last that the peer has compressed. It may have ended its
        stream or flushed it. Raises CorruptInput when it has compressed more.
        """
        self.flush()
        if self._held:
            raise CorruptInput("compressed octets behind the end")
        rest = self._decompressor.unused_data + self._raw[self._at :]
        if not self._decompressor.eof and self._ending != _FLUSHED:
            # The flush may have been cut in two on its way: its end makes nothing, and is not the peer's next words.
            before = self._ending[1:]
            flushed = (before + rest[:_LATE_OCTETS]).find(_FLUSHED)
            if flushed >= 0:
                rest = rest[flushed + len(_FLUSHED) - len(before) :]
        self._raw, self._at = b"", 0
        return self._inner, rest

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Not under compression, which has to come first when octets are sent (RFC 4978 §3)."""
        self._inner.abort()
        raise TlsFailed("the connection is compressed")

    async def close(self) -> None:
        self.flush()
        await self._inner.close()

    def abort(self) -> None:
        self._inner.abort()
