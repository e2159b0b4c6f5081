"""The computations of RFC 5802 §2.2 and §3."""

from base64 import b64decode

import pytest
import scramp

from postroom.sasl.scram_keys import HashName, digest_octets, hashed, keyed

from .scram_peer import key_of


def test_the_example_of_the_rfc() -> None:
    """RFC 5802 §5: the server's signature comes out."""
    signed = (
        b"n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
    )
    key = key_of(0, "pencil", "sha-1", b64decode("QSXCR+Q6sek8bf92"), 4096)
    assert keyed("sha-1", key.server_key, signed) == b64decode("rmF9pqV8S7suAoZWja4dJRkFsKQ=")


@pytest.mark.parametrize(("hash_name", "octets"), [("sha-1", 20), ("sha-256", 32)])
def test_keys_are_those_of_another_implementation(hash_name: HashName, octets: int) -> None:
    salt = b"0123456789abcdef"
    theirs = scramp.ScramMechanism("SCRAM-" + hash_name.upper()).make_auth_info("p\u00e4ss", 5000, salt)
    key = key_of(0, "p\u00e4ss", hash_name, salt, 5000)
    assert theirs == (salt, key.stored_key, key.server_key, 5000)
    assert len(hashed(hash_name, b"")) == digest_octets(hash_name) == octets
