"""Connections to an LDAP server that are used again.

Owns: how many there are, which server of several is called, how long one that failed is left alone.
Never: knows what is asked. Raises: SourceDown.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from postroom.base import Clock
from postroom.dns import DnsTemporary, Resolver, host_addresses
from postroom.net import ConnectFailed, Dialer, TlsFailed

from .ldap_connection import SUCCESS, LdapConnection, LdapLost, result_words
from .ldap_places import LdapPlace
from .settings import LdapSettings
from .types import SourceDown

_log = logging.getLogger("postroom.directories")
T = TypeVar("T")


class LdapServers:
    """`connect` to the first of them that answers."""

    def __init__(
        self,
        places: Sequence[LdapPlace],
        settings: LdapSettings,
        resolver: Resolver,
        dialer: Dialer,
        context: Callable[[], ssl.SSLContext],
        clock: Clock,
    ) -> None:
        self._places = tuple(places)
        self._settings = settings
        self._resolver = resolver
        self._dialer = dialer
        self._context = context
        self._clock = clock
        self._resting: dict[LdapPlace, float] = {}
        self._trouble = "no server is set"

    async def connect(self, name: bytes, password: bytes) -> LdapConnection:
        """Connected, with TLS, and bound as `name` unless that is empty. Raises SourceDown."""
        now = self._clock.monotonic()
        for place in self._places:
            if now < self._resting.get(place, now):
                continue
            try:
                async with asyncio.timeout(self._settings.connect_timeout_seconds):
                    connection = await self._connected(place, name, password)
            except (SourceDown, TimeoutError) as error:
                self._rest(place, str(error) or f"{place}: no connection in time")
            else:
                if self._resting.pop(place, None) is not None:
                    _log.info("LDAP: %s answers again", place)
                return connection
        raise SourceDown(self._trouble)

    def _rest(self, place: LdapPlace, trouble: str) -> None:
        if place not in self._resting:
            _log.warning("LDAP: %s", trouble)
        self._trouble = trouble
        self._resting[place] = self._clock.monotonic() + self._settings.retry_seconds

    async def _connected(self, place: LdapPlace, name: bytes, password: bytes) -> LdapConnection:
        connection = await self._called(place)
        try:
            if not place.secure and self._settings.start_tls:
                await connection.start_tls(self._context(), place.host)
            if name:
                done = await connection.bind(name, password)
                if done.code != SUCCESS:
                    raise SourceDown(f"{place}: bind_dn was refused: {result_words(done)}")
        except BaseException:
            connection.close()
            raise
        return connection

    async def _called(self, place: LdapPlace) -> LdapConnection:
        trouble = f"{place} has no address"
        try:
            addresses = await host_addresses(self._resolver, place.host)
        except DnsTemporary as error:
            raise SourceDown(f"{place}: {error}") from error
        for address in addresses:
            try:
                connection = await self._dialer.connect(
                    address,
                    place.port,
                    timeout=self._settings.connect_timeout_seconds,
                    tls=self._context() if place.secure else None,
                    server_hostname=place.host,
                )
                return LdapConnection(connection, self._settings, str(place))
            except (ConnectFailed, TlsFailed) as error:
                trouble = f"{place}: {error}"
        raise SourceDown(trouble)


class LdapPool:
    """`run` operations, each on a connection of its own."""

    def __init__(
        self, connect: Callable[[], Awaitable[LdapConnection]], settings: LdapSettings, max_waiting: int, clock: Clock
    ) -> None:
        self._connect = connect
        self._settings = settings
        self._max_waiting = max_waiting
        self._clock = clock
        self._idle: deque[tuple[LdapConnection, float]] = deque()  # and since when; the one used last at the end
        self._slots = asyncio.Semaphore(settings.max_connections)
        self._waiting = 0

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    async def run(self, work: Callable[[LdapConnection], Awaitable[T]]) -> T:
        """Once more on a new connection when an old one turns out to be dead. Raises SourceDown."""
        if self._waiting >= self._max_waiting:
            raise SourceDown(f"{self._waiting} questions wait for LDAP")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            while (connection := self._old()) is not None:
                try:
                    return await self._use(connection, work)
                except LdapLost:
                    continue
            return await self._use(await self._connect(), work)
        finally:
            self._slots.release()

    def _old(self) -> LdapConnection | None:
        """One that was idle for a short time only."""
        limit = self._clock.monotonic() - self._settings.idle_seconds
        while self._idle and (self._idle[0][1] <= limit or self._idle[0][0].closed):
            self._idle.popleft()[0].close()
        return self._idle.pop()[0] if self._idle else None

    async def _use(self, connection: LdapConnection, work: Callable[[LdapConnection], Awaitable[T]]) -> T:
        try:
            found = await work(connection)
        except BaseException:  # an answer may still be under way: nobody else is to get it
            connection.close()
            raise
        self._idle.append((connection, self._clock.monotonic()))
        return found
