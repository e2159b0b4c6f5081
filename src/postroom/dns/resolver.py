"""Asks name servers, remembers what they say.

Owns: the cache, the joining of equal questions in flight, the number of questions at once. Never: knows what an answer
means to mail. Raises: DnsTemporary.
"""

import asyncio
import logging
from typing import Any

from postroom.base import Clock, TaskOwner

from .api import Answer, DnsTemporary, Mx
from .cache import TtlCache
from .cares import CaresAsk
from .names import BadDomainName, exact_name, is_plain, reverse_name
from .settings import DnsSettings
from .types import Ask
from .validated import ValidatedAsk, all_servers, trusted_servers

_log = logging.getLogger("postroom.dns")


class DnsResolver:
    """dns.Resolver for real name servers; ValueError when one is not an address. `ask` is for tests."""

    def __init__(self, settings: DnsSettings, clock: Clock, *, ask: Ask | None = None) -> None:
        self._settings = settings
        self._ask = ask if ask is not None else CaresAsk(settings)
        trusted = trusted_servers(settings) if ask is None else []
        self._validated: Ask | None = ValidatedAsk(settings, trusted) if trusted else None
        self._exact: Ask | None = ask  # for names that c-ares refuses
        self._cache: TtlCache[tuple[str, str], Answer[Any] | DnsTemporary] = TtlCache(clock, settings.cache_answers)
        self._in_flight: dict[tuple[str, str], asyncio.Future[Answer[Any]]] = {}
        self._slots = asyncio.Semaphore(settings.max_questions)
        self._tasks = TaskOwner("dns")

    async def mx(self, domain: str) -> Answer[Mx]:
        return await self._answer(domain, "MX")

    async def a(self, host: str) -> Answer[str]:
        return await self._answer(host, "A")

    async def aaaa(self, host: str) -> Answer[str]:
        return await self._answer(host, "AAAA")

    async def cname(self, name: str) -> Answer[str]:
        return await self._answer(name, "CNAME")

    async def tlsa(self, name: str) -> Answer[bytes]:
        if self._validated is None:
            return Answer(())  # RFC 6698 §4.1: what is not validated can't be used, so nobody is asked
        return await self._answer(name, "TLSA")

    async def txt(self, name: str) -> Answer[bytes]:
        return await self._answer(name, "TXT")

    async def ptr(self, address: str) -> Answer[str]:
        try:
            name = reverse_name(address)
        except BadDomainName:
            return Answer((), exists=False)
        return await self._answer(name, "PTR")

    def remembered(self, kind: str, name: str) -> Answer[Any] | None:
        try:
            question = exact_name(reverse_name(name) if kind == "PTR" else name)
        except BadDomainName:
            return Answer((), exists=False)
        cached = self._cache.get((question, kind))
        return None if isinstance(cached, DnsTemporary) else cached

    async def close(self) -> None:
        await self._tasks.close()
        await self._ask.close()

    async def _answer(self, name: str, kind: str) -> Answer[Any]:
        try:
            key = (exact_name(name), kind)
        except BadDomainName:
            return Answer((), exists=False)  # what can't be a name does not exist
        cached = self._cache.get(key)
        if cached is None:
            future = self._in_flight.get(key)
            if future is None:
                future = self._in_flight[key] = asyncio.get_running_loop().create_future()
                self._tasks.spawn(self._fill(key, future), name=f"{kind} {key[0]}")
            # shield: one asker that gives up does not take the answer from the others
            return await asyncio.shield(future)
        if isinstance(cached, DnsTemporary):
            raise DnsTemporary(cached.detail)
        return cached

    def _whom(self, name: str, kind: str) -> Ask:
        if self._validated is not None and (kind in ValidatedAsk.KINDS or not is_plain(name)):
            return self._validated
        if is_plain(name):
            return self._ask
        if self._exact is None:
            self._exact = ValidatedAsk(self._settings, all_servers(self._settings), believed=False)
        return self._exact

    async def _fill(self, key: tuple[str, str], future: "asyncio.Future[Answer[Any]]") -> None:
        settings = self._settings
        try:
            async with self._slots:
                found = await self._whom(*key).ask(*key)
            records = tuple(sorted(found.records, key=_preference)) if key[1] == "MX" else found.records
            answer = Answer(records, found.exists, found.secure, found.canonical)
            self._cache.put(key, answer, min(found.ttl, settings.max_cache_seconds))
            future.set_result(answer)
        except DnsTemporary as error:
            self._cache.put(key, error, settings.failure_cache_seconds)
            _fail(future, error)
        except asyncio.CancelledError:
            _fail(future, DnsTemporary("the resolver is closed"))
            raise
        except Exception as error:
            _log.exception("%s %s", key[1], key[0])
            _fail(future, DnsTemporary(f"{key[1]} {key[0]}: {error}"))
        finally:
            del self._in_flight[key]


def _fail(future: "asyncio.Future[Any]", error: DnsTemporary) -> None:
    future.set_exception(error)
    future.exception()  # seen: the asker may be gone


def _preference(record: Mx) -> int:
    return record.preference
