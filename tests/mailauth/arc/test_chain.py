"""Which fields are a set, and which sets a chain (RFC 8617 §4.2, §5.2)."""

import pytest
from tests.mailauth.arc.chains import BODY, HEADER, Dns, blocks, body_hash, chain_of, check, key

from postroom.mailauth.arc import ArcLimits, ArcResult, find_sets
from postroom.mailauth.arc.chain import read_seal, read_signature
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.results import parse_arc

# RFC 8617 appendix B; its keys are not published, and had 512 bits.
EXAMPLE = b"""\
Received: from example.org (example.org [208.69.40.157])
    by gmail.example with ESMTP id d200mr22663000ykb.93.1421363207
    for <fmartin@example.com>; Thu, 14 Jan 2015 15:02:40 -0800 (PST)
ARC-Seal: i=3; a=rsa-sha256; cv=pass; d=clochette.example.org; s=
        clochette; t=12345; b=CU87XzXlNlk5X/yW4l73UvPUcP9ivwYWxyBWcVrRs7
        +HPx3K05nJhny2fvymbReAmOA9GTH/y+k9kEc59hAKVg==
ARC-Message-Signature: i=3; a=rsa-sha256; c=relaxed/relaxed; d=
        clochette.example.org; h=message-id:date:from:to:subject; s=
        clochette; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZY
        LQ=; b=o71vwyLsK+Wm4cOSlirXoRwzEvi0vqIjd/2/GkYFYlSd/GGfKzkAgPqxf
        K7ccBMP7Zjb/mpeggswHjEMS8x5NQ==
ARC-Authentication-Results: i=3; clochette.example.org; spf=fail
    smtp.from=jqd@d1.example; dkim=fail (512-bit key)
    header.i=@d1.example; dmarc=fail; arc=pass (as.2.gmail.example=pass,
    ams.2.gmail.example=pass, as.1.lists.example.org=pass,
    ams.1.lists.example.org=fail (message has been altered))
ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=gmail.example; s=20120806; t=
        12345; b=Zpukh/kJL4Q7Kv391FKwTepgS56dgHIcdhhJZjsalhqkFIQQAJ4T9BE
        8jjLXWpRNuh81yqnT1/jHn086RwezGw==
ARC-Message-Signature: i=2; a=rsa-sha256; c=relaxed/relaxed; d=
        gmail.example; h=message-id:date:from:to:subject; s=20120806; t=
        12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=; b=CVoG44
        cVZvoSs2mMig2wwqPaJ4OZS5XGMCegWqQs1wvRZJS894tJM0xO1RJLgCPsBOxdA5
        9WSqI9s9DfyKDfWg==
ARC-Authentication-Results: i=2; gmail.example; spf=fail
    smtp.from=jqd@d1.example; dkim=fail (512-bit key)
    header.i=@example.org; dmarc=fail; arc=pass
    (as.1.lists.example.org=pass, ams.1.lists.example.org=pass)
ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.example.org; s=dk-lists;
         t=12345; b=TlCCKzgk3TrAa+G77gYYO8Fxk4q/Ml0biqduZJeOYh6+0zhwQ8u/
        lHxLi21pxu347isLSuNtvIagIvAQna9a5A==
ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=
        lists.example.org; h=message-id:date:from:to:subject; s=
        dk-lists; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYL
        Q=; b=DsoD3n3hiwlrN1ma8IZQFgZx8EDO7Wah3hUjIEsYKuShRKYB4LwGUiKD5Y
        yHgcIwGHhSc/4+ewYqHMWDnuFxiQ==
ARC-Authentication-Results: i=1; lists.example.org; spf=pass
    smtp.mfrom=jqd@d1.example; dkim=pass (512-bit key)
    header.i=@d1.example; dmarc=pass
Message-ID: <54B84785.1060301@d1.example>
Date: Thu, 14 Jan 2015 15:00:01 -0800
From: John Q Doe <jqd@d1.example>
To: arc@dmarc.example
Subject: [List 2] Example 1
""".replace(b"\n", b"\r\n")
EXAMPLE_BODY = b"Hey gang,\r\nThis is a test message.\r\n--J.\r\n"
THREE = [key("one.test"), key("two.test"), key("three.test")]


