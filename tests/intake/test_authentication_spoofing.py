"""Every trick to be taken for somebody else: each is refused, or marked so that nobody can be deceived.

bank.com is whom they want to be: it sends from 192.0.2.1, signs, and asks that everything else is rejected. The
attacker has 127.0.0.1, evil.com, and a host at shared.com beside others.
"""

from dataclasses import dataclass

import pytest
from tests.intake.strangers import (
    Strangers,
    Zones,
    field_values,
    found_in,
    key_record,
    letter,
    sealed,
    signed,
    signed_as,
    spf,
)
from tests.intake.strangers import with_strangers as run
from tests.servers.smtp.room import client

from postroom.message import iter_fields

ZONES: Zones = {
    "bank.com": spf("v=spf1 ip4:192.0.2.1 -all") | {"A": ["192.0.2.1"]},
    "_dmarc.bank.com": {"TXT": ["v=DMARC1; p=reject; sp=quarantine; np=reject"]},
    "known.bank.com": {"A": ["192.0.2.1"]},
    "strict.com": spf("v=spf1 ip4:192.0.2.1 -all"),
    "_dmarc.strict.com": {"TXT": ["v=DMARC1; p=reject; adkim=s; aspf=s"]},
    "mild.com": spf("v=spf1 ip4:192.0.2.1 -all"),
    "_dmarc.mild.com": {"TXT": ["v=DMARC1; p=quarantine"]},
    "trial.com": spf("v=spf1 ip4:192.0.2.1 -all"),
    "_dmarc.trial.com": {"TXT": ["v=DMARC1; p=reject; t=y"]},
    "trying.com": spf("v=spf1 ip4:192.0.2.1 -all"),
    "_dmarc.trying.com": {"TXT": ["v=DMARC1; p=quarantine; t=y"]},
    "evil.com": spf("v=spf1 ip4:127.0.0.1 -all"),
    "bank.com.evil.com": spf("v=spf1 ip4:127.0.0.1 -all"),
    "notbank.com": spf("v=spf1 ip4:127.0.0.1 -all"),
    "shared.com": spf("v=spf1 ip4:127.0.0.1 -all"),
    "neighbour.shared.com": spf("v=spf1 include:shared.com -all"),
    "_dmarc.neighbour.shared.com": {"TXT": ["v=DMARC1; p=reject; aspf=s; psd=n"]},
    **key_record("bank.com"),
    **key_record("evil.com"),
    **key_record("notbank.com"),
    **key_record("sub.strict.com"),
    **key_record("list.org"),
    **key_record("second.org"),
}
REFUSED, JUNK, INBOX = "refused", "Junk", "INBOX"


@dataclass(frozen=True)
class Trick:
    text: bytes
    ends: str  # refused, or in which mailbox
    sender: str = "x@evil.com"
    hello: str = "EHLO evil.com"
    dmarc: str = "none"  # as it is marked
    author: str = ""  # the domain that is marked

    @property
    def octets(self) -> bytes:
        return self.text.removesuffix(b"\r\n")


