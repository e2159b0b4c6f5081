"""The same messages through dkimpy, in both directions: what one signs the other verifies, changed ones both refuse."""

import base64
import random
import re
from collections.abc import Mapping

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.mailauth.dkim.verifying import ED25519, MESSAGE, RECORDS, RSA, parts, signed, words

from postroom.mailauth.dkim import SigningKey

NOW = 1_700_000_000.0
FORMS = [(header, body) for header in (b"simple", b"relaxed") for body in (b"simple", b"relaxed")]


def private(key: SigningKey) -> bytes:
    """As dkimpy wants it."""
    if isinstance(key.private, RSAPrivateKey):
        return key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert isinstance(key.private, Ed25519PrivateKey)
    return base64.b64encode(key.private.private_bytes_raw())


def signed_there(message: bytes, key: SigningKey, form: tuple[bytes, bytes], *, length: bool = False) -> bytes:
    field: bytes = dkim.sign(
        message,
        key.selector.encode(),
        key.domain.encode(),
        private(key),
        canonicalize=form,
        signature_algorithm=key.algorithm.encode(),
        length=length,
    )
    return field + message


def verified_there(message: bytes, records: Mapping[str, bytes] = RECORDS) -> list[bool]:
    """For each signature; malformed ones are not verified."""

    def answer(name: bytes, timeout: int = 5) -> bytes:
        return records.get(name.decode().removesuffix("."), b"")

    results = []
    for number in range(len(re.findall(rb"(?m)^dkim-signature:", message.lower()))):
        try:
            results.append(bool(dkim.DKIM(message).verify(number, dnsfunc=answer)))
        except dkim.DKIMException:
            results.append(False)
    return results


def generated(chance: random.Random) -> bytes:
    """A message that may be sent, with all that canonical forms look at."""

    def space() -> str:
        return chance.choice([" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t  "])

    def text() -> str:
        words = ["word", "Grüße", "x" * 60, "=?utf-8?q?=C3=BC?=", "a:b;c", ";", "\u2003"]
        return "".join(chance.choice(words) + space() for _ in range(chance.randrange(6)))

    fields = [f"From:{space()}Someone <a@example.org>{chance.choice(['', ' ', chr(9)])}"]
    for name in chance.sample(
        ["To", "TO", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "References"]
        + ["List-Id", "Sender", "Received", "Received", "X-Other", "Resent-From", "In-Reply-To", "subject"],
        chance.randrange(10),
    ):
        fields.insert(chance.randrange(len(fields) + 1), f"{name}:{chance.choice(['', ' '])}x{text()}y")
    lines = [
        chance.choice(["", "", " ", "\t", "text", "text ", " two  words\t\tand\tmore", ".", "ü" * 20, "x" * 500])
        for _ in range(chance.randrange(12))
    ]
    body = "".join(line + "\r\n" for line in lines)
    return ("\r\n".join(fields) + "\r\n\r\n" + body).encode()


def mutated(message: bytes, chance: random.Random) -> bytes:
    """One octet of a word in the body or in a signed field is another."""
    header, _ = parts(message)
    places = [found.start() for found in re.finditer(rb"[a-z]", message) if found.start() > len(header)]
    author = message.index(b"a@example.org")
    place = chance.choice([*places, author])
    return message[:place] + b"Z" + message[place + 1 :]


@pytest.mark.parametrize("seed", range(60))
def test_what_we_sign_they_verify(seed: int) -> None:
    chance = random.Random(seed)
    message = generated(chance)
    ours = signed(message)
    assert verified_there(ours) == [True, True]
    assert words(ours) == ["pass", "pass"]
    changed = mutated(ours, chance)
    assert verified_there(changed) == [False, False]
    assert words(changed) == ["fail", "fail"]


@pytest.mark.parametrize("seed", range(60))
def test_what_they_sign_we_verify(seed: int) -> None:
    chance = random.Random(seed)
    message = generated(chance)
    key = chance.choice([RSA, ED25519])
    theirs = signed_there(message, key, chance.choice(FORMS))
    assert verified_there(theirs) == [True]
    assert words(theirs, now=2e9) == ["pass"]
    changed = mutated(theirs, chance)
    assert verified_there(changed) == [False]
    assert words(changed, now=2e9) == ["fail"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", [RSA, ED25519])
def test_every_form(form: tuple[bytes, bytes], key: SigningKey) -> None:
    message = MESSAGE.replace(b"To: ", b"To:\t\r\n  ")
    theirs = signed_there(message, key, form)
    assert words(theirs, now=2e9) == ["pass"]
    for changed in (
        theirs.replace(b"To be signed", b"To  be signed"),
        theirs.replace(b"A line.", b"A line. "),
        theirs + b"\r\n",
        theirs.replace(b"another \t one", b"another one"),
        theirs.replace(b"\r\nTo:", b"\r\nTO:"),
        theirs.replace(b"A line.", b"Aline."),
        theirs.replace(b"c=", b"C="),
        theirs.replace(b"v=1", b"v=2"),
        b"From: other@example.net\r\n" + theirs,
    ):
        assert [result == "pass" for result in words(changed, now=2e9)] == verified_there(changed), changed


@pytest.mark.parametrize(
    "record",
    [
        RECORDS[RSA.record_name].replace(b"v=DKIM1; ", b""),
        RECORDS[RSA.record_name].replace(b"k=rsa; ", b""),
        RECORDS[RSA.record_name].replace(b"v=DKIM1", b"v=DKIM2"),
        RECORDS[RSA.record_name].replace(b"k=rsa", b"k=other"),
        RECORDS[RSA.record_name].replace(b"k=rsa", b"g=*; k=rsa; s=email; n=note"),
        RECORDS[RSA.record_name].replace(b"k=rsa", b"s=web"),
        RECORDS[RSA.record_name] + b";",
        RECORDS[RSA.record_name] + b"; p=",
        RECORDS[RSA.record_name][:-8],
        RECORDS[ED25519.record_name],
        b"v=DKIM1; p=",
        b"",
    ],
)
def test_records(record: bytes) -> None:
    records = {RSA.record_name: record}
    message = signed(MESSAGE, [RSA])
    try:
        theirs = verified_there(message, records)
    except Exception:
        theirs = [False]  # some malformed keys are no DKIMException there
    assert [result == "pass" for result in words(message, records)] == theirs


def test_where_we_differ() -> None:
    """They accept what is appended behind l=, and read LF as CRLF everywhere."""
    appended = signed_there(MESSAGE, RSA, (b"relaxed", b"simple"), length=True) + b"More.\r\n"
    assert verified_there(appended) == [True]
    assert words(appended, now=2e9) == ["policy"]  # RFC 6376 §8.2: our choice, by DkimLimits.appended_passes
    bare = signed(MESSAGE.replace(b"A line.", b"A\nline."), [RSA])
    assert verified_there(bare) == [False]
    assert words(bare) == ["pass"]  # RFC 6376 §3.4.4 knows CRLF alone
