"""The same chains through dkimpy, in both directions: what one seals the other validates, changed ones both refuse."""

import random
from collections.abc import Callable

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.mailauth.arc.chains import NOW, Dns, assessed, blocks, body_hash, check, key

from postroom.mailauth.arc import ArcResult, ArcVerdict, find_sets, seal
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.sign import SigningKey

# No Ed25519: dkimpy knows it for DKIM alone, though RFC 8617 takes its algorithms from DKIM.
KEYS = [key("one.test"), key("two.test", bits=2048), key("three.test"), key("four.test")]
STATUSES = {
    dkim.CV_None: ArcResult.NONE,
    dkim.CV_Pass: ArcResult.PASS,
    dkim.CV_Fail: ArcResult.FAIL,
    None: ArcResult.FAIL,
}


def validated_there(message: bytes, dns: Dns) -> ArcResult:
    def answer(name: bytes, timeout: int = 5) -> bytes | None:
        reply = dns.replies.get(name.decode().removesuffix("."))
        return reply.texts[0] if reply is not None else None

    try:
        return STATUSES[dkim.arc_verify(message, dnsfunc=answer)[0]]
    except (IndexError, ValueError, KeyError):  # of some malformed fields, with 1.1.8; base64's Error is a ValueError
        return ArcResult.FAIL


def sealed_there(header: bytes, body: bytes, sealer: SigningKey, status: ArcResult) -> bytes:
    """With the results of an Authentication-Results field that stands on top for that time."""
    assert isinstance(sealer.private, RSAPrivateKey)
    pem = sealer.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    name = f"mx.{sealer.domain}".encode()
    results = b"Authentication-Results: %b; arc=%b; spf=pass smtp.mailfrom=a.test\r\n" % (name, status.value.encode())
    fields = dkim.arc_sign(
        results + header + b"\r\n" + body,
        sealer.selector.encode(),
        sealer.domain.encode(),
        pem,
        name,
        include_headers=[b"from", b"to", b"subject", b"date", b"message-id", b"from"],
        timestamp=int(NOW),
    )
    return b"".join(field if field.endswith(b"\r\n") else field + b"\r\n" for field in fields) + header


def generated(chance: random.Random) -> tuple[bytes, bytes]:
    """A message that may be sent, with all that canonical forms look at."""

    def words(count: int) -> bytes:
        joints = [b" ", b"  ", b"\t", b"\r\n ", b" \r\n\t"]
        return b"".join(
            bytes(chance.choices(b"abcXYZ=;:.,\xc3\xa4", k=chance.randint(1, 9))) + chance.choice(joints)
            for _ in range(count)
        ).strip()

    fields = [
        b"From: Ann <ann@author.test>",
        b"To: " + chance.choice([b"list@list.test", b"a@b.test,\r\n\tc@d.test"]),
        b"subject: " + words(chance.randint(1, 12)) + b" " * chance.randint(0, 2),
        b"Date: Thu, 14 Jan 2021 15:00:01 +0000",
        b"Message-ID: <1@author.test>",
        *[b"X-Other: " + words(chance.randint(1, 30)) for _ in range(chance.randint(0, 3))],
        *[b"Received: by c.test; Thu, 14 Jan 2021 15:02:40 +0000" for _ in range(chance.randint(0, 3))],
    ]
    chance.shuffle(fields)
    body = b"".join(
        words(chance.randint(0, 5)) + b" " * chance.randint(0, 2) + b"\r\n" for _ in range(chance.randint(0, 9))
    )
    return b"".join(field + b"\r\n" for field in fields), body + b"\r\n" * chance.randint(0, 2)


def sealed_here(header: bytes, body: bytes, sealer: SigningKey, dns: Dns, chance: random.Random) -> tuple[bytes, bytes]:
    """One more hop, which may change the message as mailing lists do."""
    came, status = header, check(header, body, dns).result
    if chance.random() < 0.5:
        header = header.replace(b"subject: ", b"subject: [list] ")
        body += b"-- \r\nthe list\r\n"
    added = seal(
        HeaderFields(header),
        find_sets(HeaderFields(came)),
        status,
        assessed(f"mx.{sealer.domain}", ("arc", status.value), ("spf", "pass")),
        body_hash(body),
        sealer,
        now=NOW,
    )
    return added + header, body


