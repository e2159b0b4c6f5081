"""Sets that are added, and those that may not be (RFC 8617 §5.1)."""

import re

import pytest
from tests.mailauth.arc.chains import BODY, HEADER, NOW, Dns, add, assessed, blocks, body_hash, chain_of, check, key

from postroom.mailauth.arc import ArcResult, Chain, combined, find_sets, seal
from postroom.mailauth.arc.chain import ArcSet, read_seal, read_signature
from postroom.mailauth.arc.validate import seal_digests, signature_digest
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.key import read_key
from postroom.mailauth.dkim.sign import SigningKey, sign
from postroom.mailauth.results import MethodResult, field, parse

ONE, TWO, ED = key("one.test"), key("two.test", bits=2048), key("three.test", "ed25519")


def sealed(header: bytes, chain: Chain, status: ArcResult, sealer: SigningKey = ONE, **more: object) -> bytes:
    value = more.pop("assessed", assessed("mx.one.test"))
    assert isinstance(value, bytes)
    names = more.pop("names", None)
    assert names is None or isinstance(names, list)
    return seal(HeaderFields(header), chain, status, value, body_hash(BODY), sealer, now=NOW, names=names)


@pytest.mark.parametrize("sealer", [ONE, TWO, ED])
def test_what_is_added(sealer: SigningKey) -> None:
    dns = Dns(sealer)
    header = add(HEADER, BODY, sealer, dns, ("spf", "pass"))
    added = header.removesuffix(HEADER)
    fields = blocks(added)
    assert [one.partition(b":")[0] for one in fields] == [
        b"ARC-Seal",
        b"ARC-Message-Signature",
        b"ARC-Authentication-Results",
    ]
    domain = sealer.domain.encode()
    assert fields[2] == b"ARC-Authentication-Results: i=1; mx.%b;\r\n spf=pass\r\n" % domain
    algorithm = sealer.algorithm.encode()
    # RFC 8617 §4.1: i= is first
    assert re.sub(rb"\s+", b" ", fields[0]).startswith(
        b"ARC-Seal: i=1; a=%b; cv=none; d=%b; s=%b; t=1700000000; b=" % (algorithm, domain, sealer.selector.encode())
    )
    assert re.sub(rb"\s+", b" ", fields[1]).startswith(
        b"ARC-Message-Signature: i=1; a=%b; c=relaxed/relaxed;" % algorithm
    )
    for line in added.removesuffix(b"\r\n").split(b"\r\n"):
        assert line.strip()
        assert len(line) <= 77
    verdict = check(header, BODY, dns)
    assert (verdict.result, verdict.sealers) == (ArcResult.PASS, (sealer.domain,))


def test_what_is_signed() -> None:
    """RFC 8617 §4.1.2: DKIM signatures are, Authentication-Results and ARC's own fields are not."""
    signed = sign(HeaderFields(HEADER), body_hash(BODY), [ONE, ED], now=NOW)
    header = field("mx.one.test", []) + signed + HEADER
    dns = Dns(ONE, TWO)
    header = add(add(header, BODY, ONE, dns), BODY, TWO, dns)
    [_, newest] = [read_signature(one.signature) for one in find_sets(HeaderFields(header)).sets]
    assert newest.names.count(b"dkim-signature") == 2
    assert newest.names.count(b"from") == 2
    assert not {name for name in newest.names if name.startswith((b"arc-", b"authentication-"))}
    assert check(header.replace(b"Authentication-Results: mx.one.test;\r\n none\r\n", b"", 1), BODY, dns).sealers
    assert not check(header.replace(b"\r\nDKIM-Signature: ", b"\r\nX-Signature: ", 1), BODY, dns).sealers


def test_a_failed_chain_is_sealed_as_such_once() -> None:
    """RFC 8617 §5.1.2: the seal covers its own set alone. §5.1, step 2: behind it nothing is added."""
    header, dns = chain_of([ONE, TWO])
    broken = header.replace(b"Subject: ", b"Subject: x ")
    chain = find_sets(HeaderFields(broken))
    status = check(broken, BODY, dns).result
    assert status is ArcResult.FAIL
    added = sealed(broken, chain, status)
    assert b"ARC-Seal: i=3; a=rsa-sha256; cv=fail; d=one.test; s=sel; t=1700000000;" in added
    closed = find_sets(HeaderFields(added + broken))
    assert (closed.closed, closed.highest) == (True, 3)
    assert closed.problem == "the seal of instance 3 says that the chain had failed"
    assert check(added + broken, BODY, dns).result is ArcResult.FAIL
    assert sealed(added + broken, closed, ArcResult.FAIL) == b""
    own = _own_set(added, 3)
    public = read_key(ONE.record.encode())
    assert public.verifies(read_seal(own.seal).value, seal_digests([own])[0])
    signature = read_signature(own.signature)
    assert public.verifies(signature.value, signature_digest(HeaderFields(broken), own.signature, signature))


