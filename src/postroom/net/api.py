"""What a session needs from the network, whoever implements it.

Owns: the Connection protocol, its errors, what is known of TLS. Never: knows a mail protocol. Raises: see Connection.
"""

import ssl
from dataclasses import dataclass
from typing import Protocol


class ConnectionEnd(Exception):
    """The session should say goodbye in its protocol's words and return."""


class IdleTimeout(ConnectionEnd):
    """The peer said nothing for `idle_timeout` seconds."""


class ServerStopping(ConnectionEnd):
    """The server is shutting down."""


class TlsFailed(Exception):
    """The handshake failed; the connection is already closed."""


class TlsSetupError(Exception):
    """A certificate, key or authority can't be used; the text names the file and the reason."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a client has shown, and an authority that we believe has signed."""

    names: tuple[str, ...]  # mail addresses that it proves; none: it is good, but we know nobody by it
    subject: str  # RFC 4514, for the log
    fingerprint: str  # SHA-256, in hexadecimal digits


@dataclass(frozen=True, slots=True)
class TlsInfo:
    version: str  # "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    bits: int


class Connection(Protocol):
    """One TCP connection, plain or TLS. One task uses it; `send`, `flush` and `drain` any code on the loop may."""

    peer: tuple[str, int]  # address and port
    local: tuple[str, int]
    tls: TlsInfo | None
    idle_timeout: float  # seconds; a session sets it for the state it is in

    async def receive(self) -> bytes:
        """Flush what was sent, then wait for octets; b"" when the peer has closed (or the connection was lost).

        On a server's side it waits first until the peer has taken enough of what was sent, as `drain` does.

        Raises IdleTimeout, ServerStopping.
        """

    def receive_nowait(self) -> bytes:
        """Octets that have already arrived, b"" if none. Never waits, never flushes."""

    def send(self, data: bytes) -> None:
        """Queue octets; queued octets leave in one write at the next receive, drain or flush. Never fails."""

    def flush(self) -> None:
        """Write what was queued now."""

    async def drain(self) -> None:
        """Flush, then wait until the peer has taken enough; use it between pieces of long output.

        A lost connection makes it return at once; the next `receive` gives b"". Raises IdleTimeout when the peer takes
        nothing for idle_timeout seconds.
        """

    @property
    def closed(self) -> bool:
        """The connection is lost or closed: nothing more can reach the peer."""

    @property
    def client_certificate(self) -> ClientCertificate | None:
        """None: the client was not asked, or has none."""

    def channel_binding(self) -> bytes | None:
        """tls-server-end-point (RFC 5929 §4): a hash of the certificate that this client was shown.

        None in the clear, for a signature for which it is not defined, and where a session was resumed (TLS 1.2), in
        which no certificate is shown.
        """

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Server side of STARTTLS: flush, then shake hands. Octets received before are thrown away (RFC 3207 §4.2).

        A listener with rules of its own for TLS puts its context in the place of this one. Raises TlsFailed.
        """

    async def close(self) -> None:
        """Flush and close; waits a bounded time for the octets to leave."""

    def abort(self) -> None:
        """Close at once."""


class Admission(Protocol):
    """Who may connect at all. Asked for each connection, so it answers from memory."""

    def admit(self, address: str) -> bytes | None:
        """None: let it in, and call `leave` when it is over. Else the octets it hears before it is closed."""

    def leave(self, address: str) -> None:
        """A connection that was let in is over."""


class Service(Protocol):
    """What a listener calls for each connection; returns when the session is over. The listener closes it."""

    async def serve(self, connection: Connection) -> None: ...
