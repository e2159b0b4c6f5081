"""What TLS our listeners speak, by the name of a profile.

Owns: versions, ciphers, groups and options of each profile. Never: loads a certificate, decides who must use TLS.
Raises: nothing.

The profiles are those that Mozilla publishes for servers ("Server Side TLS", version 5.7), with three differences:
DHE is left out of `intermediate` (every client that knows AEAD ciphers knows ECDHE); the server's order of ciphers
holds, but a client that puts ChaCha20 first gets it; and no session is resumed by a ticket in `modern` either: Python
gives no way to change the keys of tickets, and who gets hold of a key that never changes can read all those sessions.
"""

import ssl

_PRIORITIZE_CHACHA = 0x200000  # SSL_OP_PRIORITIZE_CHACHA, to which Python gives no name
_GROUPS = "X25519:prime256v1:secp384r1"


# Of TLS 1.2, as OpenSSL writes them: forward secrecy and AEAD (RFC 9325 §4.2). Those of TLS 1.3 are all good.
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
PROFILES = {
    "intermediate": ssl.TLSVersion.TLSv1_2,  # RFC 8996, RFC 8314 §4.1
    "modern": ssl.TLSVersion.TLSv1_3,
}


def set_ciphers(context: ssl.SSLContext) -> None:
    """For a certificate's context too: when it takes the place of the listener's in a handshake, OpenSSL takes the
    ciphers from it (and the authorities for clients), and keeps everything else."""
    context.set_ciphers(_CIPHERS)


def front_context(profile: str) -> ssl.SSLContext:
    """What a listener greets with: everything but a certificate, which is chosen by the name that the client gives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = PROFILES[profile]
    set_ciphers(context)
    if (set_groups := getattr(context, "set_groups", None)) is not None:  # since Python 3.15; OpenSSL's own are sound
        set_groups(_GROUPS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context
