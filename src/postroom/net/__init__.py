"""The network: listeners, connections, TLS, outgoing connections. Knows no mail protocol."""

from .api import (
    Admission,
    ClientCertificate,
    Connection,
    ConnectionEnd,
    IdleTimeout,
    ServerStopping,
    Service,
    TlsFailed,
    TlsInfo,
    TlsSetupError,
)
from .binding import is_loopback, parse_address
from .client_certificates import ClientCertificates
from .compression import CompressedConnection, CorruptInput
from .connection import SocketConnection
from .dialer import ConnectFailed, Dialer, LocalFailure, Raced
from .http1 import BadHttp, MessageReader
from .http1 import Message as HttpMessage
from .http1 import response as http_response
from .http_request import http_request
from .https_client import Fetch, FetchFailed, HttpsClient
from .listener import HelloReader, Listener, ListenError
from .networks import NO_NETWORKS, Networks
from .own_addresses import OwnAddresses, source_towards
from .self_signed import self_signed
from .server_certificate import CertificateFiles, ServerCertificate, covers, load_certificate, names_of
from .server_certificates import ServerCertificates, configured_certificates
from .settings import CertificateSettings, NetSettings, TlsSettings
from .tally import TALLY_ROWS, BoardTally
from .tls import ClientMode, ServerTls, client_context

__all__ = [
    "NO_NETWORKS",
    "TALLY_ROWS",
    "Admission",
    "BadHttp",
    "BoardTally",
    "CertificateFiles",
    "CertificateSettings",
    "ClientCertificate",
    "ClientCertificates",
    "ClientMode",
    "CompressedConnection",
    "ConnectFailed",
    "Connection",
    "ConnectionEnd",
    "CorruptInput",
    "Dialer",
    "Fetch",
    "FetchFailed",
    "HelloReader",
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
    "ServerCertificate",
    "ServerCertificates",
    "ServerStopping",
    "ServerTls",
    "Service",
    "SocketConnection",
    "TlsFailed",
    "TlsInfo",
    "TlsSettings",
    "TlsSetupError",
    "client_context",
    "configured_certificates",
    "covers",
    "http_request",
    "http_response",
    "is_loopback",
    "load_certificate",
    "names_of",
    "parse_address",
    "self_signed",
    "source_towards",
]
