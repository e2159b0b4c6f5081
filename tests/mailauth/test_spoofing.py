"""The spoofing battery against the checks as a library: what each trick comes to, with no server around them.

bank.com is whom they want to be: it sends from 192.0.2.1, signs, and asks that everything else is rejected. The
attacker has evil.com and 198.51.100.9. Between the checks stands nothing but `checked`, in the order of a server.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.intake.strangers import key, letter, sealed, signed, signed_as
from tests.mailauth.zone import TIMEOUT, Records, Zone

from postroom.base import SystemClock
from postroom.mailauth.arc import ArcVerdict, find_sets, validate
from postroom.mailauth.dkim import BodyHashes, DkimVerdict, HeaderFields, find_signatures, verify
from postroom.mailauth.dmarc import Author, DmarcVerdict, author_domain, evaluate
from postroom.mailauth.results import claimed
from postroom.mailauth.spf import SpfVerdict, check_sender
from postroom.message import iter_fields

EVIL, GOOD = "198.51.100.9", "192.0.2.1"


def text(*values: str) -> Records:
    return [("TXT", value.encode()) for value in values]


def keys(*domains: str) -> dict[str, Records]:
    return {key(domain).record_name: text(key(domain).record) for domain in domains}


ZONE: dict[str, Records] = {
    "bank.com": [*text("v=spf1 ip4:192.0.2.1 -all"), ("A", GOOD)],
    "_dmarc.bank.com": text("v=DMARC1; p=reject; sp=quarantine; np=reject"),
    "known.bank.com": [("A", GOOD)],
    "evil.com": text("v=spf1 ip4:198.51.100.9 -all"),
    "bank.com.evil.com": text("v=spf1 +all"),
    # a registry: whoever registers below it is nobody else's organisation
    "_dmarc.suffix.test": text("v=DMARC1; p=none; psd=y"),
    "_dmarc.bank.suffix.test": text("v=DMARC1; p=reject"),
    "evil.suffix.test": text("v=spf1 +all"),
    "suffix.test": text("v=spf1 +all"),
    # an organisation inside another
    "_dmarc.host.test": text("v=DMARC1; p=reject"),
    "_dmarc.tenant.host.test": text("v=DMARC1; p=reject; psd=n"),
    "host.test": text("v=spf1 +all"),
    "other.host.test": text("v=spf1 +all"),
    # records that are none, or too many
    "_dmarc.junk.test": text("x v=DMARC1; p=reject"),
    "_dmarc.two.test": text("v=DMARC1; p=reject", "v=DMARC1; p=none"),
    "_dmarc.beside.test": text("v=spf1 -all", "v=DMARC1; p=reject", "something else"),
    "_dmarc.late.test": text("p=reject; v=DMARC1"),
    "_dmarc.alias.test": [("CNAME", "_dmarc.bank.com")],
    "_dmarc.loop.test": [("CNAME", "_dmarc.loop.test")],
    "_dmarc.slow.test": [TIMEOUT],
    "_dmarc.reject.test": text("v=DMARC1; p=reject"),
    # SPF records that lead astray
    "slow.test": [TIMEOUT],
    "include-slow.test": text("v=spf1 include:slow.test +all"),
    "_dmarc.include-slow.test": text("v=DMARC1; p=reject"),
    "include-none.test": text("v=spf1 include:none.test +all"),
    "include-fail.test": text("v=spf1 include:bank.com ?all"),
    "two-spf.test": text("v=spf1 +all", "v=spf1 -all"),
    "redirect-loop.test": text("v=spf1 redirect=redirect-loop.test"),
    "ptr.test": text("v=spf1 ptr -all"),
    "alias-spf.test": [("CNAME", "evil.com")],
    "9.100.51.198.in-addr.arpa": [("PTR", "mail.ptr.test"), ("PTR", "mail.bank.com")],
    "local.test": text("v=spf1 exists:%{l}._users.local.test -all"),
    "bob._users.local.test": [("A", "127.0.0.2")],
    **keys("bank.com", "evil.com", "sub.bank.com", "suffix.test", "evil.suffix.test", "bank.suffix.test", "host.test"),
    **keys("list.org", "second.org", "tenant.host.test", "other.host.test"),
    "slow._domainkey.bank.com": [TIMEOUT],
    "s1._domainkey.two-keys.test": text("v=DKIM1; p=", key("two-keys.test").record),
    "_dmarc.two-keys.test": text("v=DMARC1; p=reject"),
    "s1._domainkey.revoked.test": text("v=DKIM1; k=ed25519; p="),
    "_dmarc.revoked.test": text("v=DMARC1; p=reject"),
    "s1._domainkey.alias-key.test": [("CNAME", "s1._domainkey.evil.com")],
    "_dmarc.alias-key.test": text("v=DMARC1; p=reject"),
}


@dataclass(frozen=True)
class Found:
    """What the checks said of one message."""

    author: Author
    spf: tuple[SpfVerdict, ...]
    dkim: list[DkimVerdict]
    arc: ArcVerdict
    dmarc: DmarcVerdict
    questions: int

    @property
    def told(self) -> str:
        """SPF of MAIL FROM, the signatures, DMARC and what its owner wishes, in the words of RFC 8601."""
        mail_from = next((one.result.value for one in self.spf if one.identity == "mailfrom"), "-")
        words = [mail_from, ",".join(one.result.value for one in self.dkim) or "-", self.dmarc.result.value]
        if self.dmarc.result.value == "fail":
            words.append(self.dmarc.disposition.value)
        return " ".join(words)


def checked(
    message: bytes,
    records: Mapping[str, Records] = ZONE,
    *,
    address: str = EVIL,
    sender: str = "x@evil.com",
    hello: str = "evil.com",
    now: float | None = None,
) -> Found:
    header, _, body = message.partition(b"\r\n\r\n")
    header += b"\r\n"
    zone = Zone(records)
    now = SystemClock().now() if now is None else now
    spf = zone.conclude(check_sender(address, sender, hello, receiver="foo.com", now=now))
    fields = HeaderFields(header)
    signatures, chain = find_signatures(fields), find_sets(fields)
    hashes = BodyHashes.for_signatures([*signatures, *chain.signatures])
    hashes.update(body)
    dkim = zone.conclude(verify(fields, signatures, hashes, now=now))
    arc = zone.conclude(validate(fields, chain, hashes, now=now))
    author = author_domain(header)
    dmarc = zone.conclude(evaluate(author, spf, dkim))
    return Found(author, spf, dkim, arc, dmarc, len(set(zone.asked)))


@dataclass(frozen=True)
class Trick:
    told: str  # as Found.told has it
    message: bytes
    sender: str = "x@evil.com"
    hello: str = "evil.com"
    address: str = EVIL


BANK = "The Bank <ceo@bank.com>"
FORGED = letter(BANK)
GENUINE = signed(FORGED, "bank.com")
UNSIGNED_SUBJECT = signed_as(FORGED, "bank.com", "", "from:to")
PASSES = "pass pass pass"  # of SPF for the attacker's own domain


def raw(*lines: bytes) -> bytes:
    """A message with exactly these lines above its body."""
    return b"".join(line + b"\r\n" for line in lines) + b"To: bob@foo.com\r\n\r\nHello\r\n"


def swap(message: bytes, old: bytes, new: bytes) -> bytes:
    assert old in message
    return message.replace(old, new)


TRICKS = {
    "plain": Trick("pass - fail reject", FORGED),
    "genuine": Trick("pass pass pass", GENUINE),
    # several signatures
    "a good one of evil beside a broken one of the bank": Trick(
        "pass pass,fail fail reject", signed(GENUINE + b"And send money.\r\n", "evil.com")
    ),
    "l=0 of the bank beside a good one of evil": Trick(
        "pass pass,policy fail reject",
        signed(signed_as(FORGED, "bank.com", "l=0;", covered=0), "evil.com"),
    ),
    "l=0 with i= below the bank": Trick(
        "pass policy fail reject", signed_as(FORGED, "bank.com", "l=0; i=@x.bank.com;", covered=0)
    ),
    "l= of the whole body, nothing appended": Trick(
        "pass pass pass", signed_as(FORGED, "bank.com", "l=7;", covered=7)
    ),
    "l= longer than the body": Trick("pass fail fail reject", swap(
        signed_as(FORGED, "bank.com", "l=7;", covered=7), b"l=7;", b"l=8;")),
    "l= that is no number": Trick("pass permerror fail reject", signed_as(FORGED, "bank.com", "l=-1;")),
    "h= without Subject, which was changed": Trick(
        "pass pass pass", swap(UNSIGNED_SUBJECT, b"Subject: x", b"Subject: y")
    ),
    "h= without From": Trick("pass permerror fail reject", signed_as(FORGED, "bank.com", "", "to:subject")),
    "h= with From in another field's place": Trick(
        "pass permerror fail reject", signed_as(FORGED, "bank.com", "", "fr om:to:subject")
    ),
    "the signature itself twice": Trick(
        "pass pass,pass pass", GENUINE.partition(b"From:")[0] + GENUINE
    ),
    "d= twice": Trick("pass permerror fail reject", swap(GENUINE, b"d=bank.com;", b"d=evil.com; d=bank.com;")),
    "d= in capitals": Trick("pass fail fail reject", swap(GENUINE, b"d=bank.com", b"d=BANK.com")),
    "d= with a final dot": Trick("pass permerror fail reject", swap(GENUINE, b"d=bank.com", b"d=bank.com.")),
    "d= with NUL": Trick("pass permerror fail reject", swap(GENUINE, b"d=bank.com", b"d=evil.com\0.bank.com")),
    "d= with an octet that is no UTF-8": Trick(
        "pass permerror fail reject", swap(GENUINE, b"d=bank.com", b"d=b\xffank.com")
    ),
    "d= of a top-level domain": Trick("pass permerror fail reject", swap(GENUINE, b"d=bank.com", b"d=com")),
    "i= of the bank, d= of evil": Trick(
        "pass permerror fail reject", signed_as(FORGED, "evil.com", "i=ceo@bank.com;")
    ),
    "s= that leads out of the domain": Trick(
        "pass permerror fail reject", swap(GENUINE, b"s=s1", b"s=s1._domainkey.evil.com.")
    ),
    "a key that does not come": Trick("pass temperror temperror", swap(GENUINE, b"s=s1", b"s=slow")),
    "a=rsa-sha1": Trick("pass permerror fail reject", swap(GENUINE, b"a=ed25519-sha256", b"a=rsa-sha1")),
    "a= of no signature": Trick("pass neutral fail reject", swap(GENUINE, b"a=ed25519-sha256", b"a=none")),
    "a revoked key": Trick("pass permerror fail reject", signed(letter("a@revoked.test"), "revoked.test")),
    "a revoked key beside a good one": Trick("pass pass pass", signed(letter("a@two-keys.test"), "two-keys.test")),
    "a key that is an alias of another's": Trick(
        "pass fail fail reject", signed(letter("a@alias-key.test"), "alias-key.test")
    ),
    "a key record with leading junk": Trick("pass permerror fail reject", swap(GENUINE, b"s=s1", b"s=s3")),
    # From, in the octets of the header
    "From with white space before the colon": Trick("pass - fail reject", raw(b"From : ceo@bank.com")),
    "From with a tab before the colon": Trick("pass - fail reject", raw(b"From\t: ceo@bank.com")),
    "both, the second with white space": Trick("pass - fail reject", raw(b"From: x@evil.com", b"From : ceo@bank.com")),
    "in mixed case": Trick("pass - fail reject", raw(b"fROM: ceo@bank.com")),
    "a value on the next line": Trick("pass - fail reject", raw(b"From:", b" ceo@bank.com")),
    "behind a bare LF": Trick("pass - fail reject", raw(b"From: x@evil.com\nFrom: ceo@bank.com")),
    "behind a bare CR": Trick("pass - fail reject", raw(b"From: x@evil.com\rFrom: ceo@bank.com")),
    "behind a bare CR in another field": Trick(
        "pass - permerror", raw(b"From: x@evil.com", b"X-A: b\rFrom: ceo@bank.com")
    ),
    "behind a CR more": Trick("pass - fail reject", raw(b"From: x@evil.com", b"X-A: b\r", b"From: ceo@bank.com")),
    "NUL in the address": Trick("pass - fail reject", raw(b"From: ceo@bank.com\0")),
    "NUL between two addresses": Trick("pass - fail reject", raw(b"From: x@evil.com\0, ceo@bank.com")),
    "a line of white space within": Trick("pass - fail reject", raw(b"From: x@evil.com,", b" ", b" ceo@bank.com")),
    "a genuine message with a From field more, below": Trick(
        "pass fail fail reject", swap(signed_as(FORGED, "bank.com", ""), b"To: bob", b"From: x@evil.com\r\nTo: bob")
    ),
    "a genuine message with a From field more, above": Trick(
        "pass policy fail reject", b"From: x@evil.com\r\n" + signed_as(FORGED, "bank.com", "")
    ),
    "From and Sender": Trick("pass - fail reject", raw(b"From: ceo@bank.com", b"Sender: x@evil.com")),
    "a name and an address of two domains": Trick("pass - fail reject", letter("ceo@bank.com, x@evil.com")),
    "an address in a group": Trick("pass - fail reject", letter("x@evil.com: ceo@bank.com;")),
    "a quoted local part": Trick("pass - fail reject", letter('"x@evil.com"@bank.com')),
    "a local part of the bank": Trick("pass - none", letter('"ceo@bank.com"@evil.com')),
    "a backslash before the at sign": Trick("pass - fail reject", letter("ceo\\@bank.com <x@evil.com")),
    "an IDN that is the bank's": Trick("pass - fail reject", letter("ceo@ba\u00adnk.com")),
    "wide letters": Trick("pass - fail reject", letter("ceo@\uff42ank\u3002com")),
    "a domain of one label": Trick("pass - none", letter("ceo@bank")),
    # subdomains
    "a name below that exists": Trick("pass - fail quarantine", letter("ceo@known.bank.com")),
    "a name below that does not": Trick("pass - fail reject", letter("ceo@none.bank.com")),
    "signed by a subdomain": Trick("pass pass pass", signed(FORGED, "sub.bank.com")),
    # public suffixes
    "SPF of the public suffix": Trick(
        "pass - fail reject", letter("a@bank.suffix.test"), "x@suffix.test", "suffix.test"
    ),
    "signed by the public suffix": Trick(
        "pass pass fail reject", signed(letter("a@bank.suffix.test"), "suffix.test")
    ),
    "SPF of a neighbour below the suffix": Trick(
        "pass - fail reject", letter("a@bank.suffix.test"), "x@evil.suffix.test"
    ),
    "signed by a neighbour below the suffix": Trick(
        "pass pass fail reject", signed(letter("a@bank.suffix.test"), "evil.suffix.test")
    ),
    "signed below the suffix by itself": Trick(
        "pass pass pass", signed(letter("a@bank.suffix.test"), "bank.suffix.test")
    ),
    "an author at the suffix, signed below it": Trick(
        "pass pass fail none", signed(letter("a@suffix.test"), "evil.suffix.test")
    ),
    # an organisation inside another
    "signed by the host of a tenant": Trick(
        "pass pass fail reject", signed(letter("a@tenant.host.test"), "host.test")
    ),
    "signed by another tenant": Trick(
        "pass pass fail reject", signed(letter("a@tenant.host.test"), "other.host.test")
    ),
    "SPF of the host of a tenant": Trick("pass - fail reject", letter("a@tenant.host.test"), "x@other.host.test"),
    "the host, signed by a tenant": Trick(
        "pass pass fail reject", signed(letter("a@host.test"), "tenant.host.test")
    ),
    # DMARC records
    "leading junk": Trick("pass - none", letter("a@junk.test")),
    "two records": Trick("pass - none", letter("a@two.test")),
    "other texts beside it": Trick("pass - fail reject", letter("a@beside.test")),
    "v= not first": Trick("pass - none", letter("a@late.test")),
    "a record by an alias": Trick("pass - fail reject", letter("a@alias.test")),
    "aliases without end": Trick("pass - temperror", letter("a@loop.test")),
    "no answer": Trick("pass - temperror", letter("a@slow.test")),
    "no answer, but signed": Trick("pass pass temperror", signed(letter("a@slow.test"), "evil.com")),
    # SPF
    "MAIL FROM of the bank": Trick("fail - fail reject", FORGED, "ceo@bank.com"),
    "MAIL FROM that begins alike": Trick("pass - fail reject", FORGED, "x@bank.com.evil.com"),
    "MAIL FROM with the bank in its local part": Trick("pass - fail reject", FORGED, "ceo@bank.com@evil.com"),
    "MAIL FROM of the bank behind a NUL": Trick("none - fail reject", FORGED, "x@evil.com\0.bank.com"),
    "MAIL FROM of the bank with 8-bit": Trick("none - fail reject", FORGED, "x@ba\udcffnk.com"),
    "MAIL FROM with an address literal": Trick("none - fail reject", FORGED, f"x@[{EVIL}]"),
    "null path, HELO of the bank": Trick("fail - fail reject", FORGED, "", "bank.com"),
    "null path, HELO of evil": Trick("pass - fail reject", FORGED, ""),
    "null path, HELO as a literal": Trick("none - fail reject", FORGED, "", f"[{EVIL}]"),
    "null path, HELO with spaces": Trick("none - fail reject", FORGED, "", "bank.com evil.com"),
    "null path, HELO with NUL": Trick("none - fail reject", FORGED, "", "bank.com\0"),
    "null path, empty HELO": Trick("none - fail reject", FORGED, "", ""),
    "HELO of the bank, MAIL FROM of evil": Trick("pass - fail reject", FORGED, hello="bank.com"),
    "an include without an answer": Trick(
        "temperror - temperror", letter("a@include-slow.test"), "x@include-slow.test"
    ),
    "an include of nothing": Trick("permerror - fail reject", FORGED, "x@include-none.test"),
    "an include of the bank": Trick("neutral - fail reject", FORGED, "x@include-fail.test"),
    "two SPF records": Trick("permerror - fail reject", FORGED, "x@two-spf.test"),
    "a redirect to itself": Trick("permerror - fail reject", FORGED, "x@redirect-loop.test"),
    "a reverse name that is claimed": Trick("fail - fail reject", FORGED, "x@ptr.test"),
    "an SPF record by an alias": Trick("pass - fail reject", FORGED, "x@alias-spf.test"),
    "a local part that leads out of the name": Trick(
        "fail - fail reject", letter("a@reject.test"), "bob._users.local.test.x@local.test"
    ),
    "a mapped address of the bank": Trick("pass - fail reject", FORGED, address=f"::ffff:{EVIL}"),
    "no address at all": Trick("none - fail reject", FORGED, "ceo@bank.com", address="unix"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_what_a_trick_comes_to(name: str) -> None:
    trick = TRICKS[name]
    found = checked(trick.message, address=trick.address, sender=trick.sender, hello=trick.hello)
    assert found.told == trick.told, (found.dmarc.words, [one.words for one in found.dkim])


# What the list did to a genuine message, and what others do to its seals
PASSED = "dmarc=pass header.from=bank.com"
POSTED = GENUINE + b"-- \r\nThe list\r\n"
SEALED = sealed(POSTED, "list.org", PASSED)
TWICE = sealed(SEALED, "second.org", "arc=pass; dmarc=fail header.from=bank.com", status="pass")
ARC_NAMES = (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")


def without(message: bytes, name: bytes, number: int = 0) -> bytes:
    """Without one of the fields of that name, the topmost is 0."""
    one = [one for one in iter_fields(message) if one.name == name][number]
    return message[: one.start] + message[one.end :]


def moved(message: bytes, name: bytes) -> bytes:
    """With the topmost field of that name below all others."""
    one = next(one for one in iter_fields(message) if one.name == name)
    header, _, body = (message[: one.start] + message[one.end :]).partition(b"\r\n\r\n")
    return header + b"\r\n" + message[one.start : one.end] + b"\r\n" + body


def again(message: bytes, name: bytes) -> bytes:
    """With the topmost field of that name twice."""
    one = next(one for one in iter_fields(message) if one.name == name)
    return message[one.start : one.end] + message


CHAINS: dict[str, tuple[str, bytes]] = {
    "a list": ("pass list.org", SEALED),
    "two lists": ("pass second.org,list.org", TWICE),
    "its order in the header is nobody's business": ("pass second.org,list.org", moved(TWICE, b"ARC-Seal")),
    "without its oldest set": (
        "fail", without(without(without(TWICE, ARC_NAMES[0], 1), ARC_NAMES[1], 1), ARC_NAMES[2], 1)
    ),
    "a gap": ("fail", swap(TWICE, b"i=2;", b"i=3;")),
    "i=0": ("fail", swap(SEALED, b"i=1;", b"i=0;")),
    "i=01": ("fail", swap(SEALED, b"i=1;", b"i=01;")),
    "i=51": ("fail", swap(SEALED, b"i=1;", b"i=51;")),
    "two sets of one instance": ("fail", swap(TWICE, b"i=2;", b"i=1;")),
    "exchanged": ("fail", swap(swap(swap(TWICE, b"i=1;", b"i=9;"), b"i=2;", b"i=1;"), b"i=9;", b"i=2;")),
    "only results": ("fail", raw(b"ARC-Authentication-Results: i=1; list.org; dmarc=pass", b"From: ceo@bank.com")),
    "cv=pass at the bottom": ("fail", swap(SEALED, b"cv=none", b"cv=pass")),
    "cv=none above": ("fail", swap(TWICE, b"cv=pass", b"cv=none")),
    "cv=fail": ("fail", swap(TWICE, b"cv=pass", b"cv=fail")),
    "changed results": ("fail", swap(SEALED, b"dmarc=pass", b"dmarc=fail")),
    "a changed body": ("fail", SEALED + b"And send money.\r\n"),
    "another author above": ("fail", b"From: x@evil.com\r\n" + SEALED),
    "another author below": ("fail", swap(SEALED, b"To: bob", b"From: x@evil.com\r\nTo: bob")),
    "another author": ("fail", swap(SEALED, b"ceo@bank.com", b"cfo@bank.com")),
    "a set of the attacker above": ("pass evil.com,list.org", sealed(SEALED, "evil.com", PASSED, status="pass")),
    "a seal with h=": ("fail", swap(SEALED, b"cv=none;", b"cv=none; h=from;")),
    "an instance behind a comment": ("fail", swap(SEALED, b"ARC-Seal: i=1;", b"ARC-Seal: (x) i=1;")),
    **{f"without its {name.decode()}": ("fail", without(SEALED, name)) for name in ARC_NAMES},
    **{f"without its newest {name.decode()}": ("fail", without(TWICE, name)) for name in ARC_NAMES},
    **{f"without its oldest {name.decode()}": ("fail", without(TWICE, name, 1)) for name in ARC_NAMES},
    **{f"twice its {name.decode()}": ("fail", again(SEALED, name)) for name in ARC_NAMES},
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_what_a_chain_comes_to(name: str) -> None:
    told, message = CHAINS[name]
    arc = checked(message).arc
    assert " ".join(filter(None, (arc.result.value, ",".join(arc.sealers)))) == told, arc.words
    trusted = {"list.org", "second.org"}
    believed = [one.authserv_id for one in arc.believed(trusted)]
    assert believed == ([] if told.startswith(("fail", "pass evil.com")) else list(arc.sealers))


OURS = ("Foo.com", "b\u00fccher.example")
IDS: dict[str, tuple[bool, bytes]] = {
    "ours": (True, b"foo.com; spf=pass"),
    "in capitals": (True, b" FOO.COM ; spf=pass"),
    "with a final dot": (True, b"foo.com.; spf=pass"),
    "with a version": (True, b"foo.com 1; spf=pass"),
    "with a version of later": (True, b"foo.com 2; spf=pass"),
    "quoted": (True, b'"foo.com"; spf=pass'),
    "quoted with escapes": (True, b'"f\\oo.com"; spf=pass'),
    "behind a comment": (True, b"(evil.com) foo.com; spf=pass"),
    "behind nested comments": (True, b"((a) \\) b) foo.com (c); spf=pass"),
    "a comment within": (True, b"foo(evil).com; spf=pass"),
    "folded": (True, b"\r\n foo.com\r\n ; spf=pass"),
    "folded within": (True, b"foo.\r\n com; spf=pass"),
    "a NUL within": (True, b"foo\0.com; spf=pass"),
    "behind a bare CR": (True, b"evil.com; spf=none\r foo.com; spf=pass"),
    "an encoded word": (True, b"=?utf-8?q?foo.com?=; spf=pass"),
    "an encoded word in base64": (True, b"=?utf-8?b?Zm9vLmNvbQ==?=; spf=pass"),
    "wide letters": (True, "\uff46oo.com; spf=pass".encode()),
    "another dot": (True, "foo\u3002com; spf=pass".encode()),
    "a soft hyphen": (True, "fo\u00ado.com; spf=pass".encode()),
    "nothing before it": (True, b";foo.com; spf=pass"),
    "our IDN in A-labels": (True, b"xn--bcher-kva.example; spf=pass"),
    "our IDN in capitals": (True, "B\u00dcCHER.example; spf=pass".encode()),
    "our IDN with a letter and its mark": (True, "bu\u0308cher.example; spf=pass".encode()),
    "our IDN in A-labels and capitals": (True, b"XN--BCHER-KVA.Example; spf=pass"),
    "another": (False, b"evil.com; spf=pass"),
    "another that has ours in a property": (False, b"evil.com; spf=pass smtp.mailfrom=x@foo.com"),
    "another that begins alike": (False, b"foo.com.evil.com; spf=pass"),
    "another that ends alike": (False, b"notfoo.com; spf=pass"),
    "another with ours in a comment": (False, b"evil.com (foo.com); spf=pass"),
}


@pytest.mark.parametrize("name", IDS)
def test_who_claims_our_name(name: str) -> None:
    ours, value = IDS[name]
    assert claimed(value, OURS) is ours


PIECES = [
    b"From: ceo@bank.com", b"from :x@evil.com", b"From", b":", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"X: y",
    b"ceo@bank.com", b",", b"<", b">", b"(", b")", b'"', b"\r\n ", b"From\0: a@b.test",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_all_checks_see_the_same_author(above: bytes) -> None:
    """What is signed is what is judged: two readings of a header would let one field be signed and another be shown."""
    header = HeaderFields(above + b"\r\nTo: bob@foo.com\r\n")
    author = author_domain(above + b"\r\nTo: bob@foo.com\r\n")
    if author.domain:
        assert header.count(b"from") == 1


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join))
def test_nothing_put_above_a_genuine_message_makes_it_somebody_elses(above: bytes) -> None:
    found = checked(above + GENUINE, address=GOOD, sender="")
    if found.dmarc.result.value == "pass":
        assert (found.author.domain, found.author.address) == ("bank.com", "ceo@bank.com")
