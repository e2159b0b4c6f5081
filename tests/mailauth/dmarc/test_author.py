"""The spoofing battery: From fields as they should be, as they may be, and as they deceive."""

import time
from email.utils import formataddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.dmarc.author import (
    GRAVE,
    MAX_COMMENT_DEPTH,
    MAX_DOMAINS,
    MAX_FROM_OCTETS,
    Author,
    Problem,
    author_domain,
    domain_name,
)


def read(value: bytes) -> Author:
    return author_domain(b"Subject: x\r\nFrom: " + value + b"\r\nTo: c@d.test\r\n\r\n")


@pytest.mark.parametrize(
    ("value", "domain", "address"),
    [
        (b"a@b.test", "b.test", "a@b.test"),
        (b"A Name <a@B.Test>", "b.test", "a@B.Test"),
        (b'"Name, A." <a@b.test>', "b.test", "a@b.test"),
        (b"A. Name <a@b.test> (a comment)", "b.test", "a@b.test"),
        (b"a@b.test (A Name)", "b.test", "a@b.test"),
        (b"=?utf-8?q?N=C3=A4me?= <a@b.test>", "b.test", "a@b.test"),
        (b"Name\r\n <a@b.test>", "b.test", "a@b.test"),
        (b'"a b"@b.test', "b.test", '"a b"@b.test'),
        (b'"evil@x.test"@b.test', "b.test", '"evil@x.test"@b.test'),
        (b'"a <evil@x.test>"@b.test', "b.test", '"a <evil@x.test>"@b.test'),
        (b"root@localhost", "localhost", "root@localhost"),
        (b"a@b_c.test", "b_c.test", "a@b_c.test"),
        (b"a@b.test,, c@B.TEST", "b.test", "a@b.test"),
        ("a@bücher.test".encode(), "xn--bcher-kva.test", "a@bücher.test"),
        ("Ä <ä@BÜCHER.test>".encode(), "xn--bcher-kva.test", "ä@BÜCHER.test"),
        (b"a@XN--BCHER-KVA.test", "xn--bcher-kva.test", "a@XN--BCHER-KVA.test"),
        ("a@ｂ.test".encode(), "b.test", "a@ｂ.test"),  # what programs do with full-width letters
    ],
)
def test_one_author(value: bytes, domain: str, address: str) -> None:
    assert read(value) == Author(domain, address, Problem.NONE, (domain,))


