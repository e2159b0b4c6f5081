"""Asks ClamAV's clamd about one message.

Owns: the exchange, sessions that go on for the next message. Never: keeps the message in memory, knows what follows.
Raises: FilterFailed.
"""

from .clamd_protocol import CHUNK_OCTETS, END_OF_STREAM, INSTREAM, MAX_ANSWER_OCTETS, SESSION, chunk, read_verdict
from .connections import Line, Lines
from .types import Content, ContentSource, Verdict


class ClamavFilter:
    """A session of clamd, one stream after the other."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def check(self, source: ContentSource, content: Content) -> Verdict:
        async def ask(line: Line) -> tuple[Verdict, bool]:
            if line.fresh:
                await line.send(SESSION)
            await line.send(INSTREAM)
            for start in range(0, len(content.header), CHUNK_OCTETS):
                await line.send(chunk(content.header[start : start + CHUNK_OCTETS]))
            for piece in content.body():
                if line.connection.closed or line.answered():  # it has said already that it is too much
                    break
                await line.send(chunk(piece))
            await line.send(END_OF_STREAM)
            return read_verdict(await line.until(b"\0", MAX_ANSWER_OCTETS)), True

        return await self._lines.use(ask)
