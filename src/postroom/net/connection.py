"""One TCP connection between a transport of the event loop and a session that reads and writes it.

Owns: input and output buffers, flow control, the TLS upgrade, the moment of last activity. Never: knows a mail
protocol, starts a timer on the server's side (the listener's sweeper compares `last_activity`). Raises: see
net.api.Connection.
"""

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import cast

from .api import ClientCertificate, ConnectionEnd, IdleTimeout, TlsFailed, TlsInfo
from .proxy_header import Proxied
from .server_certificate import CertificateContext
from .settings import NetSettings

_NEVER = math.inf
_ITSELF = Proxied()
_READ_BUFFER_OCTETS = 65536
_DER = 2  # _ssl.ENCODING_DER
# One buffer for all connections of the process: filling it and copying out of it happen in one turn of the loop. It has
# to be a memoryview: with a bytearray the standard library's TLS fills a copy and input is silently corrupted.
_read_buffer = memoryview(bytearray(_READ_BUFFER_OCTETS))


class SocketConnection(asyncio.BufferedProtocol):
    """net.api.Connection over an asyncio (or uvloop) transport, for servers and clients."""

    # for clients only, so that the many sessions of a server do not pay for it
    _alarm: asyncio.TimerHandle | None = None
    _deadline = _NEVER

    def __init__(
        self,
        settings: NetSettings,
        made: "asyncio.Future[None] | None" = None,
        *,
        proxied: Proxied = _ITSELF,
    ) -> None:
        self._settings = settings
        self._proxied = proxied  # what a proxy has said, which stays true under STARTTLS
        self._loop = asyncio.get_running_loop()
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._inbox: list[bytes] = []
        self._inbox_size = 0
        self._outbox: list[bytes] = []
        self._reading_paused = False
        self._writing_paused = False
        self._eof = False
        self._lost = False
        self._end: ConnectionEnd | None = None
        self._receiver: asyncio.Future[None] | None = None
        self._drainers: set[asyncio.Future[None]] = set()  # an IDLE session's updates may wait beside the session
        self._closed_future: asyncio.Future[None] | None = None
        self.peer: tuple[str, int] = ("", 0)
        self.local: tuple[str, int] = ("", 0)
        self.tls: TlsInfo | None = None
        self.observer: Callable[[bool, bytes], None] | None = None  # told (sent by us?, octets) in the clear
        self.idle_timeout = 300.0
        self.last_activity = self._loop.time()

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._settings.output_high_water_octets)
        self.peer = self._proxied.peer or peer_address(transport.get_extra_info("peername"))
        self.local = self._proxied.local or peer_address(transport.get_extra_info("sockname"))
        self.tls = _tls_info(transport)
        if self._made is not None and not self._made.done():
            self._made.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.last_activity = self._loop.time()
        data = bytes(_read_buffer[:nbytes])
        self._inbox.append(data)
        if self.observer is not None:
            self.observer(False, data)
        self._inbox_size += nbytes
        if (
            self._inbox_size > self._settings.input_high_water_octets
            and not self._reading_paused
            and self._transport is not None
        ):
            self._reading_paused = True
            self._transport.pause_reading()
        _wake(self._receiver)

    def eof_received(self) -> bool:
        self._eof = True
        _wake(self._receiver)
        return self.tls is None  # a half-closed plain connection still takes our last replies

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._eof = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._outbox.clear()
        for waiter in (self._receiver, *self._drainers, self._closed_future):
            _wake(waiter)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self.last_activity = self._loop.time()
        for waiter in self._drainers:
            _wake(waiter)

    # ---- what a session calls (net.api.Connection)

    @property
    def closed(self) -> bool:
        return self._lost

    async def receive(self) -> bytes:
        self.flush()
        if not self._inbox and not self._eof:
            if self._end is not None:
                raise self._end
            self.last_activity = self._loop.time()
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None
        return self.receive_nowait()

    async def receive_by(self, deadline: float) -> bytes:
        """`receive`, with a TimeoutError at that time of the loop.

        Next to free when it is called again and again: one alarm serves many waits, as their deadlines only move on.
        """
        self._deadline = deadline
        if not self._lost and (self._alarm is None or self._alarm.when() > deadline):
            self._set_alarm(deadline)
        try:
            return await self.receive()
        finally:
            self._deadline = _NEVER

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._deadline > self._loop.time():
            if self._deadline != _NEVER:
                self._set_alarm(self._deadline)
        elif self._receiver is not None and not self._receiver.done():
            self._receiver.set_exception(TimeoutError())

    def receive_nowait(self) -> bytes:
        inbox = self._inbox
        if not inbox:
            return b""
        data = inbox[0] if len(inbox) == 1 else b"".join(inbox)
        inbox.clear()
        self._inbox_size = 0
        if self._reading_paused and not self._lost and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    def send(self, data: bytes) -> None:
        if not self._lost:
            self._outbox.append(data)
            if self.observer is not None:
                self.observer(True, data)

    def flush(self) -> None:
        outbox = self._outbox
        if not outbox:
            return
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        self.flush()
        if not self._writing_paused or self._lost:
            return
        if self._end is not None:
            raise self._end
        self.last_activity = self._loop.time()
        waiter = self._loop.create_future()
        self._drainers.add(waiter)
        try:
            await waiter
        finally:
            self._drainers.discard(waiter)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self._upgrade(context, server_side=True, server_hostname=None)

    async def start_tls_client(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        """Client side of STARTTLS. Octets received before are thrown away. Raises TlsFailed."""
        await self._upgrade(context, server_side=False, server_hostname=server_hostname)

    def channel_binding(self) -> bytes | None:
        tls = self._ssl_object()
        if tls is None or tls.session_reused or not isinstance(tls.context, CertificateContext):
            return None
        return tls.context.end_point

    @property
    def client_certificate(self) -> ClientCertificate | None:
        tls = self._ssl_object()
        if tls is None or not isinstance(tls.context, CertificateContext) or tls.context.clients is None:
            return None
        shown = tls.getpeercert(binary_form=True)  # the handshake would have failed had it not been good
        return tls.context.clients.read(shown) if shown else None

    def _ssl_object(self) -> ssl.SSLObject | None:
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    def peer_certificates(self) -> list[bytes]:
        """What the peer has shown in the handshake, its own first, in DER; empty in the clear."""
        tls = self._ssl_object()
        if tls is None:
            return []
        # public since Python 3.13; before that it is there, but only below the Python object
        shown = getattr(tls, "get_unverified_chain", None) or tls._sslobj.get_unverified_chain  # type: ignore[attr-defined]
        return [one if isinstance(one, bytes) else one.public_bytes(_DER) for one in shown() or ()]

    async def _upgrade(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None) -> None:
        if self._transport is None or self._lost:
            raise TlsFailed("the connection is gone")
        self.flush()
        # Nothing received in the clear may be taken for something received under TLS (RFC 3207 §4.2, CVE-2011-0411).
        # There is no await between here and the moment the loop stops reading for the handshake.
        self.receive_nowait()
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_side=server_side,
                server_hostname=server_hostname,
                ssl_handshake_timeout=self._settings.tls_handshake_timeout_seconds,
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError and ConnectionError are OSErrors
            self._fail_upgrade()
            raise TlsFailed(str(error)) from error
        if transport is None:  # the peer left during the handshake
            self._fail_upgrade()
            raise TlsFailed("the peer left during the handshake")
        self._transport = transport
        self._transport.set_write_buffer_limits(high=self._settings.output_high_water_octets)
        self.tls = _tls_info(transport)
        self.last_activity = self._loop.time()

    def _fail_upgrade(self) -> None:
        # The loop does not promise connection_lost after a failed upgrade.
        self.abort()
        self.connection_lost(None)

    async def close(self) -> None:
        self.flush()
        transport = self._transport
        if transport is None or self._lost:
            return
        self._closed_future = self._loop.create_future()
        transport.close()
        try:
            async with asyncio.timeout(self._settings.close_timeout_seconds):
                await self._closed_future
        except TimeoutError:
            transport.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- what the listener calls

    def turn_away(self, words: bytes) -> None:
        """Say this to a client that has just connected, and close: with no task, and no wait for the client."""
        self.send(words)
        self.flush()  # a new socket has room for it
        if self._transport is not None:
            self._transport.close()

    def end_if_idle(self, now: float) -> None:
        """Tell a session that waits too long for its peer to say goodbye."""
        if now - self.last_activity > self.idle_timeout:
            self._finish(IdleTimeout())

    def end(self, reason: ConnectionEnd) -> None:
        """Tell the session to say goodbye as soon as it waits for its peer."""
        self._end = reason
        self._finish(reason)

    def _finish(self, reason: ConnectionEnd) -> None:
        for waiter in (self._receiver, *self._drainers):
            if waiter is not None and not waiter.done():
                waiter.set_exception(reason)


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def peer_address(name: object) -> tuple[str, int]:
    """Address and port of what the socket module calls a name."""
    if isinstance(name, tuple) and len(name) >= 2:
        host = str(name[0])
        return (host.removeprefix("::ffff:") if "." in host else host), int(name[1])
    return "unix", 0


def _tls_info(transport: asyncio.BaseTransport) -> TlsInfo | None:
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    cipher = tls.cipher() or ("", "", 0)
    return TlsInfo(version=tls.version() or "", cipher=cipher[0], bits=cipher[2] or 0)