@pytest.mark.parametrize(
    ("value", "problem", "domains"),
    [
        (b"", Problem.NO_ADDRESS, ()),
        (b"A Name", Problem.NO_ADDRESS, ()),
        (b"undisclosed-recipients:;", Problem.NO_ADDRESS, ()),
        (b"=?utf-8?q?a=40b=2Etest?=", Problem.NO_ADDRESS, ()),
        (b'"a@b.test"', Problem.NO_ADDRESS, ()),
        (b"(a@b.test)", Problem.NO_ADDRESS, ()),
        (b"a@b.test, c@d.test", Problem.SEVERAL_DOMAINS, ("b.test", "d.test")),
        (b"a@b.test, c@sub.b.test", Problem.SEVERAL_DOMAINS, ("b.test", "sub.b.test")),
        (b"Group: a@b.test, c@d.test;", Problem.SEVERAL_DOMAINS, ("b.test", "d.test")),
        (b"bank@good.test <x@evil.test>", Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"<bank@good.test> <x@evil.test>", Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"<bank@good.test>, <x@evil.test", Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"x@evil.test bank@good.test", Problem.SEVERAL_DOMAINS, ("evil.test", "good.test")),
        (b"bank@good.test@evil.test", Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"<@good.test:x@evil.test>", Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"<x@evil.test, bank@good.test>", Problem.SEVERAL_DOMAINS, ("evil.test", "good.test")),
        (b"x@evil .good.test", Problem.SEVERAL_DOMAINS, ("evil", "evil.good.test")),
        (b"x@evil.test .good.test", Problem.SEVERAL_DOMAINS, ("evil.test", "evil.test.good.test")),
        (b"x@evil.test(a).good.test", Problem.SEVERAL_DOMAINS, ("evil.test", "evil.test.good.test")),
        (b"x@evil.\r\n good.test", Problem.SEVERAL_DOMAINS, ("evil", "evil.good.test")),
        (b'"Bank <bank@good.test>, "x" <x@evil.test>', Problem.SEVERAL_DOMAINS, ("good.test", "evil.test")),
        (b"x@evil.test (bank@good.test", Problem.SEVERAL_DOMAINS, ("evil.test", "good.test")),
        (b"x@[192.0.2.1]", Problem.LITERAL, ()),
        (b"x@[IPv6:2001:db8::1]", Problem.LITERAL, ()),
        (b"bank@good.test, x@[192.0.2.1]", Problem.LITERAL, ("good.test",)),
        (b"x@", Problem.BAD_DOMAIN, ()),
        (b"x@-b.test", Problem.BAD_DOMAIN, ()),
        (b"x@b..test", Problem.BAD_DOMAIN, ()),
        (b"x@b\xfc.test", Problem.BAD_DOMAIN, ()),  # Latin-1
        ("x@good.test／evil.test".encode(), Problem.BAD_DOMAIN, ()),  # a full-width slash
        ("x@good\u202etest".encode(), Problem.BAD_DOMAIN, ()),  # turns the direction of writing
        (b"x@" + b"a" * 64 + b".test", Problem.BAD_DOMAIN, ()),
        (b"x@" + b"a." * 130 + b"test", Problem.BAD_DOMAIN, ()),
        (b"x@b!test", Problem.BAD_DOMAIN, ()),
        (b"x@192.0.2.1", Problem.BAD_DOMAIN, ()),  # no top-level domain is a number
        (b"x@1", Problem.BAD_DOMAIN, ()),
        (b"bank@good.test\0@evil.test", Problem.CONTROL, ("good.test", "evil.test")),
        (b"bank@good.test\0.evil.test", Problem.CONTROL, ("good.test",)),
        (b"bank@good\x01.test", Problem.CONTROL, ("good",)),
        (b"Name\rFrom: bank@good.test <x@evil.test>", Problem.SEVERAL_FIELDS, ("good.test", "evil.test")),
        (b"a@b.test," * 2000, Problem.TOO_LONG, ()),
    ],
)
def test_no_author(value: bytes, problem: Problem, domains: tuple[str, ...]) -> None:
    author = read(value)
    assert (author.problem, author.domain, author.domains) == (problem, "", domains)
    assert problem in GRAVE


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"Group: a@b.test;", Problem.GROUP),
        (b"Group: a@b.test, c@b.test;", Problem.GROUP),
        (b"Name, A <a@b.test>", Problem.SYNTAX),
        (b"a@b.test <a@b.test>", Problem.SYNTAX),
        (b"a@b.test.", Problem.SYNTAX),
        (b"<a@b.test.>", Problem.SYNTAX),
        (b"<a@b.test", Problem.SYNTAX),
        (b"a@(good.test)b.test", Problem.SYNTAX),
        (b"a(x)@b.test", Problem.SYNTAX),
        (b"<a@b.test(.good.test)>", Problem.SYNTAX),
        (b"a @ b.test", Problem.SYNTAX),
        (b'a@"b.test"', Problem.SYNTAX),
        (b'"Name <a@b.test>', Problem.SYNTAX),
        (b".a.@b.test", Problem.SYNTAX),
        (b"a@b.test;", Problem.SYNTAX),
        (b"=?utf-8?q?bank=40good=2Etest?= <=?utf-8?q?bank=40good=2Etest=00?=@b.test>", Problem.ENCODED),
        (b"=?utf-8?b?YmFua0Bnb29kLnRlc3Q=?=@b.test", Problem.ENCODED),
    ],
)
def test_odd_but_of_one_domain(value: bytes, problem: Problem) -> None:
    author = read(value)
    assert (author.problem, author.domain, author.domains) == (problem, "b.test", ("b.test",))
    assert problem not in GRAVE


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b'"bank@good.test" <x@evil.test>', "good.test"),
        (b'"Bank <bank@Good.test>" <x@evil.test>', "good.test"),
        (b"=?utf-8?q?bank=40good=2Etest?= <x@evil.test>", "good.test"),
        (b"=?utf-8?q?Bank_?= =?utf-8?q?=3Cbank=40good=2Etest=3E?= <x@evil.test>", "good.test"),
        (b"x@evil.test (bank@good.test)", "good.test"),
        ('"bank@bücher.test" <x@evil.test>'.encode(), "xn--bcher-kva.test"),
        (b'"x@evil.test" <x@evil.test>', ""),
        (b'"x@evil.test via bank@good.test" <x@evil.test>', "good.test"),
        (b"Name at home <x@evil.test>", ""),
        (b'"me@home" <x@evil.test>', ""),
    ],
)
def test_a_display_name_that_is_another_address(value: bytes, named: str) -> None:
    author = read(value)
    assert (author.domain, author.problem, author.named) == ("evil.test", Problem.NONE, named)


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@good.test\r\nFrom: x@evil.test\r\n\r\n",
        b"from : a@good.test\r\nSubject: y\r\nFROM:x@evil.test\r\n\r\n",
        b"From: a@good.test\nFrom: x@evil.test\n\n",
        b"Subject: y\rFrom: a@good.test\r\nFrom: a@good.test, x@evil.test\r\n\r\n",
    ],
)
def test_several_fields(header: bytes) -> None:
    author = author_domain(header)
    assert (author.problem, author.domain) == (Problem.SEVERAL_FIELDS, "")
    assert author.domains == ("good.test", "evil.test")


