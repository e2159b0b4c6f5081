"""Accepts connections and gives each to a service.

Owns: the tasks of the sessions, the limits of their number, whom a proxy speaks for, the sweeper that ends silent ones.
Never: knows a mail protocol; what a surplus client is told are the octets handed in as `busy`, what one hears that may
not come in are those of `admission`.
Raises: ListenError from `bind`.
"""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from postroom.base import TaskOwner

from .api import Admission, ServerStopping, Service
from .binding import bind_tcp, bind_unix, parse_address, written
from .client_hello import MAX_HELLO_OCTETS, ClientHello, read_client_hello
from .connection import SocketConnection, peer_address
from .networks import NO_NETWORKS, Networks
from .proxy_header import BadProxyHeader, Proxied, ProxyHeaderReader
from .settings import NetSettings
from .tally import OwnTally, Tally
from .turns import Turns

_log = logging.getLogger("postroom.net")
# The path belongs to who bound it, which may be another process.
_ITSELF = Proxied()
_HELLO_PAUSE_SECONDS = 0.05
_KEEP_PATH: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class HelloReader(Protocol):
    """Chooses a context by what a client says first, where the usual one does not do (implicit TLS)."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to choose now; if not, nobody waits for it."""

    def context(self, name: str, protocols: Sequence[str]) -> ssl.SSLContext | None:
        """None: the usual one."""


class ListenError(Exception):
    """An address can't be listened on; the text says which and why."""


