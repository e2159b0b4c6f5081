"""The octets of proofs."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from postroom.acme.challenges import (
    BadToken,
    alpn_certificate,
    dns_name,
    dns_value,
    key_authorization,
    signing_request,
)
from postroom.acme.jws import base64url, new_key

NOW = 1_790_000_000.0


def test_a_key_authorization_is_the_token_and_the_thumbprint() -> None:
    """RFC 8555 §8.1."""
    assert key_authorization("evaGxfADs-6_", "9jg46WB3rR_AHD") == "evaGxfADs-6_.9jg46WB3rR_AHD"


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "a/b", "a.b", "a\n", "a" * 257, "ü"])
def test_a_token_that_could_be_a_path_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        key_authorization(token, "x")


def test_the_record_of_dns_01() -> None:
    """RFC 8555 §8.4."""
    assert dns_name("www.example.org") == "_acme-challenge.www.example.org"
    assert dns_value("token.print") == base64url(hashlib.sha256(b"token.print").digest())


def test_the_certificate_of_tls_alpn_01() -> None:
    """RFC 8737 §3: one name, and the critical extension with the digest as an OCTET STRING."""
    pem = alpn_certificate("a.test", "token.print", NOW)
    assert b"PRIVATE KEY" in pem
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("a.test")]
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
    assert extension.critical
    assert extension.value.public_bytes() == b"\x04\x20" + hashlib.sha256(b"token.print").digest()
    assert certificate.not_valid_before_utc.timestamp() < NOW < certificate.not_valid_after_utc.timestamp()


def test_a_request_has_the_names_and_the_key() -> None:
    pem = new_key()
    request = x509.load_der_x509_csr(signing_request(["a.test", "*.b.test"], pem))
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.test", "*.b.test"]
    own = serialization.load_pem_private_key(pem, None).public_key()
    assert request.public_key() == own
    odd = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="ECDSA and RSA"):
        signing_request(["a.test"], odd)
