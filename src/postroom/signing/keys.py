"""Keys as such: made, written as PEM, read, and their DNS record as it is published (its text: mailauth.dkim).

Owns: these forms. Never: touches files. Raises: ValueError for octets that are no such key.
"""

from typing import TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from .types import Algorithm, Key

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_PUBLIC_EXPONENT = 65_537


def new_private_key(algorithm: Algorithm, rsa_bits: int) -> PrivateKey:
    """A fresh one; RSA takes a tenth of a second."""
    if algorithm == "rsa-sha256":
        return rsa.generate_private_key(_PUBLIC_EXPONENT, rsa_bits)
    return ed25519.Ed25519PrivateKey.generate()


def to_pem(key: PrivateKey) -> bytes:
    """PKCS #8, not encrypted: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def from_pem(octets: bytes) -> PrivateKey:
    """Raises ValueError."""
    try:
        # What an RSA key is made of was checked when it was made: another look takes 27 ms.
        key = serialization.load_pem_private_key(octets, None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:  # encrypted
        raise ValueError(str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("neither an RSA nor an Ed25519 key")
    return key


def record_text(key: Key, *, revoked: bool = False) -> str:
    """The record; an empty "p=" says that the key is not used any more (RFC 6376 §3.6.1)."""
    return key.record.partition("; p=")[0] + "; p=" if revoked else key.record


def is_published(text: str, found: tuple[bytes, ...]) -> bool:
    """Among the TXT records at the key's name is this one, however its tags are spaced, and no other (§3.6.2.2)."""
    wanted = _tags(text.encode("ascii"))
    return len(found) == 1 and _tags(found[0]) == wanted


def _tags(record: bytes) -> frozenset[bytes]:
    return frozenset(b"".join(tag.split()) for tag in record.split(b";") if tag.strip())
