"""Reports as messages."""

import email
import email.policy
import gzip

import pytest

from postroom.delivery.tls_report_mail import compose_report, find_report
from postroom.mailauth.tls_rpt import PolicyResults, Report, read_report, to_json
from postroom.mailauth.unpacking import unpacked

REPORT = Report(
    "A", "tls@a.test", "2026-11-25.b.test@mail.a.test", 0.0, 86_399.0, (PolicyResults("sts", "b.test", (), (), 5),)
)


def composed() -> bytes:
    return compose_report(REPORT, domain="b.test", submitter="a.test", to="r@b.test", date=90_000.0, token="x1")


def test_the_form() -> None:
    """RFC 8460 §5.3, as the standard library reads it."""
    message = email.message_from_bytes(composed(), policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == ("b.test", "a.test")
    assert message["Subject"] == "Report Domain: b.test Submitter: a.test Report-ID: <2026-11-25.b.test@mail.a.test>"
    assert message["TLS-Required"] == "No"
    assert (message["From"], message["To"]) == ("tls@a.test", "r@b.test")
    text, packed = message.iter_parts()
    assert "aggregate TLS report from a.test" in text.get_content()
    assert packed.get_content_type() == "application/tlsrpt+gzip"
    assert packed.get_filename() == "a.test!b.test!0!86399!x1.json.gz"
    assert gzip.decompress(packed.get_content()) == to_json(REPORT)
    assert all(len(line) <= 998 for line in composed().split(b"\r\n"))


def test_what_is_composed_is_found() -> None:
    packed = find_report(composed())
    assert packed is not None
    assert read_report(unpacked(packed, 100_000)) == REPORT


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"Content-Type: application/tlsrpt+json\r\n\r\n{}\r\n", b"{}\r\n"),
        (
            b"Content-Type: APPLICATION/TLSRPT+GZIP; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n",
            b"\0\1\2",
        ),
        (b"Content-Type: text/plain\r\n\r\n{}\r\n", None),
        (b"\r\n", None),
        (b"", None),
    ],
)
def test_other_messages(octets: bytes, found: bytes | None) -> None:
    assert find_report(octets) == found