def test_the_example() -> None:
    chain = find_sets(HeaderFields(EXAMPLE))
    assert (chain.problem, chain.highest, chain.closed) == ("", 3, False)
    domains = ["lists.example.org", "gmail.example", "clochette.example.org"]
    assert [read_seal(one.seal).domain for one in chain.sets] == domains
    assert [read_signature(one.signature).domain for one in chain.sets] == domains
    assert [one.domain for one in chain.signatures] == domains[::-1]
    read = [parse_arc(one.results.value) for one in chain.sets]
    assert [one.authserv_id for one in read] == domains
    assert [(one.of("dmarc")[0].result, one.problem) for one in read] == [("pass", ""), ("fail", ""), ("fail", "")]


def test_the_example_has_the_body_that_its_signatures_are_of() -> None:
    assert {one.body_hash for one in find_sets(HeaderFields(EXAMPLE)).signatures} == {body_hash(EXAMPLE_BODY)}


def test_the_example_cannot_be_validated_without_its_keys() -> None:
    dns = Dns()
    verdict = check(EXAMPLE, EXAMPLE_BODY, dns)
    assert (verdict.result, verdict.sealers, verdict.results) == (ArcResult.FAIL, (), None)
    assert verdict.words.endswith("there is no key at clochette._domainkey.clochette.example.org")
    assert dns.asked == ["clochette._domainkey.clochette.example.org"]


def test_no_fields_are_no_chain() -> None:
    chain = find_sets(HeaderFields(HEADER))
    assert (chain.sets, chain.problem, chain.highest) == ((), "", 0)


def _without(name: bytes, instance: int) -> bytes:
    header, _ = chain_of(THREE)
    kept = [one for one in blocks(header) if not one.startswith(b"%b: i=%d;" % (name, instance))]
    assert len(kept) == len(blocks(header)) - 1
    return b"".join(kept)


@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
@pytest.mark.parametrize("instance", [1, 2, 3])
def test_a_field_stripped_from_a_set(name: bytes, instance: int) -> None:
    header, dns = chain_of(THREE)
    stripped = _without(name, instance)
    chain = find_sets(HeaderFields(stripped))
    assert chain.problem == f"instance {instance} has no {name.decode()}"
    verdict = check(stripped, BODY, dns)
    assert (verdict.result, verdict.sealers) == (ArcResult.FAIL, ())
    assert dns.asked.count(dns.asked[-1]) <= 3  # not one more question than the honest message needed
    assert check(header, BODY, dns).result is ArcResult.PASS


@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
@pytest.mark.parametrize("instance", [1, 3])
def test_a_field_that_occurs_twice(name: bytes, instance: int) -> None:
    header, _ = chain_of(THREE)
    [copy] = [one for one in blocks(header) if one.startswith(b"%b: i=%d;" % (name, instance))]
    for doubled in (copy + header, header + copy):
        assert find_sets(HeaderFields(doubled)).problem == f"two {name.decode()} fields of instance {instance}"


@pytest.mark.parametrize("instance", [1, 2, 3])
def test_a_set_stripped(instance: int) -> None:
    """From the middle it leaves a gap; the newest leaves a chain that is one shorter, which honest hops make too."""
    header, dns = chain_of(THREE)
    stripped = b"".join(one for one in blocks(header) if b": i=%d;" % instance not in one[:40])
    verdict = check(stripped, BODY, dns)
    if instance == 3:
        assert (verdict.result, verdict.sealers) == (ArcResult.PASS, ("two.test", "one.test"))
    else:
        assert verdict.result is ArcResult.FAIL
        assert verdict.words == f"instance {instance} has no ARC-Authentication-Results"


@pytest.mark.parametrize(
    "instance", [b"0", b"51", b"01", b"", b"-1", b"+1", b"1.0", b"1 1", b"x", b"4294967297", "１".encode()]
)
@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
def test_odd_instances(name: bytes, instance: bytes) -> None:
    header, dns = chain_of(THREE[:1])
    odd = header.replace(b"%b: i=1;" % name, b"%b: i=%b;" % (name, instance))
    assert odd != header
    chain = find_sets(HeaderFields(odd))
    assert chain.problem.startswith(f"{name.decode()}: ")
    assert check(odd, BODY, dns).result is ArcResult.FAIL


