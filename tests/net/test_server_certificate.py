"""What is read off a certificate of ours."""

import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.mailauth.authority import issue

from postroom.net import CertificateFiles, TlsSetupError, names_of
from postroom.net.server_certificate import by_name, load_certificate, server_end_point


def test_the_channel_binding_has_the_hash_of_the_signature() -> None:
    """RFC 5929 §4.1."""
    ordinary = issue("mail.example.org")
    assert server_end_point(ordinary.certificate) == hashlib.sha256(ordinary.der).digest()
    builder = x509.CertificateBuilder(
        ordinary.certificate.issuer,
        ordinary.certificate.subject,
        ordinary.certificate.public_key(),
        1,
        ordinary.certificate.not_valid_before_utc,
        ordinary.certificate.not_valid_after_utc,
    )
    long = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    assert server_end_point(long) == long.fingerprint(hashes.SHA384())
    without = issue("mail.example.org", key=ed25519.Ed25519PrivateKey.generate())
    assert server_end_point(without.certificate) is None


class _Old:
    """What a certificate of old times says of itself, which no library signs any more."""

    signature_hash_algorithm: hashes.HashAlgorithm = hashes.SHA1()

    def fingerprint(self, algorithm: hashes.HashAlgorithm) -> bytes:
        return algorithm.name.encode()


def test_a_weak_hash_is_not_used_for_the_channel_binding() -> None:
    assert server_end_point(_Old()) == b"sha256"  # type: ignore[arg-type]


def test_names_are_those_of_the_extension_in_lower_case(tmp_path: Path) -> None:
    files = CertificateFiles(*issue("CN.example", dns=("Mail.Example.ORG", "*.example.net")).write(tmp_path))
    loaded = load_certificate(files)
    assert loaded.names == ("mail.example.org", "*.example.net")
    assert [loaded.covers(name) for name in ("MAIL.example.org", "a.example.net", "a.b.example.net", "cn.example")] == [
        True,
        True,
        False,
        False,
    ]
    assert names_of(issue("x", ca=True).certificate) == ()


def test_a_key_that_does_not_belong_is_refused(tmp_path: Path) -> None:
    own = issue("a.example").write(tmp_path / "a")
    other = issue("b.example").write(tmp_path / "b")
    with pytest.raises(TlsSetupError, match=r"a/chain\.pem with .*b/key\.pem"):
        load_certificate(CertificateFiles(own[0], other[1]))


def test_of_two_with_one_name_the_first_is_shown_and_a_self_signed_one_last(tmp_path: Path) -> None:
    authority = issue("Authority", ca=True)
    alone = load_certificate(CertificateFiles(*issue("a.example").write(tmp_path / "1")))
    first = load_certificate(CertificateFiles(*issue("a.example", authority).write(tmp_path / "2")))
    second = load_certificate(CertificateFiles(*issue("a.example", authority).write(tmp_path / "3")))
    assert by_name([alone, first, second]) == {"a.example": first}
    assert by_name([alone]) == {"a.example": alone}
