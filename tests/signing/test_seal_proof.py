"""ARC sets that are ours, told from those that only say so; what follows is tests/delivery/test_resigned.py."""

from pathlib import Path

from tests.mailauth.arc.chains import BODY, HEADER, Dns, add, key
from tests.signing.signed import Signer

from postroom.mailauth.arc import ArcResult
from postroom.mailauth.dkim import SigningKey
from postroom.signing import ProvenSeal


def ours(signer: Signer) -> SigningKey:
    found = signer.signing.arc_key("a.test")
    assert found is not None
    return found


def proven(signer: Signer, header: bytes, body: bytes = BODY) -> ProvenSeal | None:
    proof = signer.signing.seal_proof(header)
    if proof is None:
        return None
    for octet in body:
        proof.update(bytes((octet,)))
    return proof.proven()


def test_what_we_have_sealed(tmp_path: Path) -> None:
    signer, first = Signer(tmp_path), key("first.test")
    dns = Dns(first, ours(signer))
    below = add(HEADER, BODY, first, dns)
    header = add(below, BODY, ours(signer), dns, ("dmarc", "pass"))
    found = proven(signer, header)
    assert found is not None
    assert (found.domain, found.status) == ("a.test", ArcResult.PASS)
    assert found.assessed.strip() == b"mx.a.test;\r\n dmarc=pass"
    assert found.names.count(b"from") == 2
    assert b"".join(found.fields) + below == header


def test_what_was_changed_since(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    header = add(HEADER, BODY, ours(signer), Dns(ours(signer)), ("dmarc", "pass"))
    assert proven(signer, header) is not None
    assert proven(signer, header, BODY + b"more\r\n") is None
    assert proven(signer, header.replace(b"dmarc=pass", b"dmarc=fail")) is None
    assert proven(signer, b"Subject: more\r\n" + header) is None


def test_what_others_have_sealed_or_nobody(tmp_path: Path) -> None:
    signer, first = Signer(tmp_path), key("first.test")
    assert signer.signing.seal_proof(HEADER) is None
    dns = Dns(first, ours(signer))
    assert signer.signing.seal_proof(add(HEADER, BODY, first, dns)) is None
    assert signer.signing.seal_proof(add(add(HEADER, BODY, ours(signer), dns), BODY, first, dns)) is None
    forger = SigningKey("a.test", ours(signer).selector, first.private)
    forged = add(HEADER, BODY, forger, Dns(forger))
    assert signer.signing.seal_proof(forged) is not None
    assert proven(signer, forged) is None