class Listener:
    """One service on one or several addresses."""

    def __init__(
        self,
        name: str,
        service: Service,
        settings: NetSettings,
        *,
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        hello: HelloReader | None = None,
        busy: bytes = b"",
        proxies: Networks = NO_NETWORKS,
        admission: Admission | None = None,
    ) -> None:
        self.name = name
        self.admission = admission  # None: whoever finds room
        self._service = service
        self._settings = settings
        self._tls = tls  # implicit TLS from the first octet
        self._starttls = starttls  # in the place of the context that a session has; None: that one
        self._hello = hello
        self._busy = busy
        self._proxies = proxies  # whose connections begin with a PROXY header, and no others
        self._nameless = 0  # connections of proxies that have not said yet for whom
        self._sockets: list[socket.socket] = []
        self._unix_paths: list[str] = []
        self._servers: list[asyncio.Server] = []
        self._tasks = TaskOwner(name)
        self._sweeper = TaskOwner(f"{name}-sweeper")
        self._acceptors = TaskOwner(f"{name}-acceptors")
        self._handshakes = TaskOwner(f"{name}-handshakes")
        self._connections: dict[SocketConnection, None] = {}
        self.tally: Tally = OwnTally()
        self._turns: Turns | None = None  # with other processes that accept from the same sockets
        self._open = 0  # connections, and TLS handshakes that may become some

    def bind(self, addresses: Sequence[str]) -> None:
        """Open the sockets (as root when a port is below 1024); `start` may come after dropping root.

        After a ListenError those opened before stay open, for `start` or `unbind`.
        """
        for text in addresses:
            try:
                host, port = parse_address(text)
                if host.startswith("unix:"):
                    self._sockets.append(bind_unix(host[5:]))
                    self._unix_paths.append(host[5:])
                else:
                    self._sockets.append(bind_tcp(host, port, self._settings.keepalive_seconds))
            except (OSError, ValueError) as error:
                raise ListenError(f"{self.name} cannot listen on {text}: {error}") from error

    def bind_beside(self, first: "Listener") -> None:
        """For another process: accept from the sockets of `first`, which keeps the paths of its Unix sockets."""
        for sock in first._sockets:
            try:
                self._sockets.append(sock.dup())
            except OSError as error:
                raise ListenError(f"{self.name} cannot listen on {written(sock.getsockname())}: {error}") from error
        self._turns = Turns(lambda: self.tally.ahead)

    async def start(self) -> None:
        """Accept connections on what was bound."""
        loop = asyncio.get_running_loop()
        backlog = self._settings.backlog
        for sock in self._sockets:
            if self._tls is not None or self._proxies or self._turns is not None:
                sock.listen(backlog)
                self._acceptors.spawn(self._accept(sock), name="accept")
            elif sock.family == socket.AF_UNIX:
                self._servers.append(
                    await loop.create_unix_server(self._connect, sock=sock, backlog=backlog, **_KEEP_PATH)
                )
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
        return [written(sock.getsockname()) for sock in self._sockets]

    @property
    def connections(self) -> int:
        """How many are open, those that still shake hands included."""
        return self._open

    def _connect(self) -> SocketConnection:
        return _Accepted(self._settings, self._starttls, self)

    def accepted(self, connection: SocketConnection) -> None:
        """A connection in the clear is established."""
        address = connection.peer[0]
        refusal = self._admit(address)
        if refusal is not None:
            connection.turn_away(refusal)
            return
        self._begin(connection, address)

    def _admit(self, address: str) -> bytes | None:
        """Count one more; the words for one who is not let in."""
        if self.admission is not None and (refusal := self.admission.admit(address)) is not None:
            return refusal
        settings = self._settings
        if not self.tally.admit(address, settings.max_connections, settings.max_connections_per_address):
            _log.warning("%s: too many connections, %s turned away", self.name, address)
            if self.admission is not None:
                self.admission.leave(address)
            return self._busy
        self._open += 1
        return None

    def _release(self, address: str) -> None:
        self._open -= 1
        self.tally.release(address)
        if self.admission is not None:
            self.admission.leave(address)

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

    # ---- implicit TLS, proxies, turns: the loop's own server tells of a connection only after its handshake, too late
    # to count it, takes octets that stand before the handshake for a part of it, and takes all connections there are

    async def _accept(self, listening: socket.socket) -> None:
        accept = asyncio.get_running_loop().sock_accept if self._turns is None else self._turns.accept
        while True:
            try:
                sock, name = await accept(listening)
            except OSError as error:  # out of descriptors or memory: those that wait stay in the backlog
                _log.error("%s can't accept connections: %s", self.name, error)
                await asyncio.sleep(self._settings.accept_pause_seconds)
                continue
            address = peer_address(name)[0]
            if address in self._proxies:
                self._handshakes.spawn(self._ask_proxy(sock, address), name=f"proxy {address}")
            else:
                self._take(sock, address, _ITSELF)

    async def _ask_proxy(self, sock: socket.socket, proxy: str) -> None:
        """The proxy says first for whom it has connected."""
        self._nameless += 1
        try:
            if self._nameless > self._settings.max_connections:
                raise BadProxyHeader("too many connections without a PROXY header")
            async with asyncio.timeout(self._settings.proxy_timeout_seconds):
                proxied = await self._read_proxy_header(sock)
        except (BadProxyHeader, OSError, TimeoutError) as error:
            _log.warning("%s: connection of the proxy %s closed: %s", self.name, proxy, str(error) or "silence")
            sock.close()
            return
        except BaseException:
            sock.close()
            raise
        finally:
            self._nameless -= 1
        self._take(sock, proxied.peer[0] if proxied.peer is not None else proxy, proxied)

    async def _read_proxy_header(self, sock: socket.socket) -> Proxied:
        loop, reader = asyncio.get_running_loop(), ProxyHeaderReader(self._settings.max_proxy_header_octets)
        while True:
            data = await loop.sock_recv(sock, reader.wanted)
            if not data:
                raise BadProxyHeader("it left")
            if (proxied := reader.feed(data)) is not None:
                return proxied

    def _take(self, sock: socket.socket, address: str, proxied: Proxied) -> None:
        refusal = self._admit(address)
        if refusal is None:
            self._handshakes.spawn(self._shake_hands(sock, address, proxied), name=address)
            return
        if self._tls is None:
            with contextlib.suppress(OSError):
                sock.send(refusal)  # the socket is new: it has room for that
        sock.close()  # under TLS without words: it could not read them before its handshake

    async def _shake_hands(self, sock: socket.socket, address: str, proxied: Proxied) -> None:
        connection, begun = _Patient(self._settings, self._starttls, proxied=proxied), False
        patience = self._settings.tls_handshake_timeout_seconds if self._tls is not None else None
        try:
            tls = self._tls
            if tls is not None and self._hello is not None and self._hello.wanted:
                tls = await self._by_hello(sock, self._hello) or tls
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, sock, ssl=tls, ssl_handshake_timeout=patience
            )
            self._begin(connection, address)
            begun = True
        except OSError as error:  # ssl.SSLError, ConnectionError and TimeoutError are OSErrors
            _log.info("%s: TLS with %s failed: %s", self.name, address, error)
        finally:
            if not begun:
                sock.close()
                self._release(address)

    async def _by_hello(self, sock: socket.socket, reader: HelloReader) -> ssl.SSLContext | None:
        """Look at the ClientHello without taking it. Raises TimeoutError, OSError."""
        async with asyncio.timeout(self._settings.tls_handshake_timeout_seconds):
            while True:
                await _readable(sock)
                data = sock.recv(MAX_HELLO_OCTETS, socket.MSG_PEEK)
                hello = read_client_hello(data) if data else ClientHello()
                if hello is not None:
                    return reader.context(hello.name, hello.protocols)
                await asyncio.sleep(_HELLO_PAUSE_SECONDS)  # what is there stays there: it would be readable at once

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
        self.let_go()
        for path in self._unix_paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._unix_paths.clear()

    def let_go(self) -> None:
        """Close the sockets in this process; in another, to which a fork has brought them, they stay as they are."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)


class _Patient(SocketConnection):
    """A connection of a client."""

    def __init__(
        self, settings: NetSettings, starttls: ssl.SSLContext | None = None, *, proxied: Proxied = _ITSELF
    ) -> None:
        super().__init__(settings, proxied=proxied)
        self._starttls = starttls

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await super().start_tls(self._starttls or context)

    async def receive(self) -> bytes:
        """As described, but nothing more is taken from a client that does not take what it was sent.

        Otherwise one that pipelines commands and reads no answers makes the process grow without end. Connections to
        other servers have no such rule: a server may refuse a message while it is still being sent.
        """
        await self.drain()
        return await super().receive()


class _Accepted(_Patient):
    """One in the clear: it reports to its listener once it is established."""

    def __init__(self, settings: NetSettings, starttls: ssl.SSLContext | None, listener: Listener) -> None:
        super().__init__(settings, starttls)
        self._listener = listener
        self._reported = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._reported:  # a STARTTLS upgrade may call this again
            self._reported = True
            self._listener.accepted(self)
