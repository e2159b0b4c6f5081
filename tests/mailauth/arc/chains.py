"""Chains for the tests: several sealers one behind the other, their keys, and whoever answers for the keys."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from math import gcd

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
)

from postroom.mailauth.arc import ArcLimits, ArcResult, ArcVerdict, find_sets, seal, validate
from postroom.mailauth.arc.chain import ArcField, ArcSet, MessageSignature
from postroom.mailauth.arc.validate import seal_digests, signature_digest
from postroom.mailauth.dkim.canonical import BodyHasher, Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.sign import SigningKey
from postroom.mailauth.dkim.verify import BodyHashes
from postroom.mailauth.questions import Question, Reply, conclude
from postroom.mailauth.results import MethodResult, field

NOW = 1_700_000_000.0
HEADER = (
    b"Received: from a.test by b.test; Thu, 14 Jan 2021 15:02:40 +0000\r\n"
    b"From: Ann <ann@author.test>\r\nTo: list@list.test\r\nSubject: Hello\r\n"
    b"Date: Thu, 14 Jan 2021 15:00:01 +0000\r\nMessage-ID: <1@author.test>\r\n"
)
BODY = b"Hello,\r\n\r\nthis is  a message.\r\n"


@cache
def key(domain: str, kind: str = "rsa", bits: int = 1024) -> SigningKey:
    if kind == "ed25519":
        return SigningKey(domain, "ed", Ed25519PrivateKey.generate())
    return SigningKey(domain, "sel", _rsa(bits))


@cache
def _rsa(bits: int) -> RSAPrivateKey:
    return generate_private_key(65_537, bits)


def with_exponent(base: SigningKey, exponent: int) -> SigningKey:
    """A key of the same modulus whose public exponent makes verifying dearer."""
    assert isinstance(base.private, RSAPrivateKey)
    numbers = base.private.private_numbers()
    p, q = numbers.p, numbers.q
    phi = (p - 1) * (q - 1)
    while gcd(exponent, phi) != 1:
        exponent -= 2
    d = pow(exponent, -1, phi)
    public = RSAPublicNumbers(exponent, p * q)
    made = RSAPrivateNumbers(p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), numbers.iqmp, public)
    return SigningKey(base.domain, base.selector, made.private_key())


class Dns:
    """Answers for keys, and counts what it is asked."""

    def __init__(self, *keys: SigningKey) -> None:
        self.replies = {key.record_name: Reply((key.record.encode("ascii"),)) for key in keys}
        self.asked: list[str] = []

    def __call__(self, question: Question) -> Reply:
        assert question.kind == "TXT"
        self.asked.append(question.name)
        return self.replies.get(question.name, Reply(exists=False))


def body_hash(body: bytes) -> bytes:
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    digest = hasher.digest()
    assert digest is not None
    return digest


def check(header: bytes, body: bytes, dns: Dns, *, now: float = NOW, limits: ArcLimits | None = None) -> ArcVerdict:
    limits = limits or ArcLimits()
    fields = HeaderFields(header)
    chain = find_sets(fields, limits)
    hashes = BodyHashes.for_signatures(chain.signatures)
    hashes.update(body)
    return conclude(validate(fields, chain, hashes, now=now, limits=limits), dns)


def assessed(authserv_id: str, *results: tuple[str, str]) -> bytes:
    found = [MethodResult(method, result) for method, result in results] or [MethodResult("spf", "pass")]
    return field(authserv_id, found).partition(b":")[2]


def add(header: bytes, body: bytes, sealer: SigningKey, dns: Dns, *results: tuple[str, str]) -> bytes:
    """The header with one more set, as that sealer adds it honestly."""
    fields = HeaderFields(header)
    verdict = check(header, body, dns)
    found = seal(
        fields,
        find_sets(fields),
        verdict.result,
        assessed(f"mx.{sealer.domain}", *results),
        body_hash(body),
        sealer,
        now=NOW,
    )
    return found + header


def chain_of(sealers: Sequence[SigningKey], header: bytes = HEADER, body: bytes = BODY) -> tuple[bytes, Dns]:
    """A message that went through these, none of whom changed it."""
    dns = Dns(*sealers)
    for sealer in sealers:
        header = add(header, body, sealer, dns)
    return header, dns


def blocks(header: bytes) -> list[bytes]:
    """The fields of a header, each with its line ends."""
    found: list[bytes] = []
    for line in header.splitlines(keepends=True):
        if line[:1] in b" \t":
            found[-1] += line
        else:
            found.append(line)
    return found


def result_of(header: bytes, dns: Dns, body: bytes = BODY) -> ArcResult:
    return check(header, body, dns).result


def handmade(
    header: bytes,
    below: Sequence[ArcSet],
    sealer: SigningKey,
    *,
    names: tuple[bytes, ...] = (b"from", b"to", b"subject"),
    results: bytes = b"spf=pass",
    tags: bytes = b"",
    form: bytes = b"c=relaxed/relaxed; ",
    simple_body: bool = False,
) -> ArcSet:
    """A set of BODY with true signatures, RSA, and other tags in the ARC-Message-Signature than `seal` would write."""
    instance = len(below) + 1
    common = b"i=%d; a=rsa-sha256; d=%b; s=sel; " % (instance, sealer.domain.encode())
    hashed = hashlib.sha256(BODY).digest() if simple_body else body_hash(BODY)
    begin = b"ARC-Message-Signature: " + common + tags + form + b"h=" + b":".join(names)
    begin += b"; bh=" + base64.b64encode(hashed) + b"; b="
    relaxed = Canonicalization.RELAXED
    signature = MessageSignature("", b"", b"", "", "", names, relaxed, relaxed, None, None)
    digest = signature_digest(HeaderFields(header), ArcField(begin, -1, instance, {}), signature)
    signed = begin + base64.b64encode(sealer.signature(digest))
    begin = b"ARC-Seal: " + common + (b"cv=pass; b=" if below else b"cv=none; b=")
    assessment = b"ARC-Authentication-Results: i=%d; mx.%b; %b" % (instance, sealer.domain.encode(), results)
    first, second, third = (ArcField(one, -1, instance, {}) for one in (assessment, signed, begin))
    value = sealer.signature(seal_digests([*below, ArcSet(first, second, third)])[-1])
    return ArcSet(first, second, ArcField(begin + base64.b64encode(value), -1, instance, {}))


def as_header(sets: Sequence[ArcSet]) -> bytes:
    """As they stand before a header, newest first."""
    fields = [part.field for one in reversed(sets) for part in (one.seal, one.signature, one.results)]
    return b"".join(field + b"\r\n" for field in fields)
