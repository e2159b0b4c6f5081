"""Accepts connections and gives each to a service.

Owns: listening sockets, the tasks of the sessions, the count of connections, the sweeper that ends silent ones.
Never: knows a mail protocol; what a surplus client is told are the octets handed in as `busy`.
Raises: ListenError from `bind`.
"""

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import ssl
import stat
from collections import Counter
from collections.abc import Sequence

from postroom.base import TaskOwner

from .api import ServerStopping, Service
from .connection import SocketConnection, peer_address
from .settings import NetSettings

_log = logging.getLogger("postroom.net")
_PROBE_SECONDS, _PROBES = 30, 4  # once a client has not answered the first


class ListenError(Exception):
    """An address can't be listened on; the text says which and why."""


def parse_address(text: str) -> tuple[str, int]:
    """("127.0.0.1", 25) of "127.0.0.1:25", "[::1]:25"; ("unix:/path", 0) of "unix:/path". Raises ValueError."""
    if text.startswith("unix:/"):
        return text, 0
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    return str(ipaddress.ip_address(host)), int(port)


def is_loopback(address: str) -> bool:
    """True for this machine's own addresses: loopback and Unix sockets."""
    if address == "unix":
        return True
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Listener:
    """One service on one or several addresses."""

    def __init__(
        self,
        name: str,
        service: Service,
        settings: NetSettings,
        *,
        tls: ssl.SSLContext | None = None,
        busy: bytes = b"",
    ) -> None:
        self.name = name
        self._service = service
        self._settings = settings
        self._tls = tls  # implicit TLS from the first octet
        self._busy = busy
        self._sockets: list[socket.socket] = []
        self._unix_paths: list[str] = []
        self._servers: list[asyncio.Server] = []
        self._tasks = TaskOwner(name)
        self._sweeper = TaskOwner(f"{name}-sweeper")
        self._acceptors = TaskOwner(f"{name}-acceptors")
        self._handshakes = TaskOwner(f"{name}-handshakes")
        self._connections: dict[SocketConnection, None] = {}
        self._open = 0  # connections, and TLS handshakes that may become some
        self._per_address: Counter[str] = Counter()

    def bind(self, addresses: Sequence[str]) -> None:
        """Open the sockets (as root when a port is below 1024); `start` may come after dropping root.

        After a ListenError those opened before stay open, for `start` or `unbind`.
        """
        for text in addresses:
            try:
                host, port = parse_address(text)
                if host.startswith("unix:"):
                    self._sockets.append(_bind_unix(host[5:]))
                    self._unix_paths.append(host[5:])
                else:
                    self._sockets.append(_bind_tcp(host, port, self._settings.keepalive_seconds))
            except (OSError, ValueError) as error:
                raise ListenError(f"{self.name} cannot listen on {text}: {error}") from error

    async def start(self) -> None:
        """Accept connections on what was bound."""
        loop = asyncio.get_running_loop()
        backlog = self._settings.backlog
        for sock in self._sockets:
            if self._tls is not None:
                sock.listen(backlog)
                self._acceptors.spawn(self._accept(sock, self._tls), name="accept")
            elif sock.family == socket.AF_UNIX:
                self._servers.append(await loop.create_unix_server(self._connect, sock=sock, backlog=backlog))
            else:
                self._servers.append(await loop.create_server(self._connect, sock=sock, backlog=backlog))
        self._sweeper.spawn(self._sweep(), name="sweep")

    @property
    def ports(self) -> list[int]:
        """The port of each TCP socket, in the order bound: what port 0 became."""
        return [s.getsockname()[1] for s in self._sockets if s.family != socket.AF_UNIX]

    @property
    def addresses(self) -> list[str]:
        """What is listened on, as people write it."""
        names = (s.getsockname() for s in self._sockets)
        return [name if isinstance(name, str) else _written(name) for name in names]

    @property
    def connections(self) -> int:
        """How many are open, those that still shake hands included."""
        return self._open

    def _connect(self) -> SocketConnection:
        return _Accepted(self._settings, self)

    def accepted(self, connection: SocketConnection) -> None:
        """A connection in the clear is established."""
        address = connection.peer[0]
        if not self._admit(address):
            connection.send(self._busy)
            self._tasks.spawn(connection.close(), name="busy")
            return
        self._begin(connection, address)

    def _admit(self, address: str) -> bool:
        """Count one more; False when that were too many."""
        settings = self._settings
        if self._open >= settings.max_connections or self._per_address[address] >= settings.max_connections_per_address:
            _log.warning("%s: too many connections, %s turned away", self.name, address)
            return False
        self._open += 1
        self._per_address[address] += 1
        return True

    def _release(self, address: str) -> None:
        self._open -= 1
        self._per_address[address] -= 1
        if self._per_address[address] <= 0:
            del self._per_address[address]

    def _begin(self, connection: SocketConnection, address: str) -> None:
        self._connections[connection] = None
        self._tasks.spawn(self._serve(connection, address), name=f"{address}:{connection.peer[1]}")

    async def _serve(self, connection: SocketConnection, address: str) -> None:
        try:
            await self._service.serve(connection)
        except Exception:
            _log.exception("%s: session with %s failed", self.name, address)
        finally:
            try:
                await connection.close()
            finally:
                self._connections.pop(connection, None)
                self._release(address)

    # ---- implicit TLS: the loop's own server tells of a connection only after its handshake, too late to count it

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, name = await loop.sock_accept(listening)
            except OSError as error:  # out of descriptors or memory: those that wait stay in the backlog
                _log.error("%s can't accept connections: %s", self.name, error)
                await asyncio.sleep(self._settings.accept_pause_seconds)
                continue
            address = peer_address(name)[0]
            if self._admit(address):
                self._handshakes.spawn(self._shake_hands(sock, address, context), name=address)
            else:
                sock.close()  # without words: it could not read them before its handshake

    async def _shake_hands(self, sock: socket.socket, address: str, context: ssl.SSLContext) -> None:
        connection, begun = _Patient(self._settings), False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=context,
                ssl_handshake_timeout=self._settings.tls_handshake_timeout_seconds,
            )
            self._begin(connection, address)
            begun = True
        except OSError as error:  # ssl.SSLError, ConnectionError and TimeoutError are OSErrors
            _log.info("%s: TLS with %s failed: %s", self.name, address, error)
        finally:
            if not begun:
                sock.close()
                self._release(address)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.sweep_interval_seconds)
            now = loop.time()
            for connection in tuple(self._connections):
                connection.end_if_idle(now)

    async def stop(self) -> None:
        """Accept no more, let sessions say goodbye, cut those that do not."""
        await self._acceptors.close()
        for server in self._servers:
            server.close()
        await self._handshakes.close()
        for connection in tuple(self._connections):
            connection.end(ServerStopping())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_timeout_seconds):
                await self._tasks.wait()
        for connection in tuple(self._connections):
            connection.abort()
        await self._tasks.close()
        await self._sweeper.close()
        self.unbind()

    def unbind(self) -> None:
        """Close what `bind` opened; for a listener that will not be started, and the end of `stop`."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        for path in self._unix_paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._unix_paths.clear()


class _Patient(SocketConnection):
    """A connection of a client."""

    async def receive(self) -> bytes:
        """As described, but nothing more is taken from a client that does not take what it was sent.

        Otherwise one that pipelines commands and reads no answers makes the process grow without end. Connections to
        other servers have no such rule: a server may refuse a message while it is still being sent.
        """
        await self.drain()
        return await super().receive()


class _Accepted(_Patient):
    """One in the clear: it reports to its listener once it is established."""

    def __init__(self, settings: NetSettings, listener: Listener) -> None:
        super().__init__(settings)
        self._listener = listener
        self._reported = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._reported:  # a STARTTLS upgrade may call this again
            self._reported = True
            self._listener.accepted(self)


def _written(name: tuple[str, int]) -> str:
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _bind_tcp(host: str, port: int, keepalive_seconds: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY on what such a socket accepts, and on nothing else. Without it
    # the second of two writes waits for a delayed ACK, 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _keep_alive(sock, keepalive_seconds)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    """Accepted connections inherit this. The kernel probes for us: neither a timer here nor a word in the protocol."""
    if not seconds:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # elsewhere the system's own pace holds
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def _bind_unix(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)  # left by a server that was killed
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o660)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