BANK = "The Bank <ceo@bank.com>"
GENUINE = signed(letter(BANK), "bank.com")
TRICKS = {
    "plain": Trick(letter(BANK), REFUSED),
    "sender of the victim": Trick(letter(BANK), REFUSED, sender="ceo@bank.com"),
    "sender of the victim, own author": Trick(letter("x@evil.com"), INBOX, sender="ceo@bank.com", author="evil.com"),
    "quarantine": Trick(letter("ceo@mild.com"), JUNK, dmarc="fail", author="mild.com"),
    "on trial": Trick(letter("ceo@trial.com"), JUNK, dmarc="fail", author="trial.com"),
    "a mild policy on trial": Trick(letter("ceo@trying.com"), INBOX, dmarc="fail", author="trying.com"),
    # From
    "two From fields, the victim's first": Trick(letter("x@evil.com", f"From: {BANK}"), REFUSED),
    "two From fields, the victim's last": Trick(letter(BANK, "From: x@evil.com"), REFUSED),
    "two From fields, signed once": Trick(b"From: x@evil.com\r\n" + GENUINE, REFUSED),
    "two From fields in other letters": Trick(letter("x@evil.com", f"FROM : {BANK}"), REFUSED),
    "two addresses": Trick(letter(f"{BANK}, x@evil.com"), REFUSED),
    "two addresses, the victim's last": Trick(letter(f"x@evil.com, {BANK}"), REFUSED),
    "a group": Trick(letter("Board: ceo@bank.com, x@evil.com;"), REFUSED),
    "behind very many others": Trick(letter("x@evil.com, " * 20 + "<ceo@bank.com"), REFUSED),
    "no From field": Trick(letter("x@evil.com").replace(b"From:", b"X-From:"), REFUSED),
    "no From field but a Sender": Trick(letter("x@evil.com").replace(b"From:", b"Sender:"), REFUSED),
    "an empty From field": Trick(letter(""), REFUSED),
    "no header at all": Trick(b"Dear customer,\r\n", REFUSED),
    "encoded word in the address": Trick(letter("<=?utf-8?q?ceo?=@bank.com>"), REFUSED),
    "encoded word with the victim's address": Trick(
        letter("=?utf-8?q?ceo=40bank.com?= <x@evil.com>"), INBOX, author="evil.com"
    ),
    "the victim's address as a name": Trick(letter('"ceo@bank.com" <x@evil.com>'), INBOX, author="evil.com"),
    "the victim's address as a name without quotes": Trick(letter("ceo@bank.com <x@evil.com>"), REFUSED),
    "the victim's address in a comment": Trick(letter("x@evil.com (ceo@bank.com)"), INBOX, author="evil.com"),
    "a comment inside the address": Trick(letter("ceo@(evil.com)bank.com"), REFUSED),
    "a comment that does not end": Trick(letter("(x@evil.com ceo@bank.com"), REFUSED),
    "a quoted string that does not end": Trick(letter('"x@evil.com <ceo@bank.com>'), REFUSED),
    "a source route": Trick(letter("<@evil.com:ceo@bank.com>"), REFUSED),
    "two angles": Trick(letter("<ceo@bank.com> <x@evil.com>"), REFUSED),
    "two at signs": Trick(letter("ceo@bank.com@evil.com"), REFUSED),
    "a folded address": Trick(letter("ceo@bank\r\n .com"), REFUSED),
    "a final dot": Trick(letter("ceo@bank.com."), REFUSED),
    "capitals": Trick(letter("ceo@BANK.Com"), REFUSED),
    "an address literal": Trick(letter("ceo@[192.0.2.1]"), REFUSED),
    # look-alikes
    "a domain that ends alike": Trick(letter(BANK), REFUSED, sender="x@notbank.com"),
    "a domain that ends alike, signed": Trick(signed(letter(BANK), "notbank.com"), REFUSED),
    "a domain that begins alike": Trick(letter(BANK), REFUSED, sender="x@bank.com.evil.com"),
    "author that begins alike": Trick(letter("ceo@bank.com.evil.com"), INBOX, author="bank.com.evil.com"),
    "letters that look alike": Trick(letter("ceo@b\u0430nk.com"), INBOX, author="xn--bnk-6cd.com"),
    "letters that are mapped": Trick(letter("ceo@ＢＡＮＫ．com"), REFUSED),
    # odd octets
    "NUL in the domain": Trick(letter("ceo@bank.com\0.evil.com"), REFUSED),
    "an octet that is no UTF-8 in the domain": Trick(letter("ceo@bank.com").replace(b"bank", b"ba\xffnk"), REFUSED),
    "a control in the domain": Trick(letter("ceo@bank.com\x01"), REFUSED),
    # signatures
    "a changed body": Trick(GENUINE + b"And send money.\r\n", REFUSED),
    "a changed subject": Trick(GENUINE.replace(b"Subject: x", b"Subject: y"), REFUSED),
    "a second subject": Trick(b"Subject: Urgent\r\n" + GENUINE, REFUSED),
    "a signature by somebody else": Trick(signed(letter(BANK), "evil.com"), REFUSED),
    "a signature that names a missing key": Trick(GENUINE.replace(b"s=s1", b"s=s2"), REFUSED),
    "a signature that has expired": Trick(signed_as(letter(BANK), "bank.com", "t=1000; x=2000;"), REFUSED),
    "text behind l=": Trick(signed_as(letter(BANK), "bank.com", "l=7;", covered=7) + b"And send money.\r\n", REFUSED),
    "l=0": Trick(signed_as(letter(BANK), "bank.com", "l=0;", covered=0), REFUSED),
    "a signature that leaves From out": Trick(signed_as(letter(BANK), "bank.com", "", "to:subject"), REFUSED),
    "hundreds of signatures before the good one": Trick(
        b"DKIM-Signature: v=1; d=evil.com\r\n" * 300 + GENUINE, REFUSED
    ),
    # HELO and the null path
    "null path, HELO of the victim": Trick(letter(BANK), REFUSED, sender="", hello="EHLO bank.com"),
    "null path, own HELO": Trick(letter(BANK), REFUSED, sender=""),
    "null path, HELO as a literal": Trick(letter(BANK), REFUSED, sender="", hello="EHLO [127.0.0.1]"),
    "null path, HELO of one label": Trick(letter(BANK), REFUSED, sender="", hello="EHLO bank"),
    "null path, HELO below the victim": Trick(letter(BANK), REFUSED, sender="", hello="EHLO x.bank.com"),
    "null path, own author": Trick(letter("x@evil.com"), INBOX, sender="", author="evil.com"),
    # subdomains
    "a name below that exists": Trick(letter("ceo@known.bank.com"), JUNK, dmarc="fail", author="known.bank.com"),
    "a name below that does not exist": Trick(letter("ceo@none.bank.com"), REFUSED),
    "a name far below": Trick(letter("ceo@a.b.c.d.e.f.g.h.i.j.bank.com"), REFUSED),
    "strict alignment, signed by a subdomain": Trick(signed(letter("ceo@strict.com"), "sub.strict.com"), REFUSED),
    # a host that several share
    "a shared host's own domain": Trick(letter(BANK), REFUSED, sender="x@shared.com"),
    "a shared host's neighbour": Trick(letter("ceo@neighbour.shared.com"), REFUSED, sender="x@shared.com"),
    # results of our name
    "our name": Trick(
        letter(BANK, "Authentication-Results: foo.com; dmarc=pass header.from=bank.com; spf=pass"), REFUSED
    ),
    "our name, where nothing is checked against it": Trick(
        letter("x@evil.com", "Authentication-Results: foo.com; dmarc=pass header.from=bank.com"),
        INBOX,
        author="evil.com",
    ),
    "our name in capitals, folded": Trick(
        letter("x@evil.com", "AUTHENTICATION-RESULTS :\r\n\tFOO.com\r\n\t; dmarc=pass header.from=bank.com"),
        INBOX,
        author="evil.com",
    ),
    "our name behind a comment": Trick(
        letter("x@evil.com", "Authentication-Results: (bar) foo.com (baz) 1; dmarc=pass header.from=bank.com"),
        INBOX,
        author="evil.com",
    ),
    "our name in quotes": Trick(
        letter("x@evil.com", 'Authentication-Results: "foo.com"; dmarc=pass header.from=bank.com'),
        INBOX,
        author="evil.com",
    ),
    "our name in another version": Trick(
        letter("x@evil.com", "Authentication-Results: foo.com 2; dmarc=pass header.from=bank.com"),
        INBOX,
        author="evil.com",
    ),
}

