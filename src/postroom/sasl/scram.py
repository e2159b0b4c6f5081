"""The server's side of SCRAM (RFC 5802, RFC 7677), with channel binding or without.

Owns: one exchange; which channel binding is right (§6), the proof, the signature. Never: finds the keys of a person
(its owner does, between two steps), makes a nonce. Raises: nothing on input; ValueError when its owner breaks the
order.

    step(first) ──► ScramNeeded ──► keys() ──► Challenge ──► step(final) ──► ScramProven | Failed

Whether there is such a person shows in nothing: the keys of nobody are as good as anybody's until the proof.
"""

import enum
import hmac
from collections.abc import Mapping

from .base64 import encode_base64
from .outcome import Challenge, Failed, Outcome, ScramNeeded, ScramProven
from .preparation import prepared_name
from .saslprep import BadName
from .scram_keys import HashName, ScramKey, ScramKeys, digest_octets, hashed, keyed
from .scram_messages import BadMessage, ClientFirst, client_final, client_first

_MECHANISMS: dict[str, HashName] = {"SCRAM-SHA-256": "sha-256", "SCRAM-SHA-1": "sha-1"}
_PLUS = "-PLUS"
SCRAM_MECHANISMS: tuple[str, ...] = tuple(name + end for end in (_PLUS, "") for name in _MECHANISMS)


class _Turn(enum.Enum):
    FIRST = enum.auto()
    KEYS = enum.auto()
    FINAL = enum.auto()
    OVER = enum.auto()


class Scram:
    """One exchange. `nonce` is the server's part, new for each; `channel_bindings` are those of this connection by
    type, empty when the mechanisms with -PLUS are not offered to the client."""

    def __init__(self, name: str, *, nonce: str, channel_bindings: Mapping[str, bytes]) -> None:
        if not nonce:
            raise ValueError("an exchange needs a nonce of its own")
        self.name = name
        self._hash = _MECHANISMS[name.removesuffix(_PLUS)]
        self._plus = name.endswith(_PLUS)
        self._own_nonce = nonce
        self._bindings = channel_bindings
        self._turn = _Turn.FIRST
        self._first: ClientFirst
        self._username = ""
        self._authzid = ""
        self._channel = b""  # the c= that the client has to send
        self._keys: ScramKeys
        self._server_first = b""

    def step(self, response: bytes | None) -> Outcome:
        """The client's next message; None first when the command had none."""
        try:
            if self._turn is _Turn.FIRST:
                if response is None:
                    return Challenge(b"")  # RFC 4422 §5.1: the client speaks first, so ask for it
                return self._begin(response)
            if self._turn is _Turn.FINAL:
                return self._end(response or b"")
        except (BadMessage, BadName) as error:
            self._turn = _Turn.OVER
            return Failed(str(error))
        raise ValueError("the exchange is over, or waits for keys")

    def keys(self, keys: ScramKeys) -> Challenge:
        """Go on with the keys of the one whom ScramNeeded named."""
        if self._turn is not _Turn.KEYS:
            raise ValueError("no keys are needed")
        self._turn = _Turn.FINAL
        self._keys = keys
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce(), encode_base64(keys.salt), keys.iterations)
        return Challenge(self._server_first)

    def _nonce(self) -> bytes:
        return (self._first.nonce + self._own_nonce).encode()

    def _begin(self, response: bytes) -> ScramNeeded:
        first = client_first(response)
        self._channel = first.header + self._channel_binding(first)
        self._username = prepared_name(first.name)
        self._authzid = prepared_name(first.authzid) if first.authzid else ""
        self._first = first
        self._turn = _Turn.KEYS
        return ScramNeeded(self._username, self._hash)

    def _channel_binding(self, first: ClientFirst) -> bytes:
        """What the client has to have bound to (RFC 5802 §6)."""
        if self._plus != (first.flag == "p"):
            raise BadMessage("the mechanism and the channel binding flag differ")
        if first.flag == "y" and self._bindings:
            raise BadMessage("downgraded: the client was made to believe that there is no channel binding")
        if first.flag != "p":
            return b""
        data = self._bindings.get(first.binding)
        if data is None:
            raise BadMessage("no such channel binding here")
        return data

    def _end(self, response: bytes) -> ScramProven:
        self._turn = _Turn.OVER
        final = client_final(response)
        # RFC 5802 §5.1: a nonce of another exchange is somebody's recording
        if not hmac.compare_digest(final.nonce.encode(), self._nonce()):
            raise BadMessage("the nonce of another exchange")
        if not hmac.compare_digest(final.channel, self._channel):
            raise BadMessage("the channel binding is of another connection")
        signed = b"%b,%b,%b" % (self._first.bare, self._server_first, final.unproven)
        key = self._proven_key(signed, final.proof)
        if key is None:
            raise BadMessage("the proof is wrong")
        signature = keyed(self._hash, key.server_key, signed)
        return ScramProven(self._username, key.credential_id, b"v=" + encode_base64(signature), self._authzid)

    def _proven_key(self, signed: bytes, proof: bytes) -> ScramKey | None:
        """The key that the proof is of; all are tried, so that it does not show which."""
        if len(proof) != digest_octets(self._hash):
            return None
        found: ScramKey | None = None
        for key in self._keys.keys:
            signature = keyed(self._hash, key.stored_key, signed)
            client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
            if hmac.compare_digest(hashed(self._hash, client_key), key.stored_key):
                found = key
        return found
