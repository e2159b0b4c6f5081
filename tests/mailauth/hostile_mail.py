"""Mail made to be dear: each message is another mixture of what makes one check or another work hard.

A message is drawn from its number, so that the same number is always the same message. What it is drawn from reaches
beyond every limit: more signatures, names, sets, terms and hosts than are looked at, the dearest keys, headers and
bodies of shapes that cost a careless reader quadratic time.
"""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric import rsa
from tests.mailauth.arc.chains import NOW, add, with_exponent
from tests.mailauth.arc.chains import Dns as ArcDns
from tests.mailauth.dkim.verifying import rsa_key
from tests.mailauth.test_spoofing import Found, checked
from tests.mailauth.zone import TIMEOUT, Records

from postroom.mailauth.arc.types import ArcLimits
from postroom.mailauth.dkim import DkimLimits, SigningKey, key_text, read_key
from postroom.mailauth.dkim.canonical import BodyHasher, Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.key import MAX_RSA_EXPONENT_BITS
from postroom.mailauth.dkim.sign import sign
from postroom.mailauth.dmarc import record as dmarc_record
from postroom.mailauth.domains import _domain_name
from postroom.mailauth.spf import record as spf_record

_EVIL = "evil.test"
_DEEP = "a.b.c.d.e.f.g.h.evil.test"
_LARGEST_EXPONENT = (1 << MAX_RSA_EXPONENT_BITS) - 1
_ROOM = DkimLimits().max_header_octets


@dataclass
class HostileMail:
    header: bytes = b""
    body: bytes = b""
    zone: dict[str, Records] = field(default_factory=dict)
    sender: str = f"a.b-c+d@{_EVIL}"
    hello: str = f"helo.{_EVIL}"

    def cost(self) -> tuple[Found, float]:
        """What the checks say of it, and the seconds of CPU that takes when nothing is remembered of earlier mail."""
        for known in (read_key, dmarc_record._kept, spf_record._kept, _domain_name):
            known.cache_clear()
        started = time.process_time()
        found = checked(self.header + b"\r\n" + self.body, self.zone, sender=self.sender, hello=self.hello, now=NOW)
        return found, time.process_time() - started


def hostile(number: int) -> HostileMail:
    """The message of that number."""
    draw = Random(f"hostile {number}")
    made = HostileMail(_author(draw) + b"To: bob@foo.com\r\nSubject: x\r\n" + _filler(draw), _body(draw))
    _policies(draw, made)
    for helo in ("helo.", ""):
        _spf(draw, made, f"{helo}{_EVIL}")
    for ingredient in draw.sample(_SIGNED, draw.randint(0, len(_SIGNED))):
        ingredient(draw, made)
    made.header = made.header[: made.header.rfind(b"\n", 0, _ROOM) + 1]
    return made


# ---- the header


def _author(draw: Random) -> bytes:
    one = b"x@" + _DEEP.encode()
    shapes: list[Callable[[int], bytes]] = [
        lambda n: b"From: Ann <" + one + b">\r\n",
        lambda n: b"From: " + b",".join([b'((x) y) "a@b.test" <' + one + b">"] * n) + b"\r\n",
        lambda n: b"From: " + b"(" * n * 20 + b" <" + one + b">\r\n",
        lambda n: b"From: " + b"=?utf-8?b?YUBi?= " * n * 4 + b"<" + one + b">\r\n",
        lambda n: b'From: "' + b'\\"' * n * 20 + b'" <' + one + b">\r\n",
        lambda n: (b"From: <" + one + b">\r\n") * n,
        lambda n: b"From: a:" + b"b:<" * n + one + b">;\r\n",
        lambda n: b"From: " + b"\r\n \t" * n * 4 + one + b"\r\n",
        lambda n: b"From: <" + b"@a.test," * n + b":" + one + b">\r\n",
        lambda n: b"From: <" + b"\xff\xc3" * n + one + b">\r\n",
    ]
    return draw.choice(shapes)(draw.choice((1, 20, 160, 600)))


def _filler(draw: Random) -> bytes:
    count = draw.choice((0, 10, 1000, 5900))
    line = draw.choice(
        (b"X-Filler: \t \t y\r\n", b"X-Filler: y\r\n", b"X-Filler:\r\n \t y\r\n", b"x-fIllEr :" + b"\t" * 9 + b"\r\n")
    )
    large = draw.choice((b"", b"X-Large: " + b" \t" * 40_000 + b"\r\n", b"X-Large: " + b"y\r\n " * 20_000 + b"\r\n"))
    return line * count + large