# What the list did to a genuine message: the body is no more what the bank signed. Those who fetch it seal it.
PASSED = "dmarc=pass header.from=bank.com"
POSTED = GENUINE + b"-- \r\nThe list\r\n"
SEALED = sealed(POSTED, "list.org", PASSED)
TWICE = sealed(SEALED, "second.org", "arc=pass; dmarc=fail header.from=bank.com", status="pass")


def without(message: bytes, *names: bytes) -> bytes:
    """The message without the first field of each name."""
    for name in names:
        field = next(one for one in iter_fields(message) if one.name == name)
        message = message[: field.start] + message[field.end :]
    return message


def exchanged(message: bytes) -> bytes:
    """Its sets in the order of a longer chain: what was instance 1 is 2, and the other way round."""
    return message.replace(b"i=1;", b"i=9;").replace(b"i=2;", b"i=1;").replace(b"i=9;", b"i=2;")


TRICKS |= {
    "a seal of a domain that is not trusted": Trick(sealed(POSTED, "evil.com", PASSED), REFUSED),
    "a seal on another author": Trick(sealed(POSTED, "list.org", "dmarc=pass header.from=other.com"), REFUSED),
    "a seal that says it failed": Trick(sealed(POSTED, "list.org", "dmarc=fail header.from=bank.com"), REFUSED),
    "a seal that says two things": Trick(sealed(POSTED, "list.org", f"{PASSED}; dmarc=fail"), REFUSED),
    "a body changed behind the seal": Trick(SEALED + b"And send money.\r\n", REFUSED),
    "an author changed behind the seal": Trick(SEALED.replace(b"ceo@", b"cfo@"), REFUSED),
    "a seal whose results were changed": Trick(
        sealed(POSTED, "list.org", "dmarc=fail header.from=bank.com").replace(b"dmarc=fail", b"dmarc=pass"), REFUSED
    ),
    "a set without its seal": Trick(without(SEALED, b"ARC-Seal"), REFUSED),
    "a set without its signature": Trick(without(SEALED, b"ARC-Message-Signature"), REFUSED),
    "a set without its results": Trick(without(SEALED, b"ARC-Authentication-Results"), REFUSED),
    "a chain without its newest seal": Trick(without(TWICE, b"ARC-Seal"), REFUSED),
    "sets in another order": Trick(exchanged(TWICE), REFUSED),
    "a set twice": Trick(SEALED.partition(b"DKIM-Signature")[0] + SEALED, REFUSED),
    "trusted below a sealer that is not": Trick(
        sealed(SEALED, "evil.com", "arc=pass; dmarc=pass header.from=bank.com", status="pass"), REFUSED
    ),
}


