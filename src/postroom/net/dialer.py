"""Opens connections to other servers.

Owns: TCP connect and implicit TLS, with a time limit. Never: looks up names (dns) or speaks a protocol.
Raises: ConnectFailed (nothing could be connected), TlsFailed.
"""

import asyncio
import os
import ssl
from collections.abc import Callable

from .api import TlsFailed
from .connection import SocketConnection
from .settings import NetSettings


class ConnectFailed(Exception):
    """No connection; the text says why in words for people ("connection refused", "timed out")."""


class Dialer:
    """Makes client connections; the caller closes them."""

    def __init__(self, settings: NetSettings, made: Callable[[SocketConnection], None] | None = None) -> None:
        self._settings = settings
        self._made = made  # sees each connection before its first octet, to set its observer

    def _connection(self) -> SocketConnection:
        connection = SocketConnection(self._settings)
        if self._made is not None:
            self._made(connection)
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
            raise ConnectFailed(f"{path}: {os.strerror(error.errno).lower() if error.errno else error}") from error

    async def connect(
        self,
        address: str,
        port: int,
        *,
        timeout: float | None = None,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        source: str | None = None,
    ) -> SocketConnection:
        """Connect to an IP address (never a name); with `tls`, shake hands before returning."""
        loop = asyncio.get_running_loop()
        seconds = self._seconds(timeout)
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    self._connection,
                    address,
                    port,
                    local_addr=(source, 0) if source else None,
                )
                if tls is not None:
                    await connection.start_tls_client(tls, server_hostname)
                return connection
        except TimeoutError as error:
            raise ConnectFailed(f"{address} port {port}: timed out after {seconds:g} s") from error
        except TlsFailed:
            raise
        except OSError as error:
            # the loop puts words of its own before the system's
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise ConnectFailed(f"{address} port {port}: {reason}") from error
