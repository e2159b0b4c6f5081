"""One HTTPS request to one host (RFC 9110 §4.2.2): connect, ask, read the answer, close. Plain HTTP where asked for.

Owns: the order of addresses, the time for it all. Never: looks up names, follows redirects, reuses a connection.
Raises: FetchFailed, with `untrusted` when the host's certificate is not its own.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .api import ConnectionEnd, TlsFailed
from .connection import SocketConnection
from .dialer import ConnectFailed, Dialer
from .http1 import BadHttp, Message, MessageReader, request


class FetchFailed(Exception):
    """No answer; the text says why in words for people."""

    def __init__(self, why: str, *, untrusted: bool = False) -> None:
        super().__init__(why)
        self.untrusted = untrusted


@dataclass(frozen=True, slots=True)
class Fetch:
    """What to ask whom."""

    host: str  # for the certificate and the Host field
    target: str
    addresses: Sequence[str]
    port: int = 443
    method: str = "GET"
    fields: Mapping[str, str] | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)  # it and the fields may hold a secret
    secure: bool = True  # False: without TLS, where settings allow that


class HttpsClient:
    """`fetch` as often as wanted."""

    def __init__(
        self, dialer: Dialer, context: Callable[[], ssl.SSLContext], *, max_octets: int, timeout_seconds: float
    ) -> None:
        self._dialer = dialer
        self._context = context
        self._max_octets = max_octets
        self._timeout = timeout_seconds

    async def fetch(self, wanted: Fetch) -> Message:
        """The response, whatever its status. Raises FetchFailed."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connect(wanted)
                try:
                    return await self._converse(connection, wanted)
                finally:
                    connection.abort()
        except TimeoutError as error:
            raise FetchFailed(f"{wanted.host}: no answer in {self._timeout:g} s") from error

    async def _connect(self, wanted: Fetch) -> SocketConnection:
        trouble = FetchFailed(f"{wanted.host} has no address")
        tls = self._context() if wanted.secure else None
        for address in wanted.addresses:
            try:
                return await self._dialer.connect(address, wanted.port, tls=tls, server_hostname=wanted.host)
            except ConnectFailed as error:
                trouble = FetchFailed(f"{wanted.host}: {error}")
            except TlsFailed as error:
                untrusted = isinstance(error.__cause__, ssl.SSLCertVerificationError)
                trouble = FetchFailed(f"{wanted.host} [{address}]: {error}", untrusted=untrusted)
        raise trouble

    async def _converse(self, connection: SocketConnection, wanted: Fetch) -> Message:
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        if wanted.port != (443 if wanted.secure else 80):
            host += f":{wanted.port}"
        connection.send(request(wanted.method, host, wanted.target, wanted.fields or {}, wanted.body))
        reader = MessageReader(max_body_octets=self._max_octets)
        try:
            while data := await connection.receive():
                if (message := reader.feed(data)) is not None:
                    return message
            return reader.end()
        except (BadHttp, ConnectionEnd) as error:
            raise FetchFailed(f"{wanted.host}: {error}") from error