def test_a_gap_of_instances() -> None:
    header, dns = chain_of(THREE[:1])
    odd = header.replace(b": i=1;", b": i=2;").replace(b"cv=none", b"cv=pass")
    assert check(odd, BODY, dns).words == "instance 1 has no ARC-Authentication-Results"


def test_sets_in_another_order_are_the_same_chain() -> None:
    """The instance says where a set belongs (RFC 8617 §4.2.1), not its place in the header."""
    header, dns = chain_of(THREE)
    for order in (blocks(header)[::-1], sorted(blocks(header)), blocks(header)[9:] + blocks(header)[:9]):
        verdict = check(b"".join(order), BODY, dns)
        assert verdict.sealers == ("three.test", "two.test", "one.test"), verdict.words


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 3), (1, 3)])
@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
def test_fields_that_change_their_sets(name: bytes, one: int, other: int) -> None:
    header, dns = chain_of(THREE)
    start = b"%b: i=%d;"
    odd = header.replace(start % (name, one), start % (name, 99))
    odd = odd.replace(start % (name, other), start % (name, one)).replace(start % (name, 99), start % (name, other))
    assert odd != header
    assert check(odd, BODY, dns).result is ArcResult.FAIL


@pytest.mark.parametrize(
    ("seals", "problem"),
    [
        ([b"none", b"pass", b"pass"], ""),
        ([b"pass", b"pass", b"pass"], "the seal of instance 1 has cv=pass, not cv=none"),
        ([b"none", b"none", b"pass"], "the seal of instance 2 has cv=none, not cv=pass"),
        ([b"none", b"pass", b"none"], "the seal of instance 3 has cv=none, not cv=pass"),
        ([b"none", b"pass", b"fail"], "the seal of instance 3 says that the chain had failed"),
        ([b"none", b"fail", b"pass"], "the seal of instance 2 says that the chain had failed"),
        ([b"none", b"PASS", b"pass"], "the seal of instance 2 has cv=PASS, not cv=pass"),
        ([b"none", b"", b"pass"], "the seal of instance 2 has cv=, not cv=pass"),
    ],
)
def test_what_seals_have_to_say(seals: list[bytes], problem: str) -> None:
    header, _ = chain_of(THREE)
    for instance, status in enumerate(seals, 1):
        honest = b"none" if instance == 1 else b"pass"
        begin = b"ARC-Seal: i=%d; a=rsa-sha256; cv=" % instance
        assert begin + honest in header
        header = header.replace(begin + honest, begin + status)
    chain = find_sets(HeaderFields(header))
    assert chain.problem == problem
    assert chain.closed == (seals[-1] == b"fail")


def test_fields_beyond_the_limits() -> None:
    header, dns = chain_of(THREE[:1])
    size = max(len(one) for one in blocks(header)) - 2
    assert find_sets(HeaderFields(header), ArcLimits(max_field_octets=size)).problem == ""
    tight = ArcLimits(max_field_octets=size - 1)
    assert find_sets(HeaderFields(header), tight).problem.endswith(f"{size} octets are too many")
    assert check(header, BODY, dns, limits=tight).result is ArcResult.FAIL
    chain = find_sets(HeaderFields(header), ArcLimits(max_header_octets=len(header) - 1))
    assert chain.problem == f"the header has {len(header)} octets, too many to verify"
    assert chain.closed
    assert find_sets(HeaderFields(HEADER), ArcLimits(max_header_octets=10)).problem == ""
    names = check(header, BODY, dns, limits=ArcLimits(max_signed_names=3))
    assert names.words == "the signature of instance 1: h= has more than 3 names"


def test_more_fields_than_there_are_instances() -> None:
    header = b"ARC-Seal: i=1; cv=none\r\n" * 51
    chain = find_sets(HeaderFields(header + HEADER))
    assert (chain.problem, chain.highest) == ("51 ARC-Seal fields, more than 50", 50)


def test_names_of_fields_in_any_case() -> None:
    header, dns = chain_of(THREE)
    for name in (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"):
        header = header.replace(name + b":", name.lower() + b" :" if name == b"ARC-Seal" else name.upper() + b":")
    assert check(header, BODY, dns).result is ArcResult.PASS
