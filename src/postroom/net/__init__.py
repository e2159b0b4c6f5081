"""The network: listeners, connections, TLS, outgoing connections. Knows no mail protocol."""

from .api import Connection, ConnectionEnd, IdleTimeout, ServerStopping, Service, TlsFailed, TlsInfo
from .binding import is_loopback, parse_address
from .compression import CompressedConnection, CorruptInput
from .connection import SocketConnection
from .dialer import ConnectFailed, Dialer, LocalFailure, Raced
from .http1 import BadHttp, MessageReader
from .http1 import Message as HttpMessage
from .http1 import response as http_response
from .https_client import Fetch, FetchFailed, HttpsClient
from .listener import Listener, ListenError
from .networks import NO_NETWORKS, Networks
from .own_addresses import OwnAddresses, source_towards
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
    "HttpMessage",
    "HttpsClient",
    "IdleTimeout",
    "ListenError",
    "Listener",
    "LocalFailure",
    "MessageReader",
    "NetSettings",
    "Networks",
    "OwnAddresses",
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
    "http_response",
    "is_loopback",
    "parse_address",
    "self_signed",
    "source_towards",
]
