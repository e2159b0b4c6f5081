"""Asks name servers, remembers what they say.

Owns: the cache, the joining of equal questions in flight, the number of questions at once. Never: knows what an answer
means to mail, trusts an AD bit (`secure` stays False). Raises: DnsTemporary.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiodns
import pycares

from postroom.base import Clock, TaskOwner

from .api import Answer, DnsTemporary, Mx
from .cache import TtlCache
from .names import BadDomainName, from_answer, name_server, reverse_name, to_question
from .settings import DnsSettings

_log = logging.getLogger("postroom.dns")
T = TypeVar("T")

_TYPES: dict[str, int] = {
    "A": pycares.QUERY_TYPE_A,
    "AAAA": pycares.QUERY_TYPE_AAAA,
    "MX": pycares.QUERY_TYPE_MX,
    "PTR": pycares.QUERY_TYPE_PTR,
    "TXT": pycares.QUERY_TYPE_TXT,
}
_NO_SUCH_NAME = (pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_EBADNAME)


@dataclass(frozen=True, slots=True)
class Found:
    """What a name server said: the data of the records of the type asked for."""

    data: tuple[Any, ...]
    ttl: float  # seconds; of the shortest-lived record, CNAMEs included
    exists: bool = True


class Ask(Protocol):
    """One question to the name servers. Raises DnsTemporary."""

    async def ask(self, name: str, kind: str) -> Found: ...

    async def close(self) -> None: ...


class CaresAsk:
    """Questions through c-ares. It picks the server, repeats, and turns to TCP when an answer is cut."""

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._servers = list(map(name_server, settings.nameservers))
        self._resolver: aiodns.DNSResolver | None = None

    async def ask(self, name: str, kind: str) -> Found:
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(
                nameservers=self._servers or None,
                loop=asyncio.get_running_loop(),
                timeout=self._settings.timeout_seconds,
                tries=self._settings.tries,
            )
        try:
            async with asyncio.timeout(self._settings.total_timeout_seconds):
                result = await self._resolver.query_dns(name, kind)
        except aiodns.error.DNSError as error:
            code = error.args[0]
            if code == pycares.errno.ARES_ENODATA:
                return Found((), self._settings.negative_cache_seconds)
            if code in _NO_SUCH_NAME:
                return Found((), self._settings.negative_cache_seconds, exists=False)
            raise DnsTemporary(f"{kind} {name}: {error.args[-1]}") from error
        except TimeoutError as error:
            raise DnsTemporary(f"{kind} {name}: no answer in {self._settings.total_timeout_seconds:g} s") from error
        data = tuple(record.data for record in result.answer if record.type == _TYPES[kind])
        if not data:
            return Found((), self._settings.negative_cache_seconds)
        return Found(data, min(record.ttl for record in result.answer))

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None


class DnsResolver:
    """dns.Resolver for real name servers; ValueError when one is not an address. `ask` is for tests."""

    def __init__(self, settings: DnsSettings, clock: Clock, *, ask: Ask | None = None) -> None:
        self._settings = settings
        self._ask = ask if ask is not None else CaresAsk(settings)
        self._cache: TtlCache[tuple[str, str], Answer[Any] | DnsTemporary] = TtlCache(clock, settings.cache_answers)
        self._in_flight: dict[tuple[str, str], asyncio.Future[Answer[Any]]] = {}
        self._slots = asyncio.Semaphore(settings.max_questions)
        self._tasks = TaskOwner("dns")

    async def mx(self, domain: str) -> Answer[Mx]:
        return await self._answer(domain, "MX", _mx)

    async def a(self, host: str) -> Answer[str]:
        return await self._answer(host, "A", _address)

    async def aaaa(self, host: str) -> Answer[str]:
        return await self._answer(host, "AAAA", _address)

    async def txt(self, name: str) -> Answer[bytes]:
        return await self._answer(name, "TXT", _text)

    async def ptr(self, address: str) -> Answer[str]:
        try:
            name = reverse_name(address)
        except BadDomainName:
            return Answer((), exists=False)
        return await self._answer(name, "PTR", _pointer)

    async def close(self) -> None:
        await self._tasks.close()
        await self._ask.close()

    async def _answer(self, name: str, kind: str, read: Callable[[Sequence[Any]], tuple[T, ...]]) -> Answer[T]:
        try:
            key = (to_question(name), kind)
        except BadDomainName:
            return Answer((), exists=False)  # what can't be a name does not exist
        cached = self._cache.get(key)
        if cached is None:
            future = self._in_flight.get(key)
            if future is None:
                future = self._in_flight[key] = asyncio.get_running_loop().create_future()
                self._tasks.spawn(self._fill(key, read, future), name=f"{kind} {key[0]}")
            # shield: one asker that gives up does not take the answer from the others
            return await asyncio.shield(future)
        if isinstance(cached, DnsTemporary):
            raise DnsTemporary(cached.detail)
        return cached

    async def _fill(
        self,
        key: tuple[str, str],
        read: Callable[[Sequence[Any]], tuple[T, ...]],
        future: "asyncio.Future[Answer[T]]",
    ) -> None:
        settings = self._settings
        try:
            async with self._slots:
                found = await self._ask.ask(*key)
            answer = Answer(read(found.data), exists=found.exists)
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


def _mx(data: Sequence[Any]) -> tuple[Mx, ...]:
    return tuple(
        sorted((Mx(mx.priority, from_answer(mx.exchange)) for mx in data), key=lambda record: record.preference)
    )


def _address(data: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(record.addr) for record in data)


def _text(data: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(bytes(record.data) for record in data)


def _pointer(data: Sequence[Any]) -> tuple[str, ...]:
    return tuple(from_answer(record.dname) for record in data)
