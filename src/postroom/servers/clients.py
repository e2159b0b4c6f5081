"""A connection as signin sees it. Owns: that one translation. Never: decides anything. Raises: nothing."""

from typing import Literal

from postroom.net import Connection
from postroom.signin import Client


def client_of(connection: Connection, protocol: Literal["smtp", "imap", "pop3"]) -> Client:
    """Who wants to sign in, over what: as it is now, since STARTTLS changes it."""
    return Client(
        connection.peer[0],
        protocol,
        tls=connection.tls is not None,
        channel_binding=connection.channel_binding(),
        certificate=connection.client_certificate,
    )
