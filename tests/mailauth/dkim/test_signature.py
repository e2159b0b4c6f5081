"""DKIM-Signature fields: what each tag may be, and what a wrong one costs."""

import pytest
from tests.mailauth.dkim.verifying import LIMITS

from postroom.mailauth.dkim import Canonicalization, DkimLimits, DkimResult, HeaderFields
from postroom.mailauth.dkim.signature import (
    BadSignature,
    Signature,
    find_signatures,
    read_signature,
    signed_form,
    tell_apart,
)

BH = b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
TAGS = {
    b"v": b"1",
    b"a": b"rsa-sha256",
    b"d": b"Example.ORG",
    b"s": b"sel.One",
    b"h": b"From : to\r\n :SUBJECT",
    b"bh": BH,
    b"b": b"YWJj\r\n ZGVm",
}


def field(**changes: bytes | None) -> bytes:
    tags: dict[bytes, bytes | None] = {**TAGS, **{name.encode(): value for name, value in changes.items()}}
    return b"DKIM-Signature: " + b"; ".join(name + b"=" + value for name, value in tags.items() if value is not None)


def test_a_plain_one() -> None:
    signature = read_signature(field())
    assert (signature.domain, signature.selector, signature.identity) == ("example.org", "sel.one", "@example.org")
    assert signature.names == (b"from", b"to", b"subject")
    assert signature.value == b"abcdef"
    assert (signature.header_canonicalization, signature.body_canonicalization) == (Canonicalization.SIMPLE,) * 2
    assert (signature.length, signature.signed_at, signature.expires) == (None, None, None)
    assert (signature.key_name, signature.key_type) == ("sel.one._domainkey.example.org", "rsa")
    assert signature.signed_form() == field(b=b"")


@pytest.mark.parametrize(
    ("tags", "attribute", "value"),
    [
        ({"c": b"relaxed"}, "body_canonicalization", Canonicalization.SIMPLE),
        ({"c": b"simple/relaxed"}, "body_canonicalization", Canonicalization.RELAXED),
        ({"c": b"relaxed/simple"}, "header_canonicalization", Canonicalization.RELAXED),
        ({"l": b"0"}, "length", 0),
        ({"l": b"9" * 76}, "length", int("9" * 76)),
        ({"t": b"1", "x": b"2"}, "expires", 2),
        ({"t": b"999999999999999"}, "signed_at", 999_999_999_999_999),
        ({"q": b"other/way : dns/txt"}, "key_name", "sel.one._domainkey.example.org"),
        ({"i": b"a=20b=3B@eng.example.org"}, "identity", "a b;@eng.example.org"),
        ({"i": b"a\r\n b@EXAMPLE.org"}, "identity", "ab@EXAMPLE.org"),
        ({"i": b"@sub.example.org"}, "identity_domain", "sub.example.org"),
        ({"i": b'"a@b"@example.org'}, "identity", '"a@b"@example.org'),
        ({"s": b"my_selector"}, "selector", "my_selector"),
        ({"a": b"ed25519-sha256"}, "key_type", "ed25519"),
        ({"zz": b"unknown tags are ignored"}, "selector", "sel.one"),
        # RFC 8616 §5: U-labels, and UTF-8 in a local part
        ({"d": "bücher.example".encode()}, "domain", "xn--bcher-kva.example"),
        ({"d": b"xn--bcher-kva.example", "i": "ü@BÜCHER.example".encode()}, "identity", "ü@BÜCHER.example"),
    ],
)
def test_tags(tags: dict[str, bytes], attribute: str, value: object) -> None:
    assert getattr(read_signature(field(**tags)), attribute) == value


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        *(({name: None}, f"{name}= missing") for name in ("v", "a", "b", "bh", "d", "h", "s")),
        ({"v": None, "s": None}, "v=, s= missing"),
        ({"v": b"2"}, "version '2'"),
        ({"v": b"1.0"}, "version"),
        ({"a": b"rsa-sha1"}, "may not be used"),
        ({"d": b"org"}, "d=org is not a domain name"),
        ({"d": b""}, "not a domain name"),
        ({"d": b"example.org."}, "not a domain name"),
        ({"d": b"exa mple.org"}, "not a domain name"),
        ({"d": b"example.com(.attacker.org"}, "not a domain name"),
        ({"d": b"-.org"}, "not a domain name"),
        ({"d": b"a" * 64 + b".org"}, "not a domain name"),
        ({"d": b".".join([b"a" * 60] * 5)}, "not a domain name"),
        ({"d": b"example.org\xe9"}, "not a domain name"),
        ({"d": b"[192.0.2.1]"}, "not a domain name"),
        ({"d": b"192.0.2.1"}, "not a domain name"),
        ({"s": b""}, "not a selector"),
        ({"s": b"a..b"}, "not a selector"),
        ({"s": b".".join([b"a" * 60] * 4)}, "not a selector"),
        ({"s": "ü".encode("latin-1")}, "not a selector"),
        ({"h": b""}, "not a list of field names"),
        ({"h": b"from:"}, "not a list of field names"),
        ({"h": b"from to"}, "not a list of field names"),
        ({"h": b"to:subject"}, "From is not signed"),
        ({"bh": b"YWJj"}, "bh= has 3 octets"),
        ({"bh": b"?"}, "bh= is not base64"),
        ({"b": b""}, "b= is empty"),
        ({"b": b"YWJ"}, "b= is not base64"),
        ({"i": b"example.org"}, "is not an address"),
        ({"i": b"a@"}, "is not an address"),
        ({"i": b"a@example.net"}, "not in the domain of d=example.org"),
        ({"i": b"a@xexample.org"}, "not in the domain"),
        ({"i": b"a@org"}, "is not an address"),
        ({"i": b"a@example.org.example.net"}, "not in the domain"),
        ({"l": b""}, "l= is not a number"),
        ({"l": b"-1"}, "is not a number"),
        ({"l": b"1 0"}, "is not a number"),
        ({"l": b"9" * 77}, "is not a number"),
        ({"l": "٣".encode()}, "is not a number"),
        ({"t": b"now"}, "is not a number"),
        ({"t": b"2", "x": b"2"}, "expires"),
        ({"q": b"dns"}, "not to be had from the DNS"),
    ],
)
def test_what_makes_a_signature_malformed(tags: dict[str, bytes | None], words: str) -> None:
    with pytest.raises(BadSignature, match=words) as caught:
        read_signature(field(**tags))
    assert caught.value.result is DkimResult.PERMERROR


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"a": b"rsa-sha512"}, "algorithm 'rsa-sha512' is not known"),
        ({"a": b"RSA-SHA256"}, "is not known"),
        ({"c": b"nowsp"}, "canonicalization 'nowsp' is not known"),
        ({"c": b"relaxed/"}, "is not known"),
        ({"c": b""}, "is not known"),
        ({"c": b"simple/simple/simple"}, "is not known"),
    ],
)
def test_what_is_not_known_is_neither_good_nor_bad(tags: dict[str, bytes], words: str) -> None:
    """RFC 6376 §3.3.4, §3.4: to be ignored."""
    with pytest.raises(BadSignature, match=words) as caught:
        read_signature(field(**tags))
    assert caught.value.result is DkimResult.NEUTRAL


