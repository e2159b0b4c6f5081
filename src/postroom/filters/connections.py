"""Connections to one filter, and those that are kept for the next message.

Owns: connecting, keeping, dropping. Never: speaks a protocol. Raises: FilterFailed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from postroom.base import MailError
from postroom.dns import Resolver, host_addresses
from postroom.net import ConnectFailed, ConnectionEnd, Dialer, SocketConnection

from .settings import FilterSettings
from .types import FilterFailed

T = TypeVar("T")


class LostConnection(FilterFailed):
    """The filter has closed the connection before it said anything to what was asked."""


class Line:
    """One connection: octets of any pieces in, whole answers out."""

    def __init__(self, connection: SocketConnection, *, fresh: bool) -> None:
        self.connection = connection
        self.fresh = fresh  # nothing was asked on it before
        self.held = b""  # received and not yet read
        self.state: object = None  # what a protocol remembers of it

    async def more(self) -> None:
        """At least one octet more in `held`. Raises LostConnection."""
        try:
            data = await self.connection.receive()
        except ConnectionEnd as error:
            raise FilterFailed(f"the connection ended: {error}") from error
        if not data:
            raise LostConnection("it closed the connection")
        self.held += data

    async def more_by(self, deadline: float) -> None:
        """The same up to a time of the loop. Raises TimeoutError."""
        try:
            data = await self.connection.receive_by(deadline)
        except ConnectionEnd as error:
            raise FilterFailed(f"the connection ended: {error}") from error
        if not data:
            raise LostConnection("it closed the connection")
        self.held += data

    def answered(self) -> bool:
        """Something has come already; does not wait for it."""
        self.held += self.connection.receive_nowait()
        return bool(self.held)

    async def until(self, mark: bytes, limit: int) -> bytes:
        """Octets up to the mark, which is taken away. Raises FilterFailed when there are too many."""
        while (end := self.held.find(mark)) < 0:
            if len(self.held) > limit:
                raise FilterFailed(f"an answer of more than {limit} octets")
            await self.more()
        found, self.held = self.held[:end], self.held[end + len(mark) :]
        if len(found) > limit:
            raise FilterFailed(f"an answer of more than {limit} octets")
        return found

    async def send(self, *pieces: bytes) -> None:
        """Returns when the other side has taken enough of it."""
        for piece in pieces:
            self.connection.send(piece)
        try:
            await self.connection.drain()
        except ConnectionEnd as error:
            raise FilterFailed(f"the connection ended: {error}") from error

    def abort(self) -> None:
        self.connection.abort()


class Lines:
    """All connections to one filter. `close` it at the end."""

    def __init__(self, settings: FilterSettings, dialer: Dialer, resolver: Resolver) -> None:
        self.settings = settings
        self._dialer = dialer
        self._resolver = resolver
        self._idle: deque[tuple[float, Line]] = deque()  # when it came back, the latest last
        self._closed = False

    async def open(self) -> Line:
        """A connection of its own. Raises FilterFailed."""
        place, seconds = self.settings.place, self.settings.connect_timeout_seconds
        trouble = FilterFailed(f"{place.host} has no address")
        try:
            if place.path:
                return Line(await self._dialer.connect_unix(place.path, timeout=seconds), fresh=True)
            for address in await self._addresses(place.host):
                try:
                    return Line(await self._dialer.connect(address, place.port, timeout=seconds), fresh=True)
                except ConnectFailed as error:
                    trouble = FilterFailed(str(error))
        except ConnectFailed as error:
            raise FilterFailed(str(error)) from error
        raise trouble

    async def _addresses(self, host: str) -> tuple[str, ...]:
        try:
            return await host_addresses(self._resolver, host)
        except MailError as error:
            raise FilterFailed(f"{host}: {error}") from error

    def kept(self) -> Line | None:
        """One that was used before and still stands, as far as can be seen."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, line = self._idle.pop()
            if now - since < self.settings.idle_seconds and not line.connection.closed and not line.held:
                line.fresh = False
                return line
            line.abort()
        return None

    def keep(self, line: Line) -> None:
        """For the next one. Old ones go."""
        now = asyncio.get_running_loop().time()
        if self._closed or line.held or line.connection.closed or not self.settings.kept:
            line.abort()
            return
        self._idle.append((now, line))
        while len(self._idle) > self.settings.kept or now - self._idle[0][0] > self.settings.idle_seconds:
            self._idle.popleft()[1].abort()

    async def use(self, ask: Callable[[Line], Awaitable[tuple[T, bool]]]) -> T:
        """`ask` on a kept connection, or on a new one; it tells whether the connection can be kept.

        A kept connection that turns out to be closed is no failure: the filter may have tired of it.
        """
        if (line := self.kept()) is not None:
            try:
                return await self._ask(line, ask)
            except LostConnection:
                pass
        return await self._ask(await self.open(), ask)

    async def _ask(self, line: Line, ask: Callable[[Line], Awaitable[tuple[T, bool]]]) -> T:
        try:
            answer, keep = await ask(line)
        except BaseException:
            line.abort()
            raise
        if keep:
            self.keep(line)
        else:
            line.abort()
        return answer

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.popleft()[1].abort()