def _own_set(added: bytes, instance: int) -> ArcSet:
    """The set as if it were a chain: made instance 1 to be found, and put back."""
    found = find_sets(HeaderFields(added.replace(b": i=%d;" % instance, b": i=1;").replace(b"cv=fail", b"cv=none")))
    [one] = found.sets
    by_name = HeaderFields(added)
    fields = [by_name.named(name)[0] for name in (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")]
    return ArcSet(
        *(
            type(part)(whole, -1, instance, part.tags)
            for part, whole in zip((one.results, one.signature, one.seal), fields, strict=True)
        )
    )


def test_a_malformed_chain_is_failed_too() -> None:
    header, dns = chain_of([ONE])
    for broken in (
        b"".join(one for one in blocks(header) if not one.startswith(b"ARC-Seal")),
        header.replace(b"ARC-Seal: i=1;", b"ARC-Seal: i=0;"),
        b"ARC-Seal: i=7; cv=pass\r\n" + header,
    ):
        chain = find_sets(HeaderFields(broken))
        added = sealed(broken, chain, check(broken, BODY, dns).result)
        assert b"ARC-Seal: i=%d; a=rsa-sha256; cv=fail;" % (chain.highest + 1) in added


def test_no_set_above_the_highest_instance() -> None:
    header, _ = chain_of([ONE] * 50)
    chain = find_sets(HeaderFields(header))
    assert sealed(header, chain, ArcResult.PASS) == b""
    assert sealed(b"ARC-Seal: i=50\r\n" + HEADER, find_sets(HeaderFields(b"ARC-Seal: i=50\r\n")), ArcResult.FAIL) == b""


def test_a_status_that_is_not_that_of_the_chain() -> None:
    header, _ = chain_of([ONE])
    chain, none = find_sets(HeaderFields(header)), find_sets(HeaderFields(HEADER))
    malformed = find_sets(HeaderFields(b"ARC-Seal: i=1; cv=none\r\n"))
    unreadable = find_sets(HeaderFields(b"ARC-Seal: i=0; cv=none\r\n"))
    for one, status in (
        (chain, ArcResult.NONE),
        (none, ArcResult.PASS),
        (none, ArcResult.FAIL),
        (malformed, ArcResult.PASS),
        (malformed, ArcResult.NONE),
        (unreadable, ArcResult.NONE),
        (unreadable, ArcResult.PASS),
    ):
        with pytest.raises(ValueError, match="cannot have the status"):
            sealed(header, one, status)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"; spf=pass",
        b"mx.one.test; spf=pass\r\nX-Evil: 1",
        b"mx.one.test; spf=pass\rX",
        b"mx.one.test; spf=pass\n x",
        b"mx.one.test; spf=pass\x00",
        b"(mx.one.test",
    ],
)
def test_what_is_no_result_is_not_sealed(value: bytes) -> None:
    with pytest.raises(ValueError, match="not the value of an Authentication-Results field"):
        sealed(HEADER, find_sets(HeaderFields(HEADER)), ArcResult.NONE, assessed=value)


@pytest.mark.parametrize(
    "name", [b"authentication-results", b"arc-seal", b"arc-message-signature", b"arc-authentication-results"]
)
def test_names_that_may_not_be_signed(name: bytes) -> None:
    with pytest.raises(ValueError, match="not to be signed"):
        sealed(HEADER, find_sets(HeaderFields(HEADER)), ArcResult.NONE, names=[b"from", name])


def test_an_empty_list_of_names() -> None:
    added = sealed(HEADER, find_sets(HeaderFields(HEADER)), ArcResult.NONE, names=[])
    assert check(added + HEADER, BODY, Dns(ONE)).result is ArcResult.PASS


def test_results_of_ours_are_combined() -> None:
    """RFC 8617 §4.1.1: one field has all results, however many the message has."""
    values = [
        b" mx.one.test; arc=none (no; fields)\r\n",
        b" MX.one.test 1;\r\n spf=pass smtp.mailfrom=a.test;\r\n  dkim=pass (2048-bit key) header.d=a.test;\r\n",
        b" other.test; dmarc=pass",
        b" mx.one.test; none",
        b' mx.one.test; dmarc=pass reason="',
        b" (a;b) mx.one.test; dmarc=pass",
        b" mx.one.test; iprev=fail",
    ]
    found = combined("mx.one.test", values)
    assert found == (
        b"mx.one.test;\r\n arc=none (no; fields);\r\n spf=pass smtp.mailfrom=a.test;\r\n  dkim=pass (2048-bit key)"
        b" header.d=a.test;\r\n iprev=fail"
    )
    read = parse(found)
    assert [(one.method, one.result) for one in read.results] == [
        ("arc", "none"),
        ("spf", "pass"),
        ("dkim", "pass"),
        ("iprev", "fail"),
    ]
    assert combined("mx.one.test", []) == b"mx.one.test;\r\n none"
    assert (
        parse(combined("a b;c", [field("a b;c", [MethodResult("spf", "pass")]).partition(b":")[2]])).authserv_id
        == "a b;c"
    )
    header = sealed(HEADER, find_sets(HeaderFields(HEADER)), ArcResult.NONE, assessed=found) + HEADER
    results = check(header, BODY, Dns(ONE)).results
    assert results is not None
    assert results.results == read.results