def chain(chance: random.Random, dns: Dns, hops: int) -> tuple[bytes, bytes]:
    """Hops of both kinds."""
    header, body = generated(chance)
    for _ in range(hops):
        sealer = chance.choice(KEYS)
        if chance.random() < 0.5 and isinstance(sealer.private, RSAPrivateKey):
            header = sealed_there(header, body, sealer, check(header, body, dns).result)
        else:
            header, body = sealed_here(header, body, sealer, dns, chance)
    return header, body


@pytest.mark.parametrize("seed", range(40))
def test_chains_of_both(seed: int) -> None:
    chance, dns = random.Random(seed), Dns(*KEYS)
    hops = chance.randint(1, 5)
    header, body = chain(chance, dns, hops)
    verdict = check(header, body, dns)
    assert (verdict.result, len(verdict.sealers)) == (ArcResult.PASS, hops), verdict.words
    assert validated_there(header + b"\r\n" + body, dns) is ArcResult.PASS


def _changes(chance: random.Random) -> list[Callable[[bytes, bytes], tuple[bytes, bytes]]]:
    def at_random(header: bytes) -> tuple[list[bytes], int]:
        found = blocks(header)
        return found, chance.randrange(len(found))

    def stripped(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        found, at = at_random(header)
        return b"".join(found[:at] + found[at + 1 :]), body

    def doubled(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        found, at = at_random(header)
        return b"".join(found[: at + 1] + found[at:]), body

    def moved(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        found, at = at_random(header)
        return b"".join([found[at], *found[:at], *found[at + 1 :]]), body

    def octet(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        at = chance.randrange(len(header))
        if header[at : at + 1] in b"\r\n \t:":
            return header, body
        return header[:at] + bytes(chance.choices(b"abz019=;", k=1)) + header[at + 1 :], body

    def text(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        return header, body + chance.choice([b"x\r\n", b"\r\n", b" ", b"\tx"])

    def space(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        return header.replace(b" ", b"  ", 3), body.replace(b" ", b" \t", 2)

    def number(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        return header.replace(b"i=1;", b"i=%d;" % chance.randint(0, 4), chance.randint(1, 3)), body

    def status(header: bytes, body: bytes) -> tuple[bytes, bytes]:
        return header.replace(b"cv=pass", chance.choice([b"cv=none", b"cv=fail", b"cv=", b"cv=Pass"]), 1), body

    return [stripped, doubled, moved, octet, text, space, number, status]


def _differs(here: ArcVerdict, there: ArcResult, header: bytes, body: bytes) -> str:
    """Why dkimpy 1.1.8 comes to another verdict; "": it may not."""
    if here.result is ArcResult.PASS and there is ArcResult.FAIL:
        if _order(header) != sorted(_order(header), reverse=True):
            return "it takes the sets as they stand in the header; RFC 8617 §5.1.1 as their instances say"
        if body.endswith(b" "):
            return "it keeps the white space of a last line without CRLF; RFC 6376 §3.4.4 ignores it"
    if there is ArcResult.NONE and here.words.endswith("no instance from 1 to 50"):
        return "fields of instance 0 are none to it; RFC 8617 §4.2.1 makes them a chain that is invalid"
    return ""


def _order(header: bytes) -> list[tuple[int, bytes]]:
    """Instance and name of each ARC field."""
    fields = [one for one in blocks(header) if one.startswith(b"ARC-")]
    return [(int(one.partition(b"i=")[2].partition(b";")[0]), one.partition(b":")[0]) for one in fields]


@pytest.mark.parametrize("seed", range(60))
def test_changed_chains(seed: int) -> None:
    chance, dns = random.Random(1000 + seed), Dns(*KEYS)
    header, body = chain(chance, dns, chance.randint(1, 3))
    for change in _changes(chance) * 3:
        changed, text = change(header, body)
        here, there = check(changed, text, dns), validated_there(changed + b"\r\n" + text, dns)
        reason = here.result is there or _differs(here, there, changed, text)
        assert reason, (change.__name__, here.words, there, changed)
