"""SCRAM keys: the examples of RFC 5802 and RFC 7677."""

import base64
import hashlib
import hmac

import pytest

from postroom.accounts import scram


def _proof_is_right(hash_name: str, stored: bytes, auth_message: bytes, proof: bytes) -> bool:
    algorithm = scram.HASHES[hash_name]
    signature = hmac.digest(stored, auth_message, algorithm)
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hashlib.new(algorithm, client_key).digest() == stored


@pytest.mark.parametrize(
    ("hash_name", "first", "server", "final", "proof", "verifier"),
    [
        (  # RFC 5802 §5
            "sha-1",
            "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 §3
            "sha-256",
            "n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_the_examples(hash_name: str, first: str, server: str, final: str, proof: str, verifier: str) -> None:
    salt = base64.b64decode(server.split(",")[1][2:])
    stored, server_key = scram.server_keys(hash_name, b"pencil", salt, 4096)
    auth_message = f"{first},{server},{final}".encode()
    assert _proof_is_right(hash_name, stored, auth_message, base64.b64decode(proof))
    signature = hmac.digest(server_key, auth_message, scram.HASHES[hash_name])
    assert base64.b64encode(signature).decode() == verifier


def test_packed_keys_come_out_as_they_went_in() -> None:
    salts = {"sha-256": b"a" * 16, "sha-1": b"b" * 16}
    octets = scram.packed(("one", "two"), salts.__getitem__, 10)
    for name, salt in salts.items():
        assert scram.unpacked(octets, name) == [
            scram.server_keys(name, password, salt, 10) for password in (b"one", b"two")
        ]
    assert scram.unpacked(b"", "sha-1") == []