@pytest.mark.parametrize("name", TRICKS)
def test_nobody_is_taken_for_another(name: str) -> None:
    trick = TRICKS[name]

    async def body(room: Strangers) -> None:
        async with client(room, "smtp", hello=trick.hello) as peer:
            begun = await peer.say(f"MAIL FROM:<{trick.sender}>", "RCPT TO:<bob@foo.com>", "DATA")
            assert begun[-1].startswith("354")
            (reply,) = await peer.say(trick.octets + b"\r\n.")
        delivered = {box: await room.messages("bob@foo.com", box) for box in (INBOX, JUNK)}
        if trick.ends == REFUSED:
            assert reply.startswith("550 5."), reply
            assert delivered == {INBOX: [], JUNK: []}
            return
        assert reply.startswith("250 "), reply
        (message,) = delivered[trick.ends]
        assert sum(map(len, delivered.values())) == 1
        marked = found_in(message).only("dmarc")
        assert marked is not None
        assert (marked.result, marked.value("header", "from")) == (trick.dmarc, trick.author)
        assert b"dmarc=pass" not in message
        assert bool(field_values(message, "Postroom-Quarantine")) == (trick.ends == JUNK)

    run(ZONES, body, trusted_sealers=("list.org", "second.org"))


def test_what_is_genuine_arrives() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com", text=GENUINE.decode().removesuffix("\r\n"))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        found = found_in(message)
        assert [(one.method, one.result) for one in found.results] == [
            ("iprev", "permerror"),
            ("spf", "none"),
            ("spf", "none"),
            ("dkim", "pass"),
            ("dmarc", "pass"),
        ]
        assert message.endswith(GENUINE)

    run(ZONES, body)


def test_a_name_that_shows_another_address_is_told_of() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp", hello="EHLO evil.com") as peer:
            text = letter('"ceo@bank.com" <x@evil.com>').decode().removesuffix("\r\n")
            assert (await peer.mail("bob@foo.com", sender="x@evil.com", text=text)).startswith("250")
        assert "shows an address of bank.com" in room.notes.last("checked")["author"]

    run(ZONES, body)


@pytest.mark.parametrize("chain", [SEALED, TWICE])
def test_what_a_list_changed_arrives_by_a_seal_that_is_trusted(chain: bytes) -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp", hello="EHLO list.org") as peer:
            text = chain.decode().removesuffix("\r\n")
            assert (await peer.mail("bob@foo.com", sender="x@list.org", text=text)).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        found = {one.method: one for one in found_in(message).results}
        assert (found["arc"].result, found["dmarc"].result) == ("pass", "fail")
        assert found["dmarc"].value("policy", "dmarc") == "none"
        noted = room.notes.last("checked")
        assert noted["why"] == "it had passed DMARC when it came to list.org, whose seal is trusted"

    run(ZONES, body, trusted_sealers=("List.org", "second.org"))
