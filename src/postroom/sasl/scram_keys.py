"""What a server keeps of a password for SCRAM (RFC 5802 §3), and the functions that both sides compute with.

Owns: what an exchange has to be given, Hi(), H() and HMAC(). Never: keeps a key (accounts does), runs an exchange.
Raises: nothing.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal, Protocol

HashName = Literal["sha-256", "sha-1"]
_IN_HASHLIB: dict[HashName, str] = {"sha-256": "sha256", "sha-1": "sha1"}


class ScramKey(Protocol):
    """One credential: who has `stored_key` can check a proof, who has `server_key` can prove to be the server."""

    @property
    def credential_id(self) -> int: ...

    @property
    def stored_key(self) -> bytes: ...

    @property
    def server_key(self) -> bytes: ...


class ScramKeys(Protocol):
    """All credentials of one account: they share salt and iterations, so that one proof can be tried against each."""

    @property
    def salt(self) -> bytes: ...

    @property
    def iterations(self) -> int: ...

    @property
    def keys(self) -> Sequence[ScramKey]: ...


def salted_password(password: str, salt: bytes, iterations: int, hash_name: HashName) -> bytes:
    """Hi() of a prepared password (RFC 5802 §2.2). Takes milliseconds: not on the event loop."""
    return hashlib.pbkdf2_hmac(_IN_HASHLIB[hash_name], password.encode(), salt, iterations)


def keyed(hash_name: HashName, key: bytes, text: bytes) -> bytes:
    """HMAC() of RFC 5802 §2.2"""
    return hmac.digest(key, text, _IN_HASHLIB[hash_name])


def hashed(hash_name: HashName, octets: bytes) -> bytes:
    """H() of RFC 5802 §2.2"""
    return hashlib.new(_IN_HASHLIB[hash_name], octets).digest()


def digest_octets(hash_name: HashName) -> int:
    """How long a key or a proof is."""
    return hashlib.new(_IN_HASHLIB[hash_name]).digest_size
