"""What an issuer says of itself and its keys: fetched, remembered, fetched again.

Owns: discovery (OpenID Connect Discovery 1.0 §4), the keys in use and how old they may get, how often the issuer is
asked. Never: reads tokens, logs what it sends. Raises: IssuerDown.

Keys that are there go on while the issuer is down, for key_lifetime_seconds after they were fetched. A token with a key
that is not among them has them fetched again, but not more often than every retry_seconds: made-up key ids cost the
issuer nothing. Whoever needs the same answer at the same time waits for one question.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from postroom.base import Clock, TaskOwner
from postroom.dns import DnsTemporary, Resolver, host_addresses
from postroom.net import Fetch, FetchFailed, HttpMessage

from .tokens_places import BadPlace, discovery_url, place
from .tokens_settings import OAuthSettings
from .tokens_signed import BadKeys, Keys, read_keys

_log = logging.getLogger("postroom.signin")
T = TypeVar("T")


class IssuerDown(Exception):
    """The issuer can't be asked, or answers what can't be used; the text says why.

    `reached`: it did answer, so that the next question may fare better.
    """

    def __init__(self, why: str, *, reached: bool = True) -> None:
        super().__init__(why)
        self.reached = reached


class Web(Protocol):
    """net.HttpsClient."""

    async def fetch(self, wanted: Fetch) -> HttpMessage: ...


class IssuerWeb:
    """Asks the issuer one thing: finds its address, wants 200 and JSON."""

    def __init__(self, resolver: Resolver, web: Web, settings: OAuthSettings) -> None:
        self._resolver = resolver
        self._web = web
        self._plain = settings.allow_plain_http

    async def ask(
        self, url: str, *, method: str = "GET", fields: Mapping[str, str] | None = None, body: bytes = b""
    ) -> bytes:
        """The octets of a JSON document. Raises IssuerDown."""
        try:
            where = place(url, plain=self._plain)
            addresses = await host_addresses(self._resolver, where.host)
            message = await self._web.fetch(
                Fetch(
                    where.host,
                    where.target,
                    addresses,
                    where.port,
                    method=method,
                    fields={"Accept": "application/json", **(fields or {})},
                    body=body,
                    secure=where.secure,
                )
            )
        except (BadPlace, DnsTemporary, FetchFailed) as error:
            raise IssuerDown(str(error), reached=False) from error
        if message.status != 200:  # a redirect neither: who asks for a key does not follow strangers
            raise IssuerDown(f"{where.host} answered {message.status}")
        return message.body


@dataclass(slots=True)
class _Kept:
    """An answer and its age, on the monotonic clock."""

    value: Any
    fetched: float


class Remembered:
    """One thing that is fetched, goes on while it can't be had anew, and is fetched once for all who wait."""

    def __init__(
        self, name: str, fetch: Callable[[], Awaitable[Any]], settings: OAuthSettings, clock: Clock, tasks: TaskOwner
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._kept: _Kept | None = None
        self._tried = float("-inf")
        self._trouble = ""
        self._under_way: asyncio.Future[None] | None = None

    @property
    def trouble(self) -> str:
        """Why the last try failed; empty: it did not."""
        return self._trouble

    def _resting(self) -> bool:
        return self._clock.monotonic() < self._tried + self._settings.retry_seconds

    async def get(self) -> Any:
        """What is known, not too old. Raises IssuerDown."""
        now = self._clock.monotonic()
        kept = self._kept
        if kept is not None and now < kept.fetched + self._settings.key_lifetime_seconds:
            if now >= kept.fetched + self._settings.key_refresh_seconds and not self._resting():
                self._start()  # nobody waits for it
            return kept.value
        if self._under_way is None and self._trouble and self._resting():
            raise IssuerDown(self._trouble)
        return await self.renew()

    async def renew_if_due(self) -> bool:
        """Fetch it again unless that was tried a moment ago; whether it was."""
        if self._under_way is None and self._resting():
            return False
        await self._wait(self._start())
        return True

    async def renew(self) -> Any:
        await self._wait(self._start())
        kept = self._kept
        if kept is None or self._clock.monotonic() >= kept.fetched + self._settings.key_lifetime_seconds:
            raise IssuerDown(self._trouble)
        return kept.value

    @staticmethod
    async def _wait(future: "asyncio.Future[None]") -> None:
        await asyncio.shield(future)  # one client that goes away does not take the answer from the others

    def _start(self) -> "asyncio.Future[None]":
        if self._under_way is None:
            self._under_way = asyncio.get_running_loop().create_future()
            self._tasks.spawn(self._fill(self._under_way), name=self._name)
        return self._under_way

    async def _fill(self, future: "asyncio.Future[None]") -> None:
        trouble = "the server stops"
        try:
            value = await self._fetch()
        except IssuerDown as error:
            trouble = str(error)
            if trouble != self._trouble:
                _log.warning("OAuth: no %s: %s", self._name, trouble)
        except Exception as error:  # our bug: nobody signs in by it
            _log.exception("OAuth: %s", self._name)
            trouble = type(error).__name__
        else:
            self._kept, trouble = _Kept(value, self._clock.monotonic()), ""
        finally:
            self._tried, self._trouble, self._under_way = self._clock.monotonic(), trouble, None
            if not future.done():
                future.set_result(None)


class Issuer:
    """The issuer of the settings."""

    def __init__(self, web: IssuerWeb, settings: OAuthSettings, clock: Clock) -> None:
        self._web = web
        self._settings = settings
        self._tasks = TaskOwner("issuer")
        self._about = Remembered("configuration of the issuer", self._discover, settings, clock, self._tasks)
        self._keys = Remembered("keys of the issuer", self._fetch_keys, settings, clock, self._tasks)

    async def close(self) -> None:
        await self._tasks.close()

    async def keys(self) -> Keys:
        """Raises IssuerDown."""
        keys: Keys = await self._keys.get()
        return keys

    async def newer_keys(self) -> Keys | None:
        """When a key is missing: what the issuer has now; None: it was asked a moment ago. Raises IssuerDown."""
        if await self._keys.renew_if_due() and not self._keys.trouble:
            return await self.keys()
        if self._keys.trouble:
            raise IssuerDown(self._keys.trouble)
        return None

    async def introspection_endpoint(self) -> str:
        """Raises IssuerDown."""
        return self._settings.introspection_endpoint or await self._told("introspection_endpoint")

    async def _told(self, name: str) -> str:
        about: dict[str, Any] = await self._about.get()
        url = about.get(name)
        if not isinstance(url, str):
            raise IssuerDown(f"{self._settings.issuer} says nothing of its {name}")
        return url

    async def _discover(self) -> dict[str, Any]:
        about = _document(await self._web.ask(discovery_url(self._settings.issuer)))
        if about.get("issuer") != self._settings.issuer:  # §4.3: else one issuer could speak for another
            raise IssuerDown(f"what is found at {self._settings.issuer} calls itself something else")
        return about

    async def _fetch_keys(self) -> Keys:
        url = self._settings.jwks_uri or await self._told("jwks_uri")
        try:
            return read_keys(await self._web.ask(url), self._settings.max_keys)
        except BadKeys as error:
            raise IssuerDown(f"{self._settings.issuer}: {error}") from error


def _document(octets: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(octets)
    except (msgspec.DecodeError, RecursionError) as error:
        raise IssuerDown("the issuer's answer is not JSON") from error
    if not isinstance(found, dict):
        raise IssuerDown("the issuer's answer is no JSON object")
    return found
