"""Key records: what a domain publishes so that its signatures can be verified (RFC 6376 §3.6.1, RFC 8463 §4.2).

Owns: reading and writing them, the sizes that are accepted, whether a signature is of a key. Never: asks the DNS, keeps
private keys. Raises: BadKey.
"""

import base64
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from .tags import BadTags, read_base64, read_list, read_tags, without_space

MAX_KEY_RECORD_OCTETS = 4096  # a key of MAX_RSA_BITS takes 740
MIN_RSA_BITS = 1024  # RFC 8301 §3.2
MAX_RSA_BITS = 4096  # those above may be refused (RFC 8301 §3.2): their cost is the verifier's
MAX_RSA_EXPONENT_BITS = 32  # 17 in all that is used; large ones make verifying as dear as signing
_MAX_KEPT = 256  # records that stay parsed
_PADDING = PKCS1v15()
_SHA256 = Prehashed(hashes.SHA256())


class BadKey(ValueError):
    """The record is no key that can be used; the text says why."""

    def __init__(self, words: str, *, refused: bool = False) -> None:
        super().__init__(words)
        self.refused = refused  # a sound key, but not one we accept: RFC 8601 §2.7.1, policy


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A record that can be used (RFC 6376 §3.6.1)."""

    algorithm: str  # k=
    public: RSAPublicKey | Ed25519PublicKey
    testing: bool  # t=y: a failure is to be treated like no signature
    strict_identity: bool  # t=s: the domain of i= is d= itself

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """`digest`: SHA-256 of what was signed (RFC 6376 §3.3.2, RFC 8463 §3)."""
        try:
            if isinstance(self.public, Ed25519PublicKey):
                self.public.verify(signature, digest)
            else:
                self.public.verify(signature, digest, _PADDING, _SHA256)
        except InvalidSignature:
            return False
        return True


def record_name(selector: str, domain: str) -> str:
    """Where the record is (RFC 6376 §3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def key_text(public: RSAPublicKey | Ed25519PublicKey) -> str:
    """What to publish at `record_name`; an RSA key needs several strings of at most 255 octets (RFC 6376 §3.6.2.2)."""
    if isinstance(public, Ed25519PublicKey):
        kind, octets = "ed25519", public.public_bytes_raw()
    else:
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode('ascii')}"


@lru_cache(_MAX_KEPT)
def read_key(record: bytes) -> KeyRecord:
    """The record, its strings joined (RFC 6376 §3.6.2.2), for mail and SHA-256. Raises BadKey."""
    if len(record) > MAX_KEY_RECORD_OCTETS:
        raise BadKey(f"the key record has {len(record)} octets, more than {MAX_KEY_RECORD_OCTETS}", refused=True)
    try:
        tags = read_tags(record)
        _check_version(tags)
        _check_purpose(tags)
        algorithm = tags.get("k", b"rsa")
        if "p" not in tags:
            raise BadKey("the key record has no p=")
        if not without_space(tags["p"]):
            raise BadKey("the key has been revoked: its p= is empty")
        octets = read_base64(tags["p"])
    except BadTags as error:
        raise BadKey(f"the key record is malformed: {error}") from error
    if algorithm == b"rsa":
        public: RSAPublicKey | Ed25519PublicKey = _rsa(octets)
    elif algorithm == b"ed25519":
        public = _ed25519(octets)
    else:
        raise BadKey(f"the key is of an unknown type: k={algorithm[:40].decode('ascii', 'backslashreplace')}")
    flags = read_list(tags.get("t", b""))
    return KeyRecord(algorithm.decode("ascii"), public, b"y" in flags, b"s" in flags)


def _check_version(tags: dict[str, bytes]) -> None:
    if "v" in tags and (next(iter(tags)) != "v" or tags["v"] != b"DKIM1"):
        raise BadKey("the record is no DKIM key: v= is not DKIM1, or not first")


def _check_purpose(tags: dict[str, bytes]) -> None:
    """h= and s=, with those values ignored that are not known. g= is ignored (RFC 6376 §C.2)."""
    if "h" in tags and b"sha256" not in read_list(tags["h"]):
        raise BadKey("the key is not for SHA-256, by its h=")  # SHA-1 may not be used (RFC 8301 §3.1)
    if "s" in tags and not {b"*", b"email"} & set(read_list(tags["s"])):
        raise BadKey("the key is not for mail, by its s=")


def _rsa(der: bytes) -> RSAPublicKey:
    """SubjectPublicKeyInfo, as everybody publishes, or the RSAPublicKey of RFC 6376 §3.6.1."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey("p= is no RSA key that can be read") from error
    if not isinstance(key, RSAPublicKey):
        raise BadKey("p= is no RSA key")
    if key.key_size < MIN_RSA_BITS:
        raise BadKey(f"the RSA key has {key.key_size} bits only; RFC 8301 demands {MIN_RSA_BITS}")
    if key.key_size > MAX_RSA_BITS:
        raise BadKey(f"the RSA key has {key.key_size} bits, more than {MAX_RSA_BITS}", refused=True)
    if (bits := key.public_numbers().e.bit_length()) > MAX_RSA_EXPONENT_BITS:
        raise BadKey(f"the RSA key's exponent has {bits} bits, more than {MAX_RSA_EXPONENT_BITS}", refused=True)
    return key


def _ed25519(octets: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(octets)
    except ValueError as error:
        raise BadKey(f"p= has {len(octets)} octets, an Ed25519 key has 32") from error
