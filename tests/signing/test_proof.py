"""Signatures that are ours, told from those that only say so."""

import asyncio
from pathlib import Path

from tests.mailauth.dkim import verifying
from tests.signing.signed import Signer

from postroom.mailauth.dkim import SigningKey
from postroom.signing import Proven

MESSAGE = b"From: alice@a.test\r\nSubject: Greetings\r\n\r\nHello.\r\n"


def proven(signer: Signer, message: bytes) -> list[Proven] | None:
    header, end, body = message.partition(b"\r\n\r\n")
    proof = signer.signing.proof(header + end)
    if proof is None:
        return None
    for octet in body:
        proof.update(bytes((octet,)))
    return proof.proven()


def test_what_we_have_signed(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    message = asyncio.run(signer.signed(MESSAGE))
    found = proven(signer, b"Received: x\r\n" + message)
    assert found is not None
    assert [(one.domain, one.selector) for one in found] == [("a.test", "20231114-rsa"), ("a.test", "20231114-ed25519")]
    assert all(one.field in message and one.field.endswith(b"\r\n") for one in found)
    assert found[0].names.count(b"from") == 2


def test_what_was_changed_since(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    message = asyncio.run(signer.signed(MESSAGE))
    assert proven(signer, message.replace(b"Hello", b"Goodbye")) == []
    assert proven(signer, message.replace(b"Greetings", b"Greeting")) == []
    assert proven(signer, b"Subject: more\r\n" + message) == []


def test_what_others_have_signed_or_nobody(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    assert proven(signer, MESSAGE) is None
    assert proven(signer, verifying.signed(MESSAGE)) is None
    forger = SigningKey("a.test", "20231114-rsa", verifying.rsa_key())
    assert proven(signer, verifying.signed(MESSAGE, (forger,), now=signer.clock.now())) == []
    elsewhere = SigningKey("a.test", "other", verifying.rsa_key())
    assert proven(signer, verifying.signed(MESSAGE, (elsewhere,))) is None


def test_replaced_keys_prove_and_revoked_ones_do_not(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    message = asyncio.run(signer.signed(MESSAGE))
    signer.keeper.rotate("a.test", signer.clock.now())
    found = proven(signer, message)
    assert found is not None
    assert len(found) == 2
    signer.keeper.retire("a.test", at_once=True)
    assert proven(signer, message) is None
