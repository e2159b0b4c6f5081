"""A client's end of COMPRESS=DEFLATE: a zlib that knows nothing of ours. Not a test itself."""

import asyncio
import zlib


class DeflateStream:
    """Stands where a client's reader and writer stood."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inflate = zlib.decompressobj(-15)
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._text = b""
        self.octets_in = self.octets_out = 0

    def compressed(self, data: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
        raw = self._deflate.compress(data) + self._deflate.flush(mode)
        self.octets_out += len(raw)
        return raw

    async def _more(self) -> None:
        raw = await self._reader.read(65536)
        if not raw:
            raise EOFError(self._text)
        self.octets_in += len(raw)
        self._text += self._inflate.decompress(raw)
        assert not self._inflate.eof, "the server never ends its stream"

    async def readuntil(self, separator: bytes) -> bytes:
        while (end := self._text.find(separator)) < 0:
            await self._more()
        return self._taken(end + len(separator))

    async def readexactly(self, octets: int) -> bytes:
        while len(self._text) < octets:
            await self._more()
        return self._taken(octets)

    async def read(self) -> bytes:
        """To the end of the stream."""
        while raw := await self._reader.read(65536):
            self._text += self._inflate.decompress(raw)
        return self._taken(len(self._text))

    async def turn(self) -> bytes:
        """What the server's next flush ends; not an octet more is read as compressed."""
        return self._inflate.decompress(await self._reader.readuntil(b"\0\0\xff\xff"))

    def _taken(self, octets: int) -> bytes:
        data, self._text = self._text[:octets], self._text[octets:]
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(self.compressed(data))
