"""TLS reports: the text in the DNS, JSON both ways, and what hostile reports would do."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.tls_rpt import (
    Failure,
    PolicyResults,
    Report,
    compressed,
    file_name,
    https_place,
    mail_address,
    read_report,
    record_name,
    record_text,
    report_uris,
    to_json,
)
from postroom.mailauth.unpacking import BadReport, unpacked

REPORT = Report(
    organization="A",
    contact="postmaster@a.test",
    report_id="2026-11-26.b.test@a.test",
    begin=1_764_115_200.0,
    end=1_764_201_599.0,
    policies=(
        PolicyResults(
            "sts",
            "b.test",
            ("version: STSv1", "mode: testing"),
            ("*.b.test",),
            5,
            (Failure("certificate-expired", 3, "192.0.2.1", "mx.b.test", "192.0.2.2", "expired"),),
            3,
        ),
        PolicyResults("no-policy-found", "b.test", (), (), 1),
    ),
)
# RFC 8460 Appendix B, shortened
EXAMPLE = b"""{ "organization-name": "Company-X",
 "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
 "contact-info": "sts-reporting@company-x.example", "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
 "policies": [{ "policy": { "policy-type": "sts", "policy-string": ["version: STSv1","mode: testing",
  "mx: *.mail.company-y.example","max_age: 86400"], "policy-domain": "company-y.example",
  "mx-host": "*.mail.company-y.example" },
  "summary": { "total-successful-session-count": 5326, "total-failure-session-count": 303 },
  "failure-details": [{ "result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1",
   "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100 }] }] }"""


@pytest.mark.parametrize(
    ("texts", "uris"),
    [
        ([b"v=TLSRPTv1; rua=mailto:r@b.test"], ("mailto:r@b.test",)),
        ([b"v=TLSRPTv1;rua=mailto:r@b.test , https://b.test/x?y ;"], ("mailto:r@b.test", "https://b.test/x?y")),
        ([b"v=TLSRPTv1; new=x; rua=mailto:r@b.test", b"v=spf1 -all"], ("mailto:r@b.test",)),
        ([b"v=TLSRPTv1; rua=ftp://b.test/,mailto:r@b.test"], ("mailto:r@b.test",)),
        ([b"v=TLSRPTv1; rua=mailto:r@b.test", b"v=TLSRPTv1; rua=mailto:s@b.test"], ()),
        ([b"v=TLSRPTv12; rua=mailto:r@b.test"], ()),
        ([b"v=TLSRPTv1; RUA=mailto:r@b.test"], ()),
        ([b"v=TLSRPTv1; rua=mailto:\xff@b.test"], ()),
        ([b"v=TLSRPTv1"], ()),
        ([], ()),
    ],
)
def test_where_reports_are_wanted(texts: list[bytes], uris: tuple[str, ...]) -> None:
    assert report_uris(texts) == uris


def test_our_own_text() -> None:
    assert report_uris([record_text("a@b.test", "c@b.test").encode()]) == ("mailto:a@b.test", "mailto:c@b.test")
    assert record_name("b.test") == "_smtp._tls.b.test"


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mailto:r@b.test", "r@b.test"),
        ("MAILTO:r%2Bx@b.test?subject=x", "r+x@b.test"),
        ("mailto:r@b.test%0d%0aBcc:x@y.test", ""),
        ("mailto:r", ""),
        ("mailto:a@b@c.test", ""),
        ("https:r@b.test", ""),
    ],
)
def test_addresses(uri: str, address: str) -> None:
    assert mail_address(uri) == address


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("https://B.test/v1/x?y=z", ("b.test", 443, "/v1/x?y=z")),
        ("https://b.test:8443", ("b.test", 8443, "/")),
        ("http://b.test/", None),
        ("https://u:p@b.test/", None),
        ("https://b.test:x/", None),
        ("https://[::1]/", None),
        ("https://b.test/a b", None),
        ("https:///x", None),
    ],
)
def test_places(uri: str, place: tuple[str, int, str] | None) -> None:
    assert https_place(uri) == place


def test_written_and_read_again() -> None:
    assert read_report(to_json(REPORT)) == REPORT
    assert read_report(unpacked(compressed(REPORT), 100_000)) == REPORT
    assert compressed(REPORT) == compressed(REPORT)
    whole = json.loads(to_json(REPORT))
    assert whole["date-range"]["start-datetime"] == "2025-11-26T00:00:00Z"
    assert whole["policies"][0]["policy"]["mx-host"] == ["*.b.test"]
    assert file_name("a.test", "b.test", 1.0, 2.0, "x") == "a.test!b.test!1!2!x.json.gz"


def test_the_example() -> None:
    report = read_report(EXAMPLE)
    (policy,) = report.policies
    assert (policy.successes, policy.failure_count, policy.hosts) == (5326, 303, ("*.mail.company-y.example",))
    assert policy.failures[0].result_type == "certificate-expired"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "no report-id"),
        (b'{"report-id": "x"}', "not a time"),
        (EXAMPLE.replace(b"2016-04-01T00", b"2016-13-01T00"), "not a time"),
        (b"[" * 100_000, "too deep"),
        (EXAMPLE.replace(b'"policies": [', b'"policies": [' + b"1," * 1001), "more than 1000 entries"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_no_report(octets: bytes, why: str) -> None:
    with pytest.raises(BadReport, match=why):
        read_report(octets)


def test_strange_values_do_no_harm() -> None:
    strange = EXAMPLE.replace(b"5326", b"-5").replace(b"303", b'"many"').replace(b'"Company-X"', b"7")
    report = read_report(strange)
    assert (report.organization, report.policies[0].successes, report.policies[0].failure_count) == ("", 0, 100)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(BadReport, match="when it is unpacked"):
        unpacked(bomb, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("octets", [b"\x1f\x8bjunk", gzip.compress(b"x" * 100, mtime=0)[:-9]], ids=["junk", "cut"])
def test_broken_gzip(octets: bytes) -> None:
    with pytest.raises(BadReport):
        unpacked(octets, 1000)


def test_what_is_not_packed_is_bounded_too() -> None:
    assert unpacked(b"x" * 10, 10) == b"x" * 10
    with pytest.raises(BadReport, match="more than 10"):
        unpacked(b"x" * 11, 10)


@given(st.binary(max_size=200))
def test_nothing_but_bad_report_is_raised(octets: bytes) -> None:
    report_uris([b"v=TLSRPTv1;" + octets])
    for tried in (octets, EXAMPLE[:300] + octets, EXAMPLE.replace(b"100", octets)):
        try:
            read_report(unpacked(tried, 10_000))
        except BadReport:
            pass
