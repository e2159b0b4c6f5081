"""What an ACME server demands of a request: JSON Web Signatures (RFC 7515) by a key of ours (RFC 8555 §6.2).

Owns: the flattened JSON form, the key's public form and thumbprint, the binding to an account elsewhere. Never: sends
anything, keeps a key. Raises: BadKey.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_P256_OCTETS = 32


class BadKey(Exception):
    """A key that is no such key; the text has nothing of it."""


def base64url(data: bytes) -> str:
    """RFC 7515 §2: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Raises BadKey."""
    if "+" in text or "/" in text:
        raise BadKey("it is base64, and should be base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey("it is not base64url") from error


class AccountKey:
    """The key of an account: ECDSA on P-256, which every ACME server takes (RFC 8555 §6.2)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def read(cls, pem: bytes) -> "AccountKey":
        """Raises BadKey."""
        try:
            private = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError) as error:
            raise BadKey("it is not a private key in PEM") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise BadKey("it is not an ECDSA key on P-256")
        return cls(private)

    @property
    def jwk(self) -> dict[str, str]:
        """The public half (RFC 7518 §6.2.1), its members in the order in which they are hashed."""
        numbers = self._private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(_P256_OCTETS, "big")) for number in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    @property
    def thumbprint(self) -> str:
        """RFC 7638 §3."""
        return base64url(hashlib.sha256(_compact(self.jwk)).digest())

    def signed(self, url: str, nonce: str, payload: Any, account: str = "") -> bytes:
        """The body of a request; payload None: POST-as-GET (RFC 8555 §6.3). `account`: its URL, unless it is made."""
        header: dict[str, Any] = {"alg": "ES256", "nonce": nonce, "url": url}
        header |= {"kid": account} if account else {"jwk": self.jwk}
        return _compact(_flattened(header, payload, self._signature))

    def _signature(self, octets: bytes) -> bytes:
        """RFC 7518 §3.4: both numbers, each in 32 octets."""
        r, s = decode_dss_signature(self._private.sign(octets, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_P256_OCTETS, "big") + s.to_bytes(_P256_OCTETS, "big")

    def bound(self, url: str, key_id: str, mac_key: str) -> dict[str, str]:
        """The holder of an account elsewhere agrees to this key (RFC 8555 §7.3.4). Raises BadKey."""
        secret = from_base64url(mac_key)
        return _flattened(
            {"alg": "HS256", "kid": key_id, "url": url},
            self.jwk,
            lambda octets: hmac.digest(secret, octets, "sha256"),
        )


def new_key() -> bytes:
    """ECDSA on P-256, PEM, not encrypted: its file is for its owner alone."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _flattened(header: Mapping[str, Any], payload: Any, sign: Any) -> dict[str, str]:
    protected = base64url(_compact(header))
    body = "" if payload is None else base64url(_compact(payload))
    return {
        "protected": protected,
        "payload": body,
        "signature": base64url(sign(f"{protected}.{body}".encode("ascii"))),
    }
