"""Verdicts on signatures: who is told what, and why."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.mailauth.dkim.verifying import ED25519, MESSAGE, NOW, RECORDS, RSA, parts, rsa_key, signed, verdicts, words

from postroom.mailauth.dkim import (
    BodyHashes,
    Canonicalization,
    DkimLimits,
    DkimResult,
    HeaderFields,
    SigningKey,
    find_signatures,
    is_untimely,
    judge,
    key_text,
)
from postroom.mailauth.dkim.signature import Signature, signed_form
from postroom.mailauth.dkim.verify import header_digest
from postroom.mailauth.questions import Reply

BY_RSA = signed(MESSAGE, [RSA])
RECORD = RECORDS[RSA.record_name]


def by_hand(tags: bytes, message: bytes = MESSAGE, *, body: bytes | None = None, key: SigningKey = RSA) -> bytes:
    """The message signed with those tags; bh= of `body` as it is, or of the whole body, simple."""
    header, rest = parts(message)
    hashes = BodyHashes([(Canonicalization.SIMPLE, None)])
    hashes.update(rest if body is None else body)
    digest = hashes.digest(Canonicalization.SIMPLE)
    assert digest is not None
    begin = b"DKIM-Signature: v=1; a=" + key.algorithm.encode() + b"; s=" + key.selector.encode() + b"; " + tags
    begin += b"; bh=" + base64.b64encode(digest) + b"; b="
    fields = HeaderFields(begin + b"AAAA\r\n" + header)
    (signature,) = find_signatures(fields)
    assert isinstance(signature, Signature), signature
    value = key.signature(header_digest(fields, signature))
    return begin + base64.b64encode(value) + b"\r\n" + message


def test_good_ones() -> None:
    asked: list[str] = []
    first, second = verdicts(signed(MESSAGE), asked=asked)
    assert asked == ["r1._domainkey.example.org", "e1._domainkey.example.org"]
    assert first.result is second.result is DkimResult.PASS
    assert (first.words, first.domain, first.selector) == ("signed by example.org", "example.org", "r1")
    assert (first.algorithm, first.key_bits, first.identity) == ("rsa-sha256", 2048, "@example.org")
    assert (second.algorithm, second.key_bits) == ("ed25519-sha256", 256)
    assert first.record == RECORD
    assert first.signed_names[:2] == ("from", "from")
    assert not first.testing
    assert verdicts(MESSAGE) == []


def test_what_relaxed_lets_pass() -> None:
    changed = BY_RSA.replace(b"Subject: To be signed", b"SUBJECT:\tTo  be\r\n signed \t")
    changed = changed.replace(b"And  another \t one. ", b"And another one.") + b" \r\n\r\n"
    assert words(changed) == ["pass"]
    assert words(b"X-Added: by a relay\r\n" + BY_RSA) == ["pass"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"A line.", b"A lime.", "the body is not what was signed"),
        (b"To be signed", b"to be signed", "the header is not what was signed"),
        (b"To: other", b"Cc: x@example.net\r\nTo: other", "the header is not what was signed"),  # over-signed
        (b"From: Some", b"From: x@example.net\r\nFrom: Some", "the header is not what was signed"),
        (b"t=1700000000", b"t=1700000001", "the header is not what was signed"),
        (b"To: other@example.net\r\n", b"", "the header is not what was signed"),
        (b"\r\n b=", b"\r\n b=AAAA", "the header is not what was signed"),
    ],
)
def test_what_was_changed(old: bytes, new: bytes, why: str) -> None:
    assert BY_RSA.count(old) == 1
    (verdict,) = verdicts(BY_RSA.replace(old, new))
    assert verdict.result is DkimResult.FAIL
    assert verdict.words.startswith(why)


@pytest.mark.parametrize(
    ("reply", "result", "why"),
    [
        (Reply(failed="SERVFAIL"), "temperror", "the key at r1._domainkey.example.org is not to be had now: SERVFAIL"),
        (Reply(exists=False), "permerror", "there is no key at r1._domainkey.example.org"),
        (Reply(), "permerror", "there is no key at r1._domainkey.example.org"),
        (
            Reply((b"v=DKIM1; p=",)),
            "permerror",
            "the key has been revoked: its p= is empty (r1._domainkey.example.org)",
        ),
        (Reply((b"v=spf1 -all",)), "permerror", "the record is no DKIM key: v= is not DKIM1, or not first (r1._doma"),
        (Reply((RECORDS[ED25519.record_name],)), "permerror", "the key at r1._domainkey.example.org is for ed25519"),
        (Reply((b"h=sha1; " + RECORD[9:],)), "permerror", "the key is not for SHA-256"),
        (Reply((b"p=" + b"A" * 60_000,)), "policy", "the key record has 60002 octets, more than 4096"),
        (Reply((b"v=spf1 -all", RECORD)), "pass", "signed by example.org"),
        (Reply((RECORD, b"v=spf1 -all")), "pass", "signed by example.org"),
        (Reply((b"x",) * 4 + (RECORD,)), "permerror", "the key record is malformed"),  # four are tried
    ],
)
def test_keys(reply: Reply, result: str, why: str) -> None:
    (verdict,) = verdicts(BY_RSA, {RSA.record_name: reply})
    assert (verdict.result.value, verdict.words[: len(why)]) == (result, why)


def test_of_several_keys_any_may_fit() -> None:
    other = SigningKey("example.org", "r1", rsa_key(1024)).record.encode()
    assert words(BY_RSA, {RSA.record_name: Reply((other, RECORD))}) == ["pass"]
    (verdict,) = verdicts(BY_RSA, {RSA.record_name: Reply((b"nothing", other))})
    assert (verdict.result.value, verdict.key_bits) == ("fail", 1024)


def test_keys_of_odd_sizes() -> None:
    """RFC 8301 §3.2: keys of other sizes do not help, whatever they have signed."""
    for bits, result, why in (
        (1016, DkimResult.PERMERROR, "the RSA key has 1016 bits only; RFC 8301 demands 1024 (r1._"),
        (4104, DkimResult.POLICY, "the RSA key has 4104 bits, more than 4096 (r1._"),
    ):
        public = rsa.RSAPublicNumbers(65_537, (1 << (bits - 1)) | 0x10001).public_key()
        (verdict,) = verdicts(BY_RSA, {RSA.record_name: key_text(public).encode()})
        assert (verdict.result, verdict.words[: len(why)]) == (result, why)


def test_a_domain_that_is_testing() -> None:
    (verdict,) = verdicts(BY_RSA.replace(b"A line", b"x"), {RSA.record_name: b"t=y; " + RECORD[9:]})
    assert (verdict.result, verdict.testing) == (DkimResult.FAIL, True)


def test_times() -> None:
    tags = b"d=example.org; h=from; t=1700000000; x=1700001000"
    message = by_hand(tags)
    assert words(message) == ["pass"]
    assert words(message, now=NOW + 1299) == ["pass"]  # the clocks may differ
    asked: list[str] = []
    (verdict,) = verdicts(message, now=NOW + 1400, asked=asked)
    assert (verdict.result, verdict.words) == (DkimResult.FAIL, "expired 400 seconds ago (x=)")
    assert asked == []
    assert words(message, now=NOW - 299) == ["pass"]
    (verdict,) = verdicts(message, now=NOW - 1000)
    assert (verdict.result, verdict.words) == (DkimResult.POLICY, "signed in the future (t=), by our clock")
    (signature,) = find_signatures(HeaderFields(message))
    assert isinstance(signature, Signature)
    assert is_untimely(signature, NOW) is None


def test_identities() -> None:
    message = by_hand(b"d=example.org; h=from; i=someone@mail.example.org")
    (verdict,) = verdicts(message)
    assert (verdict.result.value, verdict.identity) == ("pass", "someone@mail.example.org")
    strict = {RSA.record_name: b"t=s; " + RECORD[9:]}
    (verdict,) = verdicts(message, strict)
    assert verdict.result is DkimResult.PERMERROR
    assert "allows no sub-domains" in verdict.words
    assert words(by_hand(b"d=example.org; h=from; i=someone@EXAMPLE.org"), strict) == ["pass"]


def test_a_second_from_is_not_covered_by_one_name() -> None:
    """RFC 6376 §8.15: the signature is right, but who reads the message may be shown the other author."""
    message = by_hand(b"d=example.org; h=from:subject")
    assert words(message) == ["pass"]
    for forged in (
        b"From: boss@example.net\r\n" + message,
        message.replace(b"\r\nFrom:", b"\r\nX: y\nFrom: b@c.d\r\nFrom:"),
    ):
        (verdict,) = verdicts(forged)
        assert verdict.result is DkimResult.POLICY
        assert verdict.words == "1 of the From fields it does not cover"
    covered = by_hand(b"d=example.org; h=from:from", b"From: second@example.org\r\n" + MESSAGE)
    assert words(covered) == ["pass"]


def test_what_is_appended_behind_l() -> None:
    """RFC 6376 §8.2."""
    _, body = parts(MESSAGE)
    message = by_hand(b"d=example.org; h=from; l=%d" % len(body))
    (verdict,) = verdicts(message)
    assert (verdict.result, verdict.unsigned_octets) == (DkimResult.PASS, 0)
    (verdict,) = verdicts(message + b"Buy now!\r\n")
    assert (verdict.result, verdict.unsigned_octets) == (DkimResult.POLICY, 10)
    assert verdict.words == "it covers all but the last 10 octets of the body (l=)"
    (verdict,) = verdicts(message + b"Buy now!\r\n", limits=DkimLimits(appended_passes=True))
    assert (verdict.result, verdict.unsigned_octets) == (DkimResult.PASS, 10)
    assert verdict.words == "signed by example.org, but for the last 10 octets of the body (l=)"


def test_a_body_shorter_than_l() -> None:
    message = by_hand(b"d=example.org; h=from; l=10000")
    (verdict,) = verdicts(message)
    assert (verdict.result, verdict.words) == (DkimResult.FAIL, "the body is shorter than what was signed (l=10000)")


def test_another_signature_may_be_signed_but_not_itself() -> None:
    """RFC 6376 §3.5, h=: dkim-signature stands for the others, from the bottom up."""
    message = by_hand(b"d=example.org; h=from:dkim-signature:dkim-signature")
    assert words(message) == ["pass"]
    assert words(message.replace(b"\r\nFrom: ", b"\r\nDKIM-Signature: x=y\r\nFrom: ")) == ["fail", "permerror"]


def test_every_signature_is_judged_by_itself() -> None:
    broken = b"DKIM-Signature: v=1; a=rsa-sha256\r\n"
    found = verdicts(broken + signed(b"Received: x\r\n" + BY_RSA, [ED25519]))
    assert [one.result.value for one in found] == ["permerror", "pass", "pass"]
    assert found[0].words == "b=, bh=, d=, h=, s= missing"


def test_one_key_is_asked_for_once() -> None:
    asked: list[str] = []
    found = verdicts(BY_RSA[: BY_RSA.index(b"From:")] * 5 + BY_RSA, asked=asked)
    assert [one.result.value for one in found] == ["pass"] * 6
    assert asked == [RSA.record_name]


def test_more_signatures_than_are_tried() -> None:
    asked: list[str] = []
    others = b"".join(re.sub(rb"s=r1", b"s=n%d" % n, BY_RSA[: BY_RSA.index(b"From:")]) for n in range(200))
    found = verdicts(others + BY_RSA, asked=asked)
    assert [one.result.value for one in found] == ["permerror"] * 10 + ["policy"]
    assert len(asked) == 10
    assert found[-1].words == "191 more signatures are not tried: the limit is 10"


def test_judging_one_with_an_answer_that_is_at_hand() -> None:
    block, body = parts(BY_RSA)
    header = HeaderFields(block)
    (signature,) = find_signatures(header)
    assert isinstance(signature, Signature)
    hashes = BodyHashes.for_signatures([signature])
    hashes.update(body)
    verdict = judge(header, signature, hashes, Reply((RECORD,)), now=NOW)
    assert (verdict.result, signature.key_name) == (DkimResult.PASS, RSA.record_name)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100])
def test_pieces_of_any_size(piece: int) -> None:
    assert [one.result.value for one in verdicts(signed(MESSAGE), piece=piece)] == ["pass", "pass"]


def test_a_signature_of_another_key() -> None:
    other = SigningKey("example.org", "e1", Ed25519PrivateKey.generate())
    (verdict,) = verdicts(signed(MESSAGE, [other]))
    assert verdict.words == "the header is not what was signed, or not with this key"


def test_the_field_itself_is_signed_with_any_name_case() -> None:
    assert words(BY_RSA.replace(b"DKIM-Signature", b"Dkim-SIGNATURE")) == ["pass"]
    assert signed_form(b"A: b=1", Canonicalization.RELAXED) == b"a:b="
