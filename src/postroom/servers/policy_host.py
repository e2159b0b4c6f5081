"""Serves https://mta-sts.DOMAIN/.well-known/mta-sts.txt for each domain here (RFC 8461 §3.3), and other pages: the one
by which people leave lists, those where mail programs find their settings.

Owns: one request and one answer a connection. Never: serves anything else, handshakes (the listener does). Raises:
nothing; what is not HTTP is answered 400.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence

from postroom.mailauth.mta_sts import PATH, Policy, policy_host
from postroom.net import Connection, ConnectionEnd, HttpMessage, http_request, http_response

from .settings import MtaStsSettings
from .types import LocalDomains, Page

_log = logging.getLogger("postroom.servers")
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}  # RFC 8461 §3.3
BUSY = http_response(503, "Service Unavailable", {})
_PREFIX = policy_host("")


def policy_id(policy: Policy) -> str:
    """Another for each policy (RFC 8461 §3.1), without anybody having to count."""
    return hashlib.sha256(policy.file).hexdigest()[:20]


class PolicyService:
    """net.Service for the listener `policy_host`; each of `pages` may answer before the policy does."""

    def __init__(
        self,
        policy: Policy,
        directory: LocalDomains,
        settings: MtaStsSettings,
        pages: Sequence[Page] = (),
    ) -> None:
        self._policy = policy
        self._directory = directory
        self._settings = settings
        self._pages = pages
        self._max_body_octets = max((page.max_body_octets for page in pages), default=0)

    async def serve(self, connection: Connection) -> None:
        connection.idle_timeout = self._settings.request_timeout_seconds
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                request = await http_request(connection, max_body_octets=self._max_body_octets)
                connection.send(
                    http_response(400, "Bad Request", {}) if request is None else await self._answer(request)
                )
                await connection.drain()
        except (TimeoutError, ConnectionEnd):
            return
        except Exception:  # our bug: not this client's business
            _log.exception("%s: policy host", connection.peer[0])
            connection.send(http_response(500, "Internal Server Error", {}))

    async def _answer(self, request: HttpMessage) -> bytes:
        for page in self._pages:
            if (octets := await page.answer(request)) is not None:
                return octets
        if request.method not in ("GET", "HEAD"):
            return http_response(405, "Method Not Allowed", {"Allow": "GET, HEAD"})
        host = request.fields.get("host", "").lower().partition(":")[0].removesuffix(".")
        domain = host.removeprefix(_PREFIX)
        known = host.startswith(_PREFIX) and bool(domain) and await self._directory.is_local_domain(domain)
        if not known or request.target.partition("?")[0] != PATH:
            return http_response(404, "Not Found", {})
        return http_response(200, "OK", _PLAIN, self._policy.file, head=request.method == "HEAD")