def test_two_fields_of_one_domain_are_two_fields() -> None:
    author = author_domain(b"From: a@b.test\r\nFrom: c@b.test\r\n\r\n")
    assert (author.problem, author.domain, author.domains) == (Problem.SEVERAL_FIELDS, "", ("b.test",))


@pytest.mark.parametrize(
    "header", [b"", b"\r\n", b"Subject: x\r\n\r\nFrom: a@b.test\r\n", b"Resent-From: a@b.test\r\n\r\n"]
)
def test_no_field(header: bytes) -> None:
    assert author_domain(header) == Author("", problem=Problem.MISSING)


@pytest.mark.parametrize("value", [b"a@evil.test " * 20 + b"a@bank.test", b"a@evil.test, " * 20 + b"<a@bank.test"])
def test_an_address_behind_very_many_others_is_not_overlooked(value: bytes) -> None:
    """A broken field was believed by its first seventeen addresses, whatever came behind them."""
    author = author_domain(b"From: %b\r\n\r\n" % value)
    assert (author.domain, author.problem) == ("", Problem.TOO_LONG)


def test_limits() -> None:
    many = b", ".join(b"a@%d.test" % at for at in range(100))
    assert len(read(many).domains) == MAX_DOMAINS
    fields = b"".join(b"From: a@%d.test\r\n" % at for at in range(100))
    assert len(author_domain(fields + b"\r\n").domains) == MAX_DOMAINS
    nested = b"(" * (MAX_COMMENT_DEPTH + 1) + b")" * (MAX_COMMENT_DEPTH + 1)
    assert read(b"a@b.test " + nested[1:-1]).problem is Problem.NONE
    assert read(b"a@b.test " + nested).problem is Problem.SYNTAX


@pytest.mark.parametrize(
    "value",
    [b"(" * 8000, b'"' * 7999, b"a@" * 4000, b"a." * 4000, b"<" * 8000, b"a:" * 4000, b"\\" * 8000, b"(\\" * 4000,
     b'"\\' * 4000, b"x@a " * 2000, b"a <" * 2500, b"a,@" * 2500, b"<@a" + b",@a" * 2500, b"=?u?q?" * 1300,
     b"a@a.a " * 1300],
)  # fmt: skip
def test_hostile_fields_cost_little(value: bytes) -> None:
    assert len(value) <= MAX_FROM_OCTETS
    began = time.process_time()
    assert read(value).domain in ("", "a", "a.a")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"B.Test.", "b.test"),
        (b"b.test..", None),
        (b"", None),
        (b".", None),
        (b"b\0.test", None),
        ("strauß.test".encode(), "xn--strau-pqa.test"),
        ("b。test".encode(), "b.test"),
        ("good\u00ad.test".encode(), "good.test"),
        ("ü".encode() * 600, None),
        ("\ufdfa".encode() * 340, None),  # each becomes eighteen characters
        (b"192.0.2.1", None),
        (b"LocalHost.", "localhost"),
    ],
)
def test_domain_names(octets: bytes, name: str | None) -> None:
    assert domain_name(octets) == name


@given(st.binary(max_size=80))
def test_nothing_is_raised(value: bytes) -> None:
    author = read(value)
    assert (author.problem in GRAVE) == (author.domain == "")


_PIECES = st.sampled_from(
    [b"a", b"b.test", b"@", b"<", b">", b'"', b"(", b")", b",", b":", b";", b".", b" ", b"[1.2.3.4]", b"\\", b"\0"]
)


@given(st.lists(_PIECES, max_size=24))
def test_a_domain_is_always_the_only_one_in_sight(pieces: list[bytes]) -> None:
    author = read(b"".join(pieces))
    if author.domain:
        assert author.domains == (author.domain,)


@given(st.text(max_size=60))
def test_an_address_with_any_name_that_is_written_properly_is_no_problem(name: str) -> None:
    try:
        value = formataddr((name, "a@b.test")).encode()
    except UnicodeError:  # a lone surrogate
        return
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return
    author = read(value)
    assert (author.domain, author.problem) == ("b.test", Problem.NONE), value
