"""Verifying and signing whole messages, as the tests do it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from postroom.mailauth.dkim import (
    BodyHasher,
    BodyHashes,
    Canonicalization,
    DkimLimits,
    DkimVerdict,
    HeaderFields,
    SigningKey,
    find_signatures,
    sign,
    verify,
)
from postroom.mailauth.questions import Question, Reply, conclude

NOW = 1_700_000_000.0
LIMITS = DkimLimits()


@lru_cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


RSA = SigningKey("example.org", "r1", rsa_key())
ED25519 = SigningKey("example.org", "e1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
RECORDS = {key.record_name: key.record.encode("ascii") for key in (RSA, ED25519)}
MESSAGE = (
    b"From: Somebody <somebody@example.org>\r\nTo: other@example.net\r\nSubject: To be signed\r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\n\r\nA line.\r\n\r\nAnd  another \t one. \r\n"
)


def parts(message: bytes) -> tuple[bytes, bytes]:
    """Header with its last CRLF, body."""
    header, _, body = message.partition(b"\r\n\r\n")
    return header + b"\r\n", body


def signed(message: bytes, keys: Sequence[SigningKey] = (RSA, ED25519), *, now: float = NOW) -> bytes:
    header, body = parts(message)
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    digest = hasher.digest()
    assert digest is not None
    return sign(HeaderFields(header), digest, keys, now=now) + message


def verdicts(
    message: bytes,
    records: Mapping[str, bytes | Reply] = RECORDS,
    *,
    now: float = NOW,
    limits: DkimLimits = LIMITS,
    piece: int = 1 << 20,
    asked: list[str] | None = None,
) -> list[DkimVerdict]:
    def answer(question: Question) -> Reply:
        assert question.kind == "TXT"
        if asked is not None:
            asked.append(question.name)
        found = records.get(question.name, Reply(exists=False))
        return found if isinstance(found, Reply) else Reply((found,))

    block, body = parts(message)
    header = HeaderFields(block)
    signatures = find_signatures(header, limits)
    hashes = BodyHashes.for_signatures(signatures)
    for start in range(0, len(body), piece):
        hashes.update(body[start : start + piece])
    return conclude(verify(header, signatures, hashes, now=now, limits=limits), answer)


def words(message: bytes, records: Mapping[str, bytes | Reply] = RECORDS, *, now: float = NOW) -> list[str]:
    """The results as RFC 8601 names them."""
    return [verdict.result.value for verdict in verdicts(message, records, now=now)]
