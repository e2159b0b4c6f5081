"""The network's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated, Literal

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


class CertificateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tls.certificates.NAME]`: one certificate more; for which hosts it is shown is read from it."""

    certificate: Annotated[str, Meta(min_length=1, description="Path of the PEM certificate chain.")]
    key: Annotated[
        str, Meta(description="Path of the PEM private key that belongs to it; empty: it is in the same file.")
    ] = ""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tls]`: the server's certificates, and what TLS it speaks."""

    certificate: Annotated[
        str,
        Meta(
            description="Path of the PEM certificate chain for clients that name no host, or none of those below; "
            "empty: that of the section acme for hostname, or a self-signed one that is made under data/tls."
        ),
    ] = ""
    key: Annotated[str, Meta(description="Path of the PEM private key that belongs to the certificate.")] = ""
    certificates: Annotated[
        dict[str, CertificateSettings],
        Meta(
            description="More certificates, each with a section [tls.certificates.NAME]; a client is shown the one "
            "that has the host name that it asks for (SNI)."
        ),
    ] = msgspec.field(default_factory=dict)
    profile: Annotated[
        Literal["intermediate", "modern"],
        Meta(
            description="What is spoken, after Mozilla's profiles of these names: TLS 1.2 with forward secrecy and "
            "authenticated encryption alone, and TLS 1.3; or TLS 1.3 alone, which shuts out servers that lack it."
        ),
    ] = "intermediate"
    client_authorities: Annotated[
        str,
        Meta(
            description="Path of PEM certificates of the authorities that vouch for clients, perhaps with their "
            "revocation lists; see listener.NAME.client_certificates."
        ),
    ] = ""
    client_names: Annotated[
        dict[str, str],
        Meta(
            description="Whom a client certificate proves that has no mail address in it: an address for its SHA-256 "
            'fingerprint or its subject ("CN=alice,O=Example").'
        ),
    ] = msgspec.field(default_factory=dict)
    warn_before_expiry_days: Annotated[
        float, Meta(ge=0, description="Days before a certificate ends from which on the log warns of it, once a day.")
    ] = 14
    reload_interval_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks whether the certificate files have changed.")
    ] = 10.0
    self_signed_days: Annotated[int, Meta(ge=1, description="Days a self-signed certificate is valid.")] = 3650
