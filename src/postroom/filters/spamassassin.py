"""Asks SpamAssassin's spamd about one message.

Owns: the exchange. Never: keeps the message in memory, knows what follows. Raises: FilterFailed.

spamd knows of the client only what the topmost Received field says, so our trace fields go before the message.
"""

from .connections import Line, Lines, LostConnection
from .spamd_protocol import MAX_ANSWER_OCTETS, MAX_HEAD_OCTETS, SpamdHead, read_head, read_verdict, request_head
from .types import Content, ContentSource, FilterFailed, Verdict


class SpamassassinFilter:
    """One connection a message: spamd closes it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def check(self, source: ContentSource, content: Content) -> Verdict:
        settings = self._lines.settings
        method = "HEADERS" if settings.may_change else "SYMBOLS"

        async def ask(line: Line) -> tuple[tuple[SpamdHead, bytes], bool]:
            size = len(source.trace) + content.size
            await line.send(request_head(method, size, settings.user), source.trace, content.header)
            for piece in content.body():
                if line.connection.closed:
                    break
                await line.send(piece)
            head = read_head(await line.until(b"\r\n\r\n", MAX_HEAD_OCTETS))
            return (head, await _body(line, head)), False

        head, body = await self._lines.use(ask)
        return read_verdict(head, body, settings)


async def _body(line: Line, head: SpamdHead) -> bytes:
    try:
        while head.length is None or len(line.held) < head.length:
            await line.more()
            if len(line.held) > MAX_ANSWER_OCTETS:
                raise FilterFailed(f"an answer of more than {MAX_ANSWER_OCTETS} octets")
    except LostConnection:
        if head.length is not None:
            raise
    body, line.held = line.held[: head.length], b""
    return body
