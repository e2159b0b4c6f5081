"""Another implementation's SCRAM client, as an answer to each challenge. Not a test itself."""

from collections.abc import Callable
from typing import Any

import scramp

from .people import BOB, PASSWORD

Answer = Callable[[bytes], bytes]


def scram_answers(mechanism: str, password: str = PASSWORD, *, user: str = BOB, binding: Any = None) -> Answer:
    """The empty challenge first; it raises when the server's signature is wrong. `binding`: see scramp."""
    peer = scramp.ScramClient([mechanism], user, password, channel_binding=binding)
    said: list[Callable[[bytes], Any]] = [
        lambda _: peer.get_client_first().encode(),
        lambda challenge: (peer.set_server_first(challenge.decode()), peer.get_client_final().encode())[1],
        lambda challenge: (peer.set_server_final(challenge.decode()), b"")[1],
    ]
    return lambda challenge: bytes(said.pop(0)(challenge))


def bearer(token: str, name: str = BOB) -> bytes:
    """The message of OAUTHBEARER (RFC 7628 §3.1)."""
    return f"n,a={name},\x01host=mail.example\x01port=993\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(token: str, name: str = BOB) -> bytes:
    """The message of XOAUTH2."""
    return f"user={name}\x01auth=Bearer {token}\x01\x01".encode()
