"""Keys as PEM and as records."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.signing.keys import one_key

from postroom.mailauth.dkim import key_text, read_key
from postroom.signing.keys import from_pem, is_published, record_text, to_pem
from postroom.signing.types import ALGORITHMS, Algorithm, Key


def a_key(algorithm: Algorithm) -> Key:
    record = key_text(one_key(algorithm, 2048).public_key())
    return Key(selector="s", algorithm=algorithm, record=record, file="f")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pem_and_back(algorithm: Algorithm) -> None:
    key = one_key(algorithm, 2048)
    again = from_pem(to_pem(key))
    assert key_text(again.public_key()) == key_text(key.public_key())
    assert again.sign is not None


def test_what_is_no_key() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = one_key("ed25519-sha256", 0).private_bytes(*pem, serialization.BestAvailableEncryption(b"x"))
    for octets in (b"", b"x", other.private_bytes(*pem, serialization.NoEncryption()), locked):
        with pytest.raises(ValueError):
            from_pem(octets)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_records_are_read_by_verifiers(algorithm: Algorithm) -> None:
    key = a_key(algorithm)
    assert read_key(record_text(key).encode()).algorithm == algorithm.partition("-")[0]
    revoked = record_text(key, revoked=True)
    assert revoked.endswith("; p=")
    assert revoked.startswith("v=DKIM1; k=")
    with pytest.raises(ValueError, match="revoked"):
        read_key(revoked.encode())


def test_a_record_is_published_whatever_its_spaces() -> None:
    text = record_text(a_key("ed25519-sha256"))
    key = text.rpartition("p=")[2] if not text.endswith("=") else text.partition("; p=")[2]
    for found in (text, text + ";", f"v=DKIM1;k=ed25519;p={key[:9]} {key[9:]} ", f"v=DKIM1; p={key}; k=ed25519"):
        assert is_published(text, (found.encode(),)), found
    for none in ((), (b"v=DKIM1; k=ed25519; p=",), (text.encode(), b"v=spf1 -all"), (text.replace("k", "x").encode(),)):
        assert not is_published(text, none), none
