"""Fields that claim to be ours, in every spelling (RFC 8601 §5)."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.results.claims import MAX_ODDITIES, MAX_START_OCTETS, canonical, claimed, claims
from postroom.mailauth.results.reading import MAX_FIELD_OCTETS, MAX_NESTED_COMMENTS

OURS = ["mx.ours.test", "bücher.test"]


@pytest.mark.parametrize(
    "value",
    [
        b"mx.ours.test; dmarc=pass",
        b" mx.ours.test;dmarc=pass\r\n",
        b"MX.Ours.TEST; dmarc=pass",
        b"mx.ours.test",
        b"mx.ours.test.; dmarc=pass",
        b"\r\n mx.ours.test\r\n ;\r\n dmarc=pass\r\n",
        b"mx.ours.test 1; dmarc=pass",
        b"mx.ours.test 2; dmarc=pass",
        b"mx.ours.test/1; dmarc=pass",
        b"(hello) mx.ours.test; dmarc=pass",
        b"(evil.test;) mx.ours.test; dmarc=pass",
        b"(a (b (c))) mx.ours.test (d); dmarc=pass",
        b'"mx.ours.test"; dmarc=pass',
        b'"mx\\.ours\\.test"; dmarc=pass',
        b'"MX.ours.test" 1; dmarc=pass',
        b'"mx.ours.test',
        b'"mx".ours.test; dmarc=pass',
        b"mx . ours . test; dmarc=pass",
        b"mx.(x)ours.test; dmarc=pass",
        b"mx.ours.test evil.test; dmarc=pass",
        b"evil.test mx.ours.test; dmarc=pass",
        b"<mx.ours.test>; dmarc=pass",
        b"[mx.ours.test]; dmarc=pass",
        b"mx.ours.test, dmarc=pass",
        b"mx.ours.test: dmarc=pass",
        b"mx.ours.test (unclosed; dmarc=pass",
        b"(unclosed mx.ours.test; dmarc=pass",
        b"mx.ours.test ))); dmarc=pass",
        b"; mx.ours.test; dmarc=pass",
        b" ;; mx.ours.test; dmarc=pass",
        b"=?utf-8?q?mx.ours.test?=; dmarc=pass",
        b"=?utf-8?q?mx=2Eours=2Etest?=; dmarc=pass",
        b"=?utf-8?b?" + base64.b64encode(b"mx.ours.test") + b"?=; dmarc=pass",
        b"mx.\x00ours.test; dmarc=pass",
        b"mx.ours.test\x00; dmarc=pass",
        b"mx.ours.test\x0b; dmarc=pass",
        b"evil.test; dkim=pass\rAuthentication-Results: mx.ours.test; dmarc=pass",
        b"evil.test; dkim=pass\nAuthentication-Results: mx.ours.test; dmarc=pass",
        b"evil.test; dkim=pass\x00mx.ours.test; dmarc=pass",
        "mx.ours\u3002test; dmarc=pass".encode(),
        "ｍｘ．ｏｕｒｓ．ｔｅｓｔ; dmarc=pass".encode(),
        "mx.ou\u00adrs.test; dmarc=pass".encode(),
        "mx.ours.test\u200b; dmarc=pass".encode(),
        "\ufeffmx.ours.test; dmarc=pass".encode(),
        "mx.ourſ.test; dmarc=pass".encode(),
        b"xn--mx-.ours.test; dmarc=pass",  # punycode of "mx"
        "bücher.test; dmarc=pass".encode(),
        "BÜCHER.test; dmarc=pass".encode(),
        "bu\u0308cher.test; dmarc=pass".encode(),
        b"xn--bcher-kva.test; dmarc=pass",
        b"XN--BCHER-KVA.test; dmarc=pass",
        b"evil.test xn--bcher-kva.test; dmarc=pass",
        b"((((((((((((((((((((((((((((" + b"mx.ours.test; dmarc=pass",
        b"(" * (MAX_START_OCTETS + 1),  # that cannot be searched at a bounded cost
        b"evil.test;" + b" " * MAX_FIELD_OCTETS,
        b"evil.test " + b"=?a?q?b?=" * (MAX_ODDITIES + 1),
        b"evil.test " + b"(" * (MAX_ODDITIES + 1),
        "mx.ou\u034frs.test; dmarc=pass".encode(),
        "mx.ours.test\U000e0041; dmarc=pass".encode(),
        b"(())" * (MAX_NESTED_COMMENTS + 1) + b"mx.ours.test;",
    ],
)
def test_claimed(value: bytes) -> None:
    assert claimed(value, OURS)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"evil.test; dmarc=pass",
        b"evil.test",
        b"mx.ours.test.evil.test; dmarc=pass",
        b"notmx.ours.test; dmarc=pass",
        b"ours.test; dmarc=pass",
        b"evil.test (mx.ours.test); dmarc=pass",
        b"(mx.ours.test) evil.test; dmarc=pass",
        b"evil.test; dmarc=pass header.from=mx.ours.test",
        b'evil.test; dmarc=pass reason="mx.ours.test"',
        b"evil.test; mx.ours.test=pass",
        b"mx-ours.test; dmarc=pass",
        b"evil.test /; dmarc=pass",
        "mxouｒｓ.test; dmarc=pass".encode(),
        b"xn--bcher-kvb.test; dmarc=pass",
    ],
)
def test_not_claimed(value: bytes) -> None:
    assert not claimed(value, OURS)


def test_a_long_comment_hides_nothing() -> None:
    assert claimed(b"(" + b"x" * 60_000 + b") mx.ours.test; dmarc=pass", OURS)
    assert not claimed(b"(" + b"x" * 60_000 + b") evil.test; dmarc=pass", OURS)


def test_our_own_names_may_be_spelled_in_any_way() -> None:
    assert claimed(b"mx.ours.test; a=b", ["MX.OURS.TEST."])
    assert claimed("bücher.test; a=b".encode(), ["xn--bcher-kva.test"])
    assert not claimed(b"evil.test; a=b", [])
    assert not claimed(b"evil.test (; a=b", ["", "."])  # a name of nothing is not in everything


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b" (x) MX.ours.test. 1; dmarc=pass", "mx.ours.test"),
        (b'"mx.ours.test"; dmarc=pass', "mx.ours.test"),
        (b"xn--bcher-kva.test; dmarc=pass", "bücher.test"),
        (b"mx . ours . test; dmarc=pass", "mx.ours.test"),
        (b"<mx.ours.test; dmarc=pass", "<mx.ours.test"),
        (b'"mx.ours.test; dmarc=pass', "mx.ours.test"),
        (b"", None),
        (b" ; dmarc=pass", "dmarc=pass"),
        (b"()", None),
    ],
)
def test_claims(value: bytes, found: str | None) -> None:
    assert claims(value) == found


def test_canonical_form() -> None:
    assert canonical("xn--.test") == ".test".strip(".")
    assert canonical("xn--99999999999999999999999.test") == "xn--99999999999999999999999.test"
    assert canonical("xn--ü.test") == "xn--ü.test"
    assert canonical("") == ""


@given(st.binary(max_size=200) | st.text(alphabet='mx.ours.test;()"\\=?qb \r\n\0-', max_size=200).map(str.encode))
def test_whatever_it_is_nothing_is_raised(value: bytes) -> None:
    assert claims(value) != ""
    assert claimed(value, OURS) in (True, False)
    assert claimed(b"mx.ours.test;" + value, OURS)
    assert claimed(b"mx.ours.test (" + value.replace(b";", b""), OURS)


@pytest.mark.parametrize(
    "unit", [b"(", b'"', b"=?a?q?=41?=", b"=?", b"xn--a.", "ü.".encode(), b"\\", b"a ", b"()", b"(())", b"\r"]
)
def test_it_takes_linear_time(unit: bytes) -> None:
    begin = time.process_time()
    for size in (MAX_START_OCTETS, MAX_FIELD_OCTETS, 1_000_000):
        assert claimed(unit * (size // len(unit)), OURS) in (True, False)
        assert claims(unit * (size // len(unit))) != ""
    assert time.process_time() - begin < 0.5
