"""The network's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class NetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[net]`: what every listener and connection keeps to."""

    max_connections: Annotated[
        int, Meta(ge=1, description="Connections open at once on one listener; one more is told to come back later.")
    ] = 10_000
    max_connections_per_address: Annotated[
        int, Meta(ge=1, description="Connections open at once from one client address on one listener.")
    ] = 200
    skip_taken_addresses: Annotated[
        bool,
        Meta(description="Start without an address that another program listens on already; for development."),
    ] = False
    backlog: Annotated[int, Meta(ge=1, description="Connections the kernel may hold before they are accepted.")] = 1024
    input_high_water_octets: Annotated[
        int, Meta(ge=4096, description="Octets received and not yet used, above which reading from the peer stops.")
    ] = 262_144
    output_high_water_octets: Annotated[
        int, Meta(ge=4096, description="Octets waiting to be sent, above which a session waits for its peer.")
    ] = 262_144
    tls_handshake_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds a peer has for the TLS handshake.")
    ] = 30.0
    proxy_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds a proxy has for saying whom it has connected for (PROXY protocol).")
    ] = 5.0
    max_proxy_header_octets: Annotated[
        int,
        Meta(ge=536, description="Octets of a PROXY header of version 2, with all it may say."),
    ] = 4096
    close_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that the last octets have to leave before a connection is cut.")
    ] = 5.0
    stop_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that sessions have to say goodbye when the server stops.")
    ] = 10.0
    keepalive_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=32_767,
            description="Seconds of silence after which the system asks whether a client is still there, so that "
            "routers on the way do not forget a connection that waits for news (IDLE); 0: never.",
        ),
    ] = 240
    accept_pause_seconds: Annotated[
        float, Meta(gt=0, description="Seconds until connections are accepted again when the system refused one.")
    ] = 1.0
    sweep_interval_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks for connections that have been silent too long.")
    ] = 1.0
    connect_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for an outgoing TCP connection to be established.")
    ] = 30.0
    own_address_memory_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds for which it is remembered from which own address another one is called, and so "
            "whether it is our own.",
        ),
    ] = 30.0
    max_remembered_addresses: Annotated[int, Meta(ge=1, description="Addresses of which that is remembered.")] = 10_000


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tls]`: the server's certificate."""

    certificate: Annotated[
        str, Meta(description="Path of the PEM certificate chain; empty: a self-signed one is made under data/tls.")
    ] = ""
    key: Annotated[str, Meta(description="Path of the PEM private key that belongs to the certificate.")] = ""
    reload_interval_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks whether the certificate files have changed.")
    ] = 10.0
    self_signed_days: Annotated[int, Meta(ge=1, description="Days a self-signed certificate is valid.")] = 3650