def _body(draw: Random) -> bytes:
    octets = draw.choice((1000, 20_000, 200_000))
    unit = draw.choice((b"A line.\r\n", b" \t", b"\r\n", b"\r", b"\n", b" \r\n", b"y", b"y \t\r\n"))
    return unit * (octets // len(unit))


# ---- the zones


def _policies(draw: Random, made: HostileMail) -> None:
    for name in (_DEEP, _EVIL):
        records = draw.choice(
            (
                [],
                [b"v=DMARC1; p=reject; np=reject; rua=" + b"mailto:a@b.test!1m," * 300],
                [b"v=DMARC1; p=none; " + b"a=b; " * 4000],
                [b"v=DMARC1; p=none"] * 50,
                [b"v=DMARC1;" + b" " * 30_000 + b"p=reject"],
            )
        )
        if records:
            made.zone[f"_dmarc.{name}"] = [("TXT", one) for one in records]


def _spf(draw: Random, made: HostileMail, name: str) -> None:
    hosts: Records = [("A", f"203.0.113.{number}") for number in range(draw.choice((1, 5, 200)))]
    filler = "ip4:203.0.113.0/32 " * draw.choice((0, 100, 750, 4000))
    kind = draw.choice(("mx", "include", "redirect", "macro", "ptr", "void", "broken", "slow"))
    zone = made.zone
    terms = f"{filler}-all"
    if kind == "mx":
        terms = " ".join(f"mx:m{number}.{name}" for number in range(12)) + " " + terms
        for number in range(12):
            names = [f"h{host}.m{number}.{name}" for host in range(draw.choice((3, 10, 30)))]
            zone[f"m{number}.{name}"] = [("MX", host) for host in names]
            zone |= dict.fromkeys(names, hosts)
    elif kind == "include":
        terms = " ".join(f"include:i{number}.{name}" for number in range(12)) + " " + terms
        for number in range(12):
            deeper = f"include:i{(number + 1) % 12}.{name} " if draw.random() < 0.5 else ""
            zone[f"i{number}.{name}"] = [("TXT", f"v=spf1 {deeper}{filler}-all".encode())]
    elif kind == "redirect":
        terms = f"{filler}redirect={name}"
    elif kind == "macro":
        terms = "exists:" + "%{l1r-+}.%{ir}.%{h3r}." * draw.choice((1, 40, 400)) + f"{name} " + terms
    elif kind == "ptr":
        terms = f"ptr:{name} ptr a:%{{p}}.{name} " + terms
        zone["203.0.113.99"] = [("PTR", f"p{number}.{name}") for number in range(200)]
        zone |= {f"p{number}.{name}": hosts for number in range(200)}
    elif kind == "void":
        terms = " ".join(f"a:v{number}.{name}" for number in range(12)) + " " + terms
    elif kind == "broken":
        terms = "a:" * draw.choice((1, 3000)) + "/99//999 " + "=" * 4000 + terms
    zone[name] = [TIMEOUT] if kind == "slow" else [("TXT", f"v=spf1 {terms}".encode())]
    if draw.random() < 0.2:
        zone[name] = [*zone[name], ("TXT", b"v=spf1" + b" " * 20_000 + b"-all")]


# ---- signatures


@cache
def _digest(body: bytes) -> bytes:
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    return hasher.digest() or b""


@cache
def _dear_keys(number: int, bits: int, count: int) -> tuple[bytes, ...]:
    """Keys at one name, none of which is the right one."""
    modulus = rsa_key(bits).public_key().public_numbers().n
    first = _LARGEST_EXPONENT - 2 * 1000 * number - 2
    return tuple(key_text(rsa.RSAPublicNumbers(first - 2 * one, modulus).public_key()).encode() for one in range(count))


def _signatures(draw: Random, made: HostileMail) -> None:
    """Whole ones, whose keys are dear and wrong."""
    bits, keys = draw.choice((1024, 2048, 4096)), draw.choice((1, 3, 10))
    good = SigningKey(_DEEP, "d0", rsa_key(bits))
    names = [b"from", *[b"x-filler"] * draw.choice((1, 30, DkimLimits().max_signed_names - 1, 1000))]
    whole = sign(HeaderFields(made.header), _digest(made.body), [good], now=NOW, names=names)
    for number in range(draw.choice((1, DkimLimits().max_signatures, 60))):
        domain = f"{'x.' * draw.choice((1, 8, 60))}d{number}.test"
        made.header = whole.replace(f"d={_DEEP};".encode(), f"d={domain};".encode()) + made.header
        made.zone[f"d0._domainkey.{domain}"] = [("TXT", text) for text in _dear_keys(number % 20, bits, keys)]


def _odd_signatures(draw: Random, made: HostileMail) -> None:
    """Broken in ways that have to be found out."""
    large = base64.b64encode(b"x" * 30_000)
    shapes = (
        b"DKIM-Signature: " + b"a=b;" * 4000 + b"\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=evil.test; s=s; h=" + b"x:" * 9000 + b"from; bh=; b=" + large + b"\r\n",
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=simple; l=5; d=evil.test; s=s; h=from; bh=AAAA; b=AAAA\r\n",
        b"DKIM-Signature: v=1; z=" + b"From:=20|" * 4000 + b"\r\n",
        b"DKIM-Signature:" + b"\r\n " * 9000 + b"v=1\r\n",
        b"ARC-Seal: i=1; " + b"x=y; " * 4000 + b"\r\n",
        b"".join(
            b"ARC-Message-Signature: i=%d; a=rsa-sha256; h=from; d=evil.test; s=s; bh=; b=\r\n" % n for n in range(300)
        ),
    )
    made.header = draw.choice(shapes) * draw.choice((1, 20)) + made.header
    made.zone[f"s._domainkey.{_EVIL}"] = [("TXT", b"v=DKIM1; " + b"n=x; " * 5000 + b"p=")]


def _seals(draw: Random, made: HostileMail) -> None:
    """An honest chain, each seal by a key of the largest exponent."""
    dns = ArcDns()
    different = draw.choice((1, ArcLimits().max_questions))
    for number in range(draw.choice((1, 4, 8))):
        domain = f"s{number % different}.{_DEEP}"
        key = with_exponent(SigningKey(domain, "s", rsa_key(4096)), _LARGEST_EXPONENT - 40 * (number % different))
        dns.replies |= ArcDns(key).replies
        made.zone[key.record_name] = [("TXT", key.record.encode())]
        made.header = add(made.header, made.body, key, dns)


_SIGNED = (_signatures, _odd_signatures, _seals)
