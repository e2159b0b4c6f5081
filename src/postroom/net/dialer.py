"""Opens connections to other servers.

Owns: TCP connect from a source address, the race between several addresses of one host (RFC 8305 §5), implicit TLS,
time limits. Never: looks up names (dns), orders addresses, speaks a protocol. Raises: ConnectFailed (nothing could be
connected), of which LocalFailure is the fault of this machine; TlsFailed.
"""

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Generic, Protocol, TypeVar

from postroom.base import TaskOwner

from .connection import SocketConnection
from .own_addresses import OwnAddresses
from .settings import NetSettings


class ConnectFailed(Exception):
    """No connection; the text says why in words for people ("connection refused", "timed out")."""


class LocalFailure(ConnectFailed):
    """This machine could not even try: its own address can't be used, or it has no socket left."""


class Target(Protocol):
    """What can be called."""

    @property
    def address(self) -> str: ...  # an IP address, never a name

    @property
    def port(self) -> int: ...

    @property
    def source(self) -> str: ...  # own address to call from; "": the system chooses


T = TypeVar("T", bound=Target)


@dataclass(frozen=True, slots=True)
class _Call:
    address: str
    port: int
    source: str = ""


@dataclass(slots=True)
class Raced(Generic[T]):
    """What came of a race."""

    connection: SocketConnection | None  # None: all have failed
    winner: T | None
    failed: list[tuple[T, ConnectFailed]]  # in the order in which they failed
    dropped: list[T]  # begun, and given up because another was quicker


class Dialer:
    """Makes client connections; the caller closes them."""

    def __init__(
        self,
        settings: NetSettings,
        made: Callable[[SocketConnection], None] | None = None,
        *,
        own: OwnAddresses | None = None,
    ) -> None:
        self._settings = settings
        self._made = made  # sees each connection before its first octet, to set its observer
        self.own = own  # for who has to know from where, and whether it is ourselves that is called

    def _connection(self) -> SocketConnection:
        connection = SocketConnection(self._settings)
        if self._made is not None:
            self._made(connection)
        return connection

    async def _connected(self, sock: socket.socket) -> SocketConnection:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(self._connection, sock=sock)
        except BaseException:
            sock.close()
            raise
        return connection

    def _seconds(self, timeout: float | None) -> float:
        return self._settings.connect_timeout_seconds if timeout is None else timeout

    async def connect_unix(self, path: str, *, timeout: float | None = None) -> SocketConnection:
        """Connect to a socket of this machine."""
        seconds = self._seconds(timeout)
        try:
            async with asyncio.timeout(seconds):
                _, connection = await asyncio.get_running_loop().create_unix_connection(self._connection, path)
                return connection
        except TimeoutError as error:
            raise ConnectFailed(f"{path}: timed out after {seconds:g} s") from error
        except OSError as error:
            raise ConnectFailed(f"{path}: {_reason(error)}") from error

    async def connect(
        self,
        address: str,
        port: int,
        *,
        timeout: float | None = None,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        source: str = "",
    ) -> SocketConnection:
        """Connect to an IP address (never a name); with `tls`, shake hands before returning."""
        seconds = self._seconds(timeout)
        connection = await self._connected(await _call(_Call(address, port, source), seconds))
        if tls is not None:
            try:
                async with asyncio.timeout(seconds):
                    await connection.start_tls_client(tls, server_hostname)
            except TimeoutError as error:
                connection.abort()
                raise ConnectFailed(f"{address} port {port}: timed out after {seconds:g} s") from error
        return connection

    async def race(
        self,
        targets: Sequence[T],
        *,
        stagger: float,
        timeout: float | None = None,
        late: Callable[[], Awaitable[Sequence[T]]] | None = None,
    ) -> Raced[T]:
        """Call them in this order, each `stagger` seconds after the one before or as soon as one fails.

        The first that is connected wins (RFC 8305 §5), the others are closed. Each has `timeout` seconds. `late` gives
        more of them while the race is on (§3): they take turns with those that are left.
        """
        seconds = self._seconds(timeout)
        race = _Race(targets, seconds)
        try:
            await race.run(stagger, late)
        except BaseException:
            if race.sock is not None:
                race.sock.close()
            raise
        connection = None if race.sock is None else await self._connected(race.sock)
        return Raced(connection, race.winner, race.failed, race.running)


class _Race(Generic[T]):
    """The state of one race."""

    def __init__(self, targets: Sequence[T], seconds: float) -> None:
        self._waiting = deque(targets)
        self._seconds = seconds
        self._tasks = TaskOwner("dial")
        self._news = asyncio.Event()
        self._more_to_come = False
        self._next_at = 0.0  # when the next one is called, on the loop's clock
        self.running: list[T] = []
        self.failed: list[tuple[T, ConnectFailed]] = []
        self.winner: T | None = None
        self.sock: socket.socket | None = None

    async def run(self, stagger: float, late: Callable[[], Awaitable[Sequence[T]]] | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            if late is not None:
                self._more_to_come = True
                self._tasks.spawn(self._join(late), name="late addresses")
            while self.sock is None and (self._waiting or self.running or self._more_to_come):
                self._news.clear()
                if self._waiting and (not self.running or loop.time() >= self._next_at):
                    target = self._waiting.popleft()
                    self.running.append(target)
                    self._next_at = loop.time() + stagger
                    if not self._waiting and len(self.running) == 1 and not self._more_to_come:
                        await self._try(target)  # nobody to race with
                        continue
                    self._tasks.spawn(self._try(target), name=target.address)
                try:
                    async with asyncio.timeout_at(self._next_at if self._waiting else None):
                        await self._news.wait()
                except TimeoutError:
                    continue
        finally:
            await self._tasks.close()

    async def _join(self, late: Callable[[], Awaitable[Sequence[T]]]) -> None:
        try:
            more = await late()
            in_turns = chain.from_iterable(zip_longest(more, tuple(self._waiting)))
            self._waiting = deque(target for target in in_turns if target is not None)
        finally:
            self._more_to_come = False
            self._news.set()

    async def _try(self, target: T) -> None:
        try:
            sock = await _call(target, self._seconds)
        except ConnectFailed as error:
            self.running.remove(target)
            self.failed.append((target, error))
            self._next_at = 0.0
        else:
            if self.sock is None:
                self.running.remove(target)
                self.sock, self.winner = sock, target
            else:
                sock.close()
        self._news.set()


async def _call(target: Target, seconds: float) -> socket.socket:
    """A connected socket. Raises ConnectFailed."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: see binding.py
    except OSError as error:
        raise LocalFailure(f"no socket to call {target.address}: {_reason(error)}") from error
    try:
        sock.setblocking(False)
        if target.source:
            try:
                sock.bind((target.source, 0))
            except OSError as error:
                raise LocalFailure(f"calls can't be made from {target.source}: {_reason(error)}") from error
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, (target.address, target.port))
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError):
            text = f"{target.address} port {target.port}: timed out after {seconds:g} s"
            raise ConnectFailed(text) from error
        if isinstance(error, OSError):
            raise ConnectFailed(f"{target.address} port {target.port}: {_reason(error)}") from error
        raise
    return sock


def _reason(error: OSError) -> str:
    """The system's words; the loop puts some of its own before them."""
    return os.strerror(error.errno).lower() if error.errno else str(error)
