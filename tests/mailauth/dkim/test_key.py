"""Key records: those of the RFCs, all tags, sizes."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postroom.mailauth.dkim.key import (
    MAX_KEY_RECORD_OCTETS,
    MAX_RSA_BITS,
    BadKey,
    key_text,
    read_key,
    record_name,
)

# RFC 8463 §A.2
RSA_P = (
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3"
    b"FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RSA = b"v=DKIM1; k=rsa; p=" + RSA_P
ED25519 = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def rsa_numbers(bits: int, e: int = 65_537) -> rsa.RSAPublicKey:
    """A number of that size; nobody has the factors."""
    return rsa.RSAPublicNumbers(e, (1 << (bits - 1)) | 0x10001).public_key()


def in_p(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo
) -> bytes:
    return base64.b64encode(key.public_bytes(Encoding.DER, form))


def test_the_keys_of_the_rfc() -> None:
    key = read_key(RSA)
    assert (key.algorithm, key.testing, key.strict_identity) == ("rsa", False, False)
    assert isinstance(key.public, rsa.RSAPublicKey)
    assert key.public.key_size == 1024
    key = read_key(ED25519)
    assert key.algorithm == "ed25519"
    assert isinstance(key.public, Ed25519PublicKey)
    assert record_name("foo.bar", "example.com") == "foo.bar._domainkey.example.com"  # RFC 6376 §3.6.2.1


def test_what_we_publish_is_what_we_read() -> None:
    assert key_text(read_key(ED25519).public).encode() == ED25519
    assert key_text(read_key(RSA).public).encode() == RSA


@pytest.mark.parametrize(
    "record",
    [
        b"p=" + RSA_P,
        b"k=rsa; p=" + RSA_P + b";",
        b" v = DKIM1 ; p = " + RSA_P[:50] + b" " + RSA_P[50:] + b" ; ",
        b"v=DKIM1; h=sha1:sha256:sha9; k=rsa; n=a note =3B; s=email:web; t=y:x; g=nobody; zz=1; p=" + RSA_P,
        b"v=DKIM1; s=*; g=; t=; p=" + RSA_P,
    ],
)
def test_records_that_are_the_same_key(record: bytes) -> None:
    key, plain = read_key(record).public, read_key(RSA).public
    assert key == plain


def test_flags() -> None:
    assert read_key(b"t=y; p=" + RSA_P).testing
    assert read_key(b"t=s : y; p=" + RSA_P).strict_identity
    assert read_key(b"t=s : y; p=" + RSA_P).testing
    assert not read_key(b"t=Y:S; p=" + RSA_P).testing  # values are case-sensitive (RFC 6376 §3.2)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"v=DKIM1; p=", "revoked"),
        (b"v=DKIM1; p= ;", "revoked"),
        (b"v=DKIM1", "no p="),
        (b"", "no p="),
        (b"just some words", "malformed"),
        (b"v=spf1 -all", "no DKIM key"),
        (b"v=DKIM2; p=" + RSA_P, "v= is not DKIM1"),
        (b"v=dkim1; p=" + RSA_P, "v= is not DKIM1"),
        (b"k=rsa; v=DKIM1; p=" + RSA_P, "not first"),
        (b"k=dsa; p=" + RSA_P, "unknown type: k=dsa"),
        (b"k=RSA; p=" + RSA_P, "unknown type"),
        (b"h=sha1; p=" + RSA_P, "not for SHA-256"),
        (b"h=; p=" + RSA_P, "not for SHA-256"),
        (b"s=web; p=" + RSA_P, "not for mail"),
        (b"p=!" + RSA_P, "not base64"),
        (b"p=" + RSA_P[:-4], "no RSA key that can be read"),
        (b"p=AAAA", "no RSA key that can be read"),
        (b"p=" + RSA_P + b"; p=" + RSA_P, "twice"),
        (b"k=ed25519; p=" + RSA_P, "162 octets, an Ed25519 key has 32"),
        (b"k=ed25519; p=AAAA", "3 octets"),
        (b"p=" + in_p(ec.generate_private_key(ec.SECP256R1()).public_key()), "no RSA key"),
    ],
)
def test_records_that_are_no_key(record: bytes, words: str) -> None:
    with pytest.raises(BadKey, match=words) as caught:
        read_key(record)
    assert not caught.value.refused


def test_a_bare_rsa_public_key_is_read() -> None:
    """RFC 6376 §3.6.1 says RSAPublicKey, where everybody publishes SubjectPublicKeyInfo."""
    key = rsa_numbers(2048)
    assert read_key(b"p=" + in_p(key, PublicFormat.PKCS1)).public == key


def test_sizes() -> None:
    """RFC 8301 §3.2."""
    for bits in (1024, 2048, 4096):
        assert read_key(b"p=" + in_p(rsa_numbers(bits))).algorithm == "rsa"
    with pytest.raises(BadKey, match=f"4104 bits, more than {MAX_RSA_BITS}") as caught:
        read_key(b"p=" + in_p(rsa_numbers(4104)))
    assert caught.value.refused
    for bits in (512, 1016):
        with pytest.raises(BadKey, match=f"{bits} bits only") as caught:
            read_key(b"p=" + in_p(rsa_numbers(bits)))
        assert not caught.value.refused


def test_an_exponent_that_makes_verifying_dear_is_refused() -> None:
    with pytest.raises(BadKey, match="exponent has 1000 bits") as caught:
        read_key(b"p=" + in_p(rsa_numbers(2048, (1 << 999) + 1)))
    assert caught.value.refused


def test_large_records_are_not_looked_at() -> None:
    record = b"p=" + b"A" * 65_000
    started = time.process_time()
    with pytest.raises(BadKey, match=f"65002 octets, more than {MAX_KEY_RECORD_OCTETS}") as caught:
        read_key(record)
    assert caught.value.refused
    assert time.process_time() - started < 0.2


def test_verifying() -> None:
    """The primitive of RFC 8463 §3: Ed25519 signs the hash, not the text."""
    private = Ed25519PrivateKey.generate()
    key = read_key(key_text(private.public_key()).encode())
    digest = bytes(range(32))
    assert key.verifies(private.sign(digest), digest)
    assert not key.verifies(private.sign(digest), digest[::-1])
    assert not key.verifies(b"short", digest)
    assert not read_key(RSA).verifies(bytes(128), digest)
    assert not read_key(RSA).verifies(b"", digest)
