"""Asking the issuer about a token (RFC 7662).

Owns: the question, our credentials for it, answers that are remembered, how many ask at once.
Never: keeps a token (only its digest under a key that lives as long as the process), logs one. Raises: Untrue,
IssuerDown.
"""

import asyncio
import base64
import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import msgspec

from postroom.base import Clock, Ids, TaskOwner

from .tokens_claims import Claims, Untrue, read_claims
from .tokens_issuer import Issuer, IssuerDown, IssuerWeb
from .tokens_settings import OAuthSettings


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a question, until when (monotonic)."""

    until: float
    claims: Claims | None
    words: str = ""


class Introspection:
    """`claims` as often as wanted."""

    def __init__(
        self, issuer: Issuer, web: IssuerWeb, settings: OAuthSettings, clock: Clock, ids: Ids, secret: str
    ) -> None:
        self._issuer = issuer
        self._web = web
        self._settings = settings
        self._clock = clock
        self._key = ids.octets(32)
        self._authorization = _basic(settings.client_id, secret)
        self._tasks = TaskOwner("introspection")
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()  # oldest first
        self._under_way: dict[bytes, asyncio.Future[_Answer | None]] = {}
        self._slots = asyncio.Semaphore(settings.max_concurrent_questions)
        self._resting_until = float("-inf")
        self._trouble = ""

    async def close(self) -> None:
        await self._tasks.close()

    async def claims(self, token: str) -> Claims:
        """Raises Untrue, IssuerDown."""
        if len(token) > self._settings.max_token_octets or not token.isascii() or not token.isprintable():
            raise Untrue("too long, or not in ASCII")
        digest = hmac.digest(self._key, token.encode("ascii"), hashlib.sha256)
        answer = self._remembered(digest)
        if answer is None:
            answer = await asyncio.shield(self._start(digest, token))
        if answer is None:
            raise IssuerDown(self._trouble)
        if answer.claims is None:
            raise Untrue(answer.words)
        return answer.claims

    def _remembered(self, digest: bytes) -> _Answer | None:
        answer = self._answers.get(digest)
        if answer is None:
            return None
        expires = answer.claims.expires if answer.claims is not None else None
        if self._clock.monotonic() < answer.until and (expires is None or self._clock.now() < expires):
            return answer
        del self._answers[digest]
        return None

    def _start(self, digest: bytes, token: str) -> "asyncio.Future[_Answer | None]":
        future = self._under_way.get(digest)
        if future is None:
            self._check_rest()
            if len(self._under_way) >= self._settings.max_concurrent_questions + self._settings.max_waiting_questions:
                raise IssuerDown(f"{len(self._under_way)} questions are waiting for the issuer")
            future = self._under_way[digest] = asyncio.get_running_loop().create_future()
            self._tasks.spawn(self._fill(digest, token, future), name="question")
        return future

    async def _fill(self, digest: bytes, token: str, future: "asyncio.Future[_Answer | None]") -> None:
        answer: _Answer | None = None
        self._trouble = self._trouble or "the server stops"
        try:
            async with self._slots:
                self._check_rest()  # who waited while another found nobody there
                answer, self._trouble = await self._ask(token), ""
        except IssuerDown as error:
            self._trouble = str(error)
            if not error.reached and self._clock.monotonic() >= self._resting_until:
                self._resting_until = self._clock.monotonic() + self._settings.retry_seconds
        finally:
            del self._under_way[digest]
            if answer is not None:
                self._keep(digest, answer)
            if not future.done():
                future.set_result(answer)

    def _check_rest(self) -> None:
        """An issuer that could not be reached is left alone for a while; one token that it cannot answer for is not
        held against the others. Raises IssuerDown."""
        if self._clock.monotonic() < self._resting_until:
            raise IssuerDown(self._trouble)

    def _keep(self, digest: bytes, answer: _Answer) -> None:
        self._answers[digest] = answer
        self._answers.move_to_end(digest)
        while len(self._answers) > self._settings.max_cached_tokens:
            self._answers.popitem(last=False)

    async def _ask(self, token: str) -> _Answer:
        """RFC 7662 §2. Raises IssuerDown."""
        url = await self._issuer.introspection_endpoint()
        fields = {"Authorization": self._authorization, "Content-Type": "application/x-www-form-urlencoded"}
        body = f"token={quote_plus(token)}&token_type_hint=access_token".encode("ascii")
        try:
            found = msgspec.json.decode(await self._web.ask(url, method="POST", fields=fields, body=body))
        except (msgspec.DecodeError, RecursionError) as error:
            raise IssuerDown("the issuer's answer about a token is not JSON") from error
        now = self._clock.monotonic()
        try:
            claims = self._judge(found)
        except Untrue as error:
            return _Answer(now + self._settings.refusal_cache_seconds, None, str(error))
        return _Answer(now + self._settings.introspection_cache_seconds, claims)

    def _judge(self, found: Any) -> Claims:
        if not isinstance(found, dict) or found.get("active") is not True:  # RFC 7662 §2.2
            raise Untrue("not active, says the issuer")
        kind = found.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() not in ("bearer", "access_token"):  # "DPoP" needs a proof
            raise Untrue("no bearer token")
        return read_claims(found, self._settings, self._clock.now(), signed=False)


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749 §2.3.1: form-encoded first, then as RFC 7617 §2 has it."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode("ascii")).decode("ascii")
