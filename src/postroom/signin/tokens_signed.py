"""Signed tokens (JWT, RFC 7519) and the keys they are checked with (RFC 7517).

Owns: which keys of a set count, which of them a token means, the signature. Never: fetches keys, follows what a token's
header points to (jku, x5u, jwk, x5c), judges claims. Raises: Untrue, UnknownKey, BadKeys.
"""

import base64
import binascii
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError

from .tokens_claims import Untrue

_MAX_HEADER_OCTETS = 4096  # in base64; issuers put a nonce and certificates' names there, some the certificates
_MAX_KID = 512
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192  # RFC 7518 §3.3; above, one check takes long
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # RFC 9068 §2.1; others are made for something else
# What a public key has; private members and certificates of a key that is published are passed over.
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
# By how the name of an algorithm begins (RFC 7518 §3.1).
_KEY_TYPE = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class BadKeys(Exception):
    """What the issuer gave is no set of keys that can be used; the text says why."""


class UnknownKey(Untrue):
    """No key of the set is meant: there may be a newer set."""


@dataclass(frozen=True, slots=True)
class Key:
    kid: str | None
    algorithm: str | None  # the only one it is for
    type: str
    key: jwk.Key


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys of an issuer that sign."""

    keys: tuple[Key, ...]

    def meant(self, kid: str | None, algorithm: str) -> list[Key]:
        """Those that a token with this header may be signed with; without a kid, only where there is no choice."""
        fitting = [
            key
            for key in self.keys
            if key.type == _KEY_TYPE[algorithm[:2]] and key.algorithm in (None, algorithm) and kid in (None, key.kid)
        ]
        return fitting if kid is not None or len(fitting) == 1 else []


def read_keys(octets: bytes, max_keys: int) -> Keys:
    """A JWK Set (RFC 7517 §5); keys of other kinds, for other uses or too weak are passed over. Raises BadKeys."""
    try:
        document = msgspec.json.decode(octets)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadKeys("not JSON") from error
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise BadKeys("not a set of keys")
    if len(found) > max_keys:
        raise BadKeys(f"{len(found)} keys, more than {max_keys}")
    keys = [key for one in found if isinstance(one, dict) and (key := _key(one)) is not None]
    if not keys:
        raise BadKeys("no key that could be used")
    return Keys(tuple(keys))


def _key(given: Mapping[str, Any]) -> Key | None:
    kind, kid, algorithm = given.get("kty"), given.get("kid"), given.get("alg")
    operations = given.get("key_ops")
    if kind not in _MEMBERS or given.get("use", "sig") != "sig":  # RFC 7517 §4.2
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):  # RFC 7517 §4.3
        return None
    if not all(one is None or (isinstance(one, str) and len(one) <= _MAX_KID) for one in (kid, algorithm)):
        return None
    public = {name: given.get(name) for name in _MEMBERS[kind]}
    if not all(isinstance(value, str) for value in public.values()):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the library warns of is too weak to sign people in
            key = jwk.import_key({"kty": kind, **{name: str(value) for name, value in public.items()}})
        if isinstance(key, jwk.RSAKey) and not _MIN_RSA_BITS <= key.public_key.key_size <= _MAX_RSA_BITS:
            return None
    except (
        JoseError,
        Warning,
        ValueError,
        TypeError,
        KeyError,
    ):  # a point that is not on its curve, a curve of another kind
        return None
    return Key(kid, algorithm, kind, key)


class _Registry(jws.JWSRegistry):
    """The algorithms that the settings name, and no other."""

    max_header_length = _MAX_HEADER_OCTETS

    def __init__(self, algorithms: Sequence[str], max_token_octets: int) -> None:
        super().__init__(algorithms=tuple(algorithms), strict_check_header=False)  # RFC 7515 §4.3: private ones
        self.max_payload_length = max_token_octets

    def get_alg(self, name: str) -> Any:
        """RFC 8725 §3.1; the library warns of "EdDSA", the older name of what RFC 9864 calls Ed25519."""
        if not self.allowed or name not in self.allowed:
            raise JoseError("algorithm")
        return self.algorithms[name]


class SignedTokens:
    """Takes tokens apart whose signature is good."""

    def __init__(self, algorithms: Sequence[str], max_token_octets: int) -> None:
        self._algorithms = frozenset(algorithms)
        self._max_octets = max_token_octets
        self._registry = _Registry(algorithms, max_token_octets)

    def header(self, token: str) -> "TokenHeader":
        """What it says of itself, before anything is proven. Raises Untrue."""
        if len(token) > self._max_octets or not token.isascii():
            raise Untrue("too long, or not in ASCII")
        parts = token.split(".")
        if len(parts) != 3 or not all(parts):
            raise Untrue("no signed token")
        if len(parts[0]) > _MAX_HEADER_OCTETS:
            raise Untrue("a header that is too long")
        header = _object(parts[0])
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if algorithm not in self._algorithms:  # "none" is none of them, nor is anything symmetric
            raise Untrue("signed by an algorithm that is not allowed")
        if "crit" in header or "b64" in header:  # RFC 7515 §4.1.11: none is understood here
            raise Untrue("with critical extensions")
        if not (kid is None or (isinstance(kid, str) and len(kid) <= _MAX_KID)):
            raise Untrue("a key id that is none")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:  # RFC 8725 §3.11
            raise Untrue("a token of another type")
        return TokenHeader(str(algorithm), kid)

    def claims(self, token: str, header: "TokenHeader", keys: Keys) -> dict[str, Any]:
        """What the issuer has signed. Raises UnknownKey when it has no such key, Untrue."""
        meant = keys.meant(header.kid, header.algorithm)
        if not meant:
            raise UnknownKey("signed with a key that the issuer does not have")
        for key in meant:
            try:
                jws.deserialize_compact(token, key.key, registry=self._registry)
            except (JoseError, ValueError, TypeError, RecursionError):
                continue
            return _object(token.split(".")[1])
        raise Untrue("a wrong signature")


@dataclass(frozen=True, slots=True)
class TokenHeader:
    algorithm: str
    kid: str | None


def _object(part: str) -> dict[str, Any]:
    """A JSON object in base64url (RFC 7515 §2). Raises Untrue."""
    try:
        octets = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), b"-_", validate=True)
        found = msgspec.json.decode(octets)
    except (binascii.Error, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise Untrue("no signed token") from error
    if not isinstance(found, dict):
        raise Untrue("no signed token")
    return found
