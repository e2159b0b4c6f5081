"""The dearest message for all checks together: what it may ask, and what it may cost.

Each check alone is bounded in tests of its own. Here one message has the worst for each: as many signatures and seals
as are tried, by the dearest keys that are accepted, SPF records with as many terms and hosts as are followed, a header
of the largest size, and a From field that takes long to read.
"""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.mailauth.arc.chains import NOW, add, with_exponent
from tests.mailauth.arc.chains import Dns as ArcDns
from tests.mailauth.dkim.verifying import rsa_key
from tests.mailauth.test_spoofing import Found, checked
from tests.mailauth.zone import Records

from postroom.mailauth.arc.types import MAX_INSTANCE, ArcLimits
from postroom.mailauth.dkim import DkimLimits, KeyRecord, SigningKey, key_text, read_key
from postroom.mailauth.dkim.canonical import BodyHasher, Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.key import MAX_RSA_EXPONENT_BITS
from postroom.mailauth.dkim.sign import sign
from postroom.mailauth.dmarc import record
from postroom.mailauth.dmarc.tree import MAX_QUESTIONS, MAX_WALKS
from postroom.mailauth.domains import _domain_name
from postroom.mailauth.spf import record as spf_record
from postroom.mailauth.spf.types import SpfLimits

MOST = 0.5  # seconds of CPU: ten times the aim, as machines differ; what is quadratic takes far longer
BODY = b"A line.\r\n" * 100
LARGEST_EXPONENT = (1 << MAX_RSA_EXPONENT_BITS) - 1
SEALERS = ArcLimits().max_questions
DEEP = "a.b.c.d.e.f.g.h.evil.test"


def sealers() -> list[SigningKey]:
    base = rsa_key(4096)
    return [
        with_exponent(SigningKey(f"s{number}.{DEEP}", "s", base), LARGEST_EXPONENT - 40 * number)
        for number in range(SEALERS)
    ]


def dear_keys(number: int) -> list[str]:
    """As many as are tried at one name, none of which is the right one."""
    modulus = rsa_key(4096).public_key().public_numbers().n
    first = LARGEST_EXPONENT - 2 * 1000 * number - 2
    return [
        key_text(rsa.RSAPublicNumbers(first - 2 * one, modulus).public_key()) for one in range(DkimLimits().max_keys)
    ]


def header_and_zone() -> tuple[bytes, dict[str, Records]]:
    zone: dict[str, Records] = {}
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(BODY)
    digest = hasher.digest() or b""
    author = b"From: " + b",".join([b'((x) y) "a@b.test" <x@%b>' % DEEP.encode()] * 160) + b"\r\n"
    header = author + b"To: bob@foo.com\r\nSubject: x\r\n" + b"X-Filler: \t \t y\r\n" * 5900
    dns = ArcDns()
    keys = sealers()
    for one in keys:
        dns.replies[one.record_name] = ArcDns(one).replies[one.record_name]
        zone[one.record_name] = [("TXT", one.record.encode())]
    for number in range(MAX_INSTANCE):
        header = add(header, BODY, keys[number % SEALERS], dns)
    good = SigningKey(DEEP, "d0", rsa_key(4096))
    names = [b"from", *[b"x-filler"] * (DkimLimits().max_signed_names - 1)]
    field = sign(
        HeaderFields(header),
        digest,
        [good],
        now=NOW,
        names=names,
    )
    for number in range(DkimLimits().max_signatures):
        domain = f"{'x.' * 8}d{number}.test"
        header = field.replace(f"d={DEEP}; s=d0".encode(), f"d={domain}; s=d0".encode()) + header
        zone[f"d0._domainkey.{domain}"] = [("TXT", text.encode()) for text in dear_keys(number)]
    addresses: Records = [("A", f"203.0.113.{number}") for number in range(5)]
    for helo in ("", "helo."):
        terms = " ".join(f"mx:{helo}m{number}.evil.test" for number in range(9))
        filler = "ip4:203.0.113.0/32 " * 750
        zone[f"{helo}evil.test"] = [("TXT", f"v=spf1 {terms} {filler}exists:%{{l}}.%{{ir}}.evil.test -all".encode())]
        for number in range(9):
            hosts = [f"h{host}.{helo}m{number}.evil.test" for host in range(10)]
            zone[f"{helo}m{number}.evil.test"] = [("MX", host) for host in hosts]
            zone |= dict.fromkeys(hosts, addresses)
    zone["_dmarc.evil.test"] = [("TXT", b"v=DMARC1; p=reject; np=reject; rua=" + b"mailto:a@b.test!1m," * 300)]
    return header, zone


HEADER, ZONE = header_and_zone()


def forget() -> None:
    """What earlier messages left behind in memory would make this one cheaper."""
    for known in (read_key, record._kept, spf_record._kept, _domain_name):
        known.cache_clear()


def one() -> tuple[Found, float]:
    forget()
    started = time.process_time()
    found = checked(HEADER + b"\r\n" + BODY, ZONE, sender="a.b-c+d@evil.test", hello="helo.evil.test", now=NOW)
    return found, time.process_time() - started


@pytest.fixture
def crypto(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the keys that were used."""
    used: list[int] = []
    verifies = KeyRecord.verifies

    def counted(self: KeyRecord, signature: bytes, digest: bytes) -> bool:
        used.append(getattr(self.public, "key_size", 256))
        return verifies(self, signature, digest)

    monkeypatch.setattr(KeyRecord, "verifies", counted)
    return used


def test_the_dearest_message_reaches_every_limit(crypto: list[int]) -> None:
    found, _ = one()
    dkim, arc, spf = DkimLimits(), ArcLimits(), SpfLimits()
    assert len(HEADER) <= dkim.max_header_octets
    assert [one.result.value for one in found.dkim] == ["fail"] * dkim.max_signatures
    assert found.arc.result.value == "pass"
    assert [one.result.value for one in found.spf] == ["fail", "fail"]
    assert found.author.domain == DEEP
    assert found.dmarc.result.value == "fail"
    # No more uses of keys, of whatever size
    assert len(crypto) == dkim.max_signatures * dkim.max_keys + MAX_INSTANCE + 1 + arc.max_older_signatures
    assert set(crypto) == {4096}
    walks = (1 + MAX_WALKS) * MAX_QUESTIONS + 1
    assert found.questions <= dkim.max_signatures + arc.max_questions + 2 * spf.most_questions + walks


def test_the_dearest_message_costs_less_than_the_limit() -> None:
    spent = [one()[1] for _ in range(5)]
    assert min(spent) < MOST, spent
