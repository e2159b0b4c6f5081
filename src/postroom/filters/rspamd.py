"""Asks rspamd about one message.

Owns: the exchange over HTTP. Never: keeps the message in memory, knows what follows. Raises: FilterFailed.
"""

from postroom.net import BadHttp, HttpMessage, MessageReader

from .connections import Line, Lines, LostConnection
from .rspamd_protocol import MAX_ANSWER_OCTETS, read_verdict, request_head
from .types import Content, ContentSource, FilterFailed, Verdict


class RspamdFilter:
    """net.http, one request a message."""

    def __init__(self, lines: Lines, hostname: str) -> None:
        self._lines = lines
        self._hostname = hostname

    async def check(self, source: ContentSource, content: Content) -> Verdict:
        async def ask(line: Line) -> tuple[HttpMessage, bool]:
            await line.send(request_head(source, content.size, self._hostname), content.header)
            for piece in content.body():
                if line.connection.closed:
                    break
                await line.send(piece)
            return await _answer(line)

        message = await self._lines.use(ask)
        if message.status != 200:
            raise FilterFailed(f"HTTP status {message.status}")
        return read_verdict(message.body, self._lines.settings)


async def _answer(line: Line) -> tuple[HttpMessage, bool]:
    """The response, and whether the connection stays."""
    reader, begun = MessageReader(max_body_octets=MAX_ANSWER_OCTETS), False
    try:
        while True:
            try:
                await line.more()
            except LostConnection:
                if not begun:
                    raise
                return reader.end(), False
            data, line.held, begun = line.held, b"", True
            if (message := reader.feed(data)) is not None:
                stays = message.fields.get("connection", "").lower() == "keep-alive"
                return message, stays and "content-length" in message.fields
    except BadHttp as error:
        raise FilterFailed(f"no HTTP: {error}") from error
