"""Questions through c-ares: quick, and without a word on DNSSEC.

Owns: the c-ares channel. Never: caches, says that an answer is secure (c-ares hides the AD bit). Raises: DnsTemporary.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiodns
import pycares

from .api import DnsTemporary, Mx
from .names import from_answer, name_server
from .settings import DnsSettings
from .types import Found

_NO_SUCH_NAME = (pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_EBADNAME)
_KINDS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "A": (pycares.QUERY_TYPE_A, lambda data: str(data.addr)),
    "AAAA": (pycares.QUERY_TYPE_AAAA, lambda data: str(data.addr)),
    "CNAME": (pycares.QUERY_TYPE_CNAME, lambda data: from_answer(data.cname)),
    "MX": (pycares.QUERY_TYPE_MX, lambda data: Mx(data.priority, from_answer(data.exchange))),
    "PTR": (pycares.QUERY_TYPE_PTR, lambda data: from_answer(data.dname)),
    "TXT": (pycares.QUERY_TYPE_TXT, lambda data: bytes(data.data)),
}


class CaresAsk:
    """dns.types.Ask. c-ares picks the server, repeats, and turns to TCP when an answer is cut."""

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
        number, read = _KINDS[kind]
        records = tuple(read(record.data) for record in result.answer if record.type == number)
        if not records:
            return Found((), self._settings.negative_cache_seconds)
        return Found(records, min(record.ttl for record in result.answer))

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None
