"""The network: listeners, connections, TLS, outgoing connections. Knows no mail protocol."""

from .api import Connection, ConnectionEnd, IdleTimeout, ServerStopping, Service, TlsFailed, TlsInfo
from .binding import is_loopback, parse_address
from .compression import CompressedConnection, CorruptInput
from .connection import SocketConnection
from .dialer import ConnectFailed, Dialer, LocalFailure, Raced
from .http1 import BadHttp
from .https_client import Fetch, FetchFailed, HttpsClient
from .listener import Listener, ListenError
from .networks import NO_NETWORKS, Networks
from .settings import NetSettings, TlsSettings
from .tally import TALLY_ROWS, BoardTally
from .tls import ServerTls, TlsSetupError, client_context, self_signed

__all__ = [
    "NO_NETWORKS",
    "TALLY_ROWS",
    "BadHttp",
    "BoardTally",
    "CompressedConnection",
    "ConnectFailed",
    "Connection",
    "ConnectionEnd",
    "CorruptInput",
    "Dialer",
    "Fetch",
    "FetchFailed",
    "HttpsClient",
    "IdleTimeout",
    "ListenError",
    "Listener",
    "LocalFailure",
    "NetSettings",
    "Networks",
    "Raced",
    "ServerStopping",
    "ServerTls",
    "Service",
    "SocketConnection",
    "TlsFailed",
    "TlsInfo",
    "TlsSettings",
    "TlsSetupError",
    "client_context",
    "is_loopback",
    "parse_address",
    "self_signed",
]
