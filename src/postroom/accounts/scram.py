"""The keys that SCRAM needs beside a password's hash (RFC 5802, 7677).

Owns: how they are computed, and packed for keeping. Never: keeps a password or a key, talks to a client.
Raises: nothing.

A server that has StoredKey and ServerKey can check a proof and prove itself, and can't sign in as the client elsewhere.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

HASHES: Mapping[str, str] = {"sha-256": "sha256", "sha-1": "sha1"}  # as SASL names them, and as hashlib does
_SIZE = {name: hashlib.new(python).digest_size for name, python in HASHES.items()}
PACKED = 2 * sum(_SIZE.values())  # octets of the keys of one spelling


def server_keys(hash_name: str, password: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey (RFC 5802 §3). `password` is prepared; takes as long as the iterations do."""
    algorithm = HASHES[hash_name]
    salted = hashlib.pbkdf2_hmac(algorithm, password, salt, iterations)  # Hi(); lets other threads run
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    return hashlib.new(algorithm, client_key).digest(), hmac.digest(salted, b"Server Key", algorithm)


def packed(passwords: Sequence[str], salt: Callable[[str], bytes], iterations: int) -> bytes:
    """The keys of every hash for each of these spellings of one secret; `salt` gives the one for a hash."""
    return b"".join(
        part
        for password in passwords
        for name in HASHES
        for part in server_keys(name, password.encode(), salt(name), iterations)
    )


def unpacked(octets: bytes, hash_name: str) -> list[tuple[bytes, bytes]]:
    """(StoredKey, ServerKey) of this hash for each spelling."""
    found = []
    for start in range(0, len(octets) - PACKED + 1, PACKED):
        at = start
        for name, size in _SIZE.items():
            if name == hash_name:
                found.append((octets[at : at + size], octets[at + size : at + 2 * size]))
            at += 2 * size
    return found