def test_duplicate_tags() -> None:
    with pytest.raises(BadSignature, match="malformed: d= occurs twice"):
        read_signature(field() + b"; d=example.net")


def test_a_malformed_one_still_tells_whose_it_would_be() -> None:
    with pytest.raises(BadSignature) as caught:
        read_signature(field(v=b"3"))
    bad = caught.value
    assert (bad.domain, bad.selector, bad.algorithm, bad.header_b) == (
        "Example.ORG",
        "sel.One",
        "rsa-sha256",
        "YWJjZGVm",
    )


def test_limits() -> None:
    with pytest.raises(BadSignature, match="too large") as caught:
        read_signature(field(zz=b"x" * LIMITS.max_signature_octets))
    assert caught.value.result is DkimResult.POLICY
    with pytest.raises(BadSignature, match="more than 500 names") as caught:
        read_signature(field(h=b":".join([b"from"] * 501)))
    assert caught.value.result is DkimResult.POLICY


def test_signatures_are_found_in_their_order_and_counted() -> None:
    header = HeaderFields(b"\r\n".join([field(s=b"s%d" % number) for number in range(300)]))
    found = find_signatures(header, DkimLimits(max_signatures=3))
    assert [one.selector for one in found] == ["s0", "s1", "s2", ""]
    assert isinstance(found[3], BadSignature)
    assert "297 more signatures are not tried: the limit is 3" in found[3].words
    assert find_signatures(HeaderFields(b"From: a\r\n")) == []


def test_a_header_that_is_too_large_is_not_taken_apart() -> None:
    header = HeaderFields(field() + b"\r\n" + b"a:\r\n" * 100_000)
    (bad,) = find_signatures(header)
    assert isinstance(bad, BadSignature)
    assert bad.result is DkimResult.POLICY
    assert find_signatures(HeaderFields(b"a:\r\n" * 100_000)) == []


def test_header_b_tells_signatures_apart() -> None:
    """RFC 6008 §4."""
    fields = [field(b=b) for b in (b"QUJDREVGR0hJSktM", b"QUJDREVGR0hJSkt N", b"WFhYWFhYWFhYWFhY")]
    found = find_signatures(HeaderFields(b"\r\n".join(fields)))
    assert all(isinstance(one, Signature) for one in found)
    assert tell_apart(found) == ["QUJDREVGR0hJSktM", "QUJDREVGR0hJSktN", "WFhYWFhY"]


def test_the_form_that_is_signed() -> None:
    """RFC 6376 §3.7: without the value of b= and the white space around it."""
    own = b"DKIM-Signature:\tv=1; b = AAAA \r\n\tBBBB ; bh=x"
    assert signed_form(own, Canonicalization.SIMPLE) == b"DKIM-Signature:\tv=1; b =; bh=x"
    assert signed_form(own, Canonicalization.RELAXED) == b"dkim-signature:v=1; b =; bh=x"
