"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

Owns: one exchange; whether the server has shown that it knows the password. Never: makes a nonce. Raises:
UnexpectedChallenge for what is not this exchange, and for a server that is not the one; then cancel with "*".
"""

import hmac

from .base64 import encode_base64
from .client import UnexpectedChallenge, encoded
from .scram_keys import hashed, keyed, salted_password
from .scram_messages import BadMessage, escaped, server_final, server_first

_HEADER = b"n,,"  # RFC 5802 §6: a client that does not bind to the channel
# Hi() runs on the event loop: so many take less than a tenth of a second. Servers use 4096 to 32768.
MAX_ITERATIONS = 200_000


class ScramClient:
    """`nonce`: the client's part, new for each exchange, printable and without commas."""

    name = "SCRAM-SHA-256"

    def __init__(self, username: str, password: str, nonce: str) -> None:
        self._password = encoded(password).decode("utf-8", "surrogateescape")
        name = escaped(encoded(username).decode("utf-8", "surrogateescape"))
        self._bare = f"n={name},r={nonce}".encode("utf-8", "surrogateescape")
        self._nonce = nonce
        self._signature: bytes | None = None  # that the server's last word has to have
        self._proven = False
        self._first_sent = False

    @property
    def complete(self) -> bool:
        """The server has proven to know the password; without that a success is nobody's word (RFC 5802 §5)."""
        return self._proven

    def initial(self) -> bytes:
        self._first_sent = True
        return _HEADER + self._bare

    def step(self, challenge: bytes) -> bytes:
        if not self._first_sent:
            return self.initial()  # an empty challenge asks for it
        try:
            if self._signature is None:
                return self._prove(challenge)
            if self._proven:
                raise UnexpectedChallenge("SCRAM is over")
            if not hmac.compare_digest(server_final(challenge), self._signature):
                raise UnexpectedChallenge("the server does not know the password")
        except BadMessage as error:
            raise UnexpectedChallenge(f"SCRAM: {error}") from error
        self._proven = True
        return b""

    def _prove(self, challenge: bytes) -> bytes:
        first = server_first(challenge)
        if not first.nonce.startswith(self._nonce) or first.nonce == self._nonce:
            raise UnexpectedChallenge("the server's nonce does not begin with ours")
        if first.iterations > MAX_ITERATIONS:
            raise UnexpectedChallenge(f"{first.iterations} iterations are too many")
        salted = salted_password(self._password, first.salt, first.iterations, "sha-256")
        unproven = b"c=%b,r=%b" % (encode_base64(_HEADER), first.nonce.encode())
        signed = b"%b,%b,%b" % (self._bare, challenge, unproven)
        client_key = keyed("sha-256", salted, b"Client Key")
        signature = keyed("sha-256", hashed("sha-256", client_key), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._signature = keyed("sha-256", keyed("sha-256", salted, b"Server Key"), signed)
        return b"%b,p=%b" % (unproven, encode_base64(proof))
