"""Which mechanisms we sign in by at a server of others.

Owns: their order, and making one. Never: knows what a server offers. Raises: nothing.
"""

from .client import ClientMechanism, LoginClient, PlainClient
from .scram_client import ScramClient

CLIENT_MECHANISMS = (ScramClient.name, PlainClient.name, LoginClient.name)  # best first


def client_mechanism(name: str | bytes, username: str, password: str, *, nonce: str = "") -> ClientMechanism | None:
    """A new exchange by that mechanism; None when there is none. Without a `nonce`, new for each, there is no SCRAM."""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    match name.upper():
        case "SCRAM-SHA-256" if nonce:
            return ScramClient(username, password, nonce)
        case "PLAIN":
            return PlainClient(username, password)
        case "LOGIN":
            return LoginClient(username, password)
    return None
