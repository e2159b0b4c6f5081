"""What is shown to prove that a name is ours: http-01 and dns-01 (RFC 8555 §8), tls-alpn-01 (RFC 8737).

Owns: the octets of each proof. Never: serves or publishes them, keeps time. Raises: BadToken.
"""

import datetime
import hashlib
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .jws import base64url

KINDS = ("http-01", "tls-alpn-01", "dns-01")
HTTP_PATH = "/.well-known/acme-challenge/"  # RFC 8555 §8.3
ALPN_PROTOCOL = "acme-tls/1"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_OCTET_STRING = b"\x04\x20"  # of 32 octets, in DER


class BadToken(Exception):
    """A token must be base64url (RFC 8555 §8): it becomes a part of paths."""


def check_token(token: str) -> str:
    """Raises BadToken."""
    if _TOKEN.fullmatch(token) is None:
        raise BadToken(f"the token {token[:40]!r} is not base64url")
    return token


def key_authorization(token: str, thumbprint: str) -> str:
    """RFC 8555 §8.1. Raises BadToken."""
    return f"{check_token(token)}.{thumbprint}"


def dns_name(name: str) -> str:
    """Where the record of dns-01 is; `name` without "*."."""
    return f"_acme-challenge.{name}"


def dns_value(authorization: str) -> str:
    """What it says (RFC 8555 §8.4)."""
    return base64url(hashlib.sha256(authorization.encode("ascii")).digest())


def alpn_certificate(name: str, authorization: str, now: float) -> bytes:
    """PEM of key and certificate to be shown for tls-alpn-01 (RFC 8737 §3); `now` in Unix seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    digest = hashlib.sha256(authorization.encode("ascii")).digest()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_ACME_IDENTIFIER, _OCTET_STRING + digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def signing_request(names: Sequence[str], key_pem: bytes) -> bytes:
    """A PKCS #10 request for these names in DER (RFC 8555 §7.4). Raises ValueError for a key that can't be used."""
    key = serialization.load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("authorities take ECDSA and RSA keys")
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
