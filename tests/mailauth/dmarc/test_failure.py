"""Failure reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.dmarc.failure import MAX_VALUE, MAX_VALUES, FailureReport, read_failure

FIELDS = b"""Feedback-Type: auth-failure
User-Agent: Someone/1.0
Version: 1
Original-Mail-From: <x@sender.test>
Source-IP: 192.0.2.1
Reported-Domain: Example.Test
Arrival-Date: Thu, 26 Nov 2026 10:00:00 +0000
Auth-Failure: (because) bodyhash (it was changed)
Delivery-Result: reject
Identity-Alignment: none
DKIM-Domain: example.test
DKIM-Identity: @example.test
DKIM-Selector: s1
SPF-DNS: txt : sender.test : "v=spf1 -all"
Incidents: 3
"""


def message(fields: bytes, original: bytes = b"From: a@example.test\nSubject: Hello\nMessage-ID: <1@x>\n\nbody\n",
            kind: bytes = b"message/rfc822") -> bytes:  # fmt: skip
    return (
        b"From: r@reporter.test\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nhello\n"
        b"--b\nContent-Type: message/feedback-report\n\n" + fields + b"\n"
        b"--b\nContent-Type: " + kind + b"\n\n" + original + b"\n--b--\n"
    ).replace(b"\n", b"\r\n")  # fmt: skip


EXPECTED = FailureReport(
    "bodyhash",
    "reject",
    "example.test",
    "192.0.2.1",
    "Thu, 26 Nov 2026 10:00:00 +0000",
    "<x@sender.test>",
    "none",
    "example.test",
    "s1",
    "@example.test",
    ('txt : sender.test : "v=spf1 -all"',),
    "Someone/1.0",
    "a@example.test",
    "Hello",
    "<1@x>",
    3,
)


@pytest.mark.parametrize("kind", [b"message/rfc822", b"text/rfc822-headers"])
def test_a_report(kind: bytes) -> None:
    assert read_failure(message(FIELDS, kind=kind)) == EXPECTED
    assert read_failure(message(FIELDS).replace(b"\r\n", b"\n")) == EXPECTED


def test_little_is_enough() -> None:
    assert read_failure(message(b"Feedback-Type: Auth-Failure\n", b"")) == FailureReport("")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Subject: x\r\n\r\nFeedback-Type: auth-failure\r\n",
        message(b"Feedback-Type: abuse\n"),
        message(FIELDS).replace(b"message/feedback-report", b"text/plain"),
    ],
)
def test_what_is_none(octets: bytes) -> None:
    assert read_failure(octets) is None


def test_limits() -> None:
    long = b"Feedback-Type: auth-failure\nUser-Agent: " + b"x" * 20_000 + b"\n" + b'SPF-DNS: "y"\n' * 1000
    found = read_failure(message(long, b"Subject: " + b"z" * 200_000))
    assert found is not None
    assert (len(found.reporter), len(found.spf_dns), len(found.original_subject)) == (MAX_VALUE, MAX_VALUES, MAX_VALUE)


def test_what_would_steer_a_terminal_is_replaced() -> None:
    found = read_failure(message(b"Feedback-Type: auth-failure\nUser-Agent: a\x1b[2Jb\n"))
    assert found is not None
    assert found.reporter == "a\N{REPLACEMENT CHARACTER}[2Jb"


@pytest.mark.parametrize("count", ["0", "-1", "x", "9" * 12])
def test_incidents_that_are_no_number(count: str) -> None:
    found = read_failure(message(FIELDS.replace(b"Incidents: 3", f"Incidents: {count}".encode())))
    assert found is not None
    assert found.incidents == 1


@given(st.binary(max_size=200))
def test_nothing_is_raised(octets: bytes) -> None:
    read_failure(octets)
    read_failure(message(FIELDS[:100] + octets, octets))
