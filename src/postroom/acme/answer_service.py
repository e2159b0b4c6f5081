"""Serves the answers of http-01 on port 80 (RFC 8555 §8.3), and nothing else.

Owns: one request and one answer a connection. Never: makes an answer. Raises: nothing; who does not speak HTTP is
answered 400.
"""

import asyncio
import logging

from postroom.net import Connection, ConnectionEnd, HttpMessage, http_request, http_response

from .answers import Answers
from .challenges import HTTP_PATH

_log = logging.getLogger("postroom.acme")
_REQUEST_SECONDS = 10.0
_FIELDS = {"Content-Type": "application/octet-stream"}


class AnswerService:
    """net.Service for listeners of the kind acme_http."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def serve(self, connection: Connection) -> None:
        connection.idle_timeout = _REQUEST_SECONDS
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = await http_request(connection)
                connection.send(
                    http_response(400, "Bad Request", {}) if request is None else self._answer(request, connection)
                )
                await connection.drain()
        except (TimeoutError, ConnectionEnd):
            return

    def _answer(self, request: HttpMessage, connection: Connection) -> bytes:
        if request.method not in ("GET", "HEAD"):
            return http_response(405, "Method Not Allowed", {"Allow": "GET, HEAD"})
        token = request.target.partition("?")[0].removeprefix(HTTP_PATH)
        answer = self._answers.http(token) if request.target.startswith(HTTP_PATH) else None
        if answer is None:
            return http_response(404, "Not Found", {})
        _log.info("%s has looked at the answer to a challenge", connection.peer[0])
        return http_response(200, "OK", _FIELDS, answer, head=request.method == "HEAD")
