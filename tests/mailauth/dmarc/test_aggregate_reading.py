"""Aggregate reports of others: old ones, new ones, broken ones, hostile ones."""

import gzip
import io
import time
import zipfile
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mailauth.dmarc.test_aggregate import REPORT

from postroom.mailauth.dmarc.aggregate import DkimEntry, Published, Reason, Row, SpfEntry, to_xml
from postroom.mailauth.dmarc.aggregate_reading import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_ROWS,
    MAX_TAG,
    MAX_TEXT,
    find_aggregate,
    read_aggregate,
)
from postroom.mailauth.unpacking import BadReport

# As RFC 7489 Appendix C has it, and as many old senders write it
OLD = b"""<?xml version="1.0"?>
<feedback>
  <report_metadata>
    <org_name>Old Sender</org_name><email>dmarc@old.test</email>
    <extra_contact_info>https://old.test/</extra_contact_info>
    <report_id>12345</report_id>
    <date_range><begin>1795651200</begin><end>1795737599.9</end></date_range>
    <error>one</error><error>two</error>
  </report_metadata>
  <policy_published>
    <domain>Example.Test</domain><adkim>r</adkim><aspf>s</aspf><p>REJECT</p><sp>none</sp><pct>50</pct>
  </policy_published>
  <record>
    <row>
      <source_ip> 192.0.2.1 </source_ip><count>3</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
        <reason><type>forwarded</type><comment/></reason></policy_evaluated>
    </row>
    <identifiers><header_from>Example.Test</header_from></identifiers>
    <auth_results>
      <dkim><domain>example.test</domain><result>pass</result></dkim>
      <spf><domain>h.test</domain><scope>helo</scope><result>none</result></spf>
      <spf><domain>x.test</domain><scope>mfrom</scope><result>softfail</result></spf>
    </auth_results>
  </record>
</feedback>
"""


def test_an_old_report() -> None:
    report = read_aggregate(OLD, 10_000)
    assert (report.organization, report.report_id, report.errors) == ("Old Sender", "12345", ("one", "two"))
    assert (report.begin, report.end) == (1_795_651_200, 1_795_737_599)
    assert report.published == Published("example.test", "reject", "none", "", "r", "s", "0", "n", "", "50")
    assert report.rows == (
        Row("192.0.2.1", 3, "none", "pass", "fail", "example.test", reasons=(Reason("forwarded"),),
            dkim_results=(DkimEntry("example.test", "", "pass"),),
            spf_results=(SpfEntry("h.test", "none", "helo"), SpfEntry("x.test", "softfail"))),
    )  # fmt: skip


def test_prefixes_and_extensions() -> None:
    text = to_xml(REPORT).replace(
        b"</policy_published>", b"</policy_published><extension><e:x xmlns:e='u'/></extension>"
    )
    assert read_aggregate(text, 100_000) == REPORT
    prefixed = OLD.replace(b"<feedback>", b'<d:feedback xmlns:d="u">').replace(b"</feedback>", b"</d:feedback>")
    assert read_aggregate(prefixed, 10_000) == read_aggregate(OLD, 10_000)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
def test_other_encodings(encoding: str) -> None:
    text = OLD.decode().replace("Old Sender", "Älter").replace('"1.0"', f'"1.0" encoding="{encoding}"')
    assert read_aggregate(text.encode(encoding), 100_000).organization == "Älter"


def laughs() -> bytes:
    entities = [b'<!ENTITY a0 "ha">'] + [
        b"<!ENTITY a%d %s>" % (at, b'"' + b"&a%d;" % (at - 1) * 10 + b'"') for at in range(1, 10)
    ]
    return b"<?xml version='1.0'?><!DOCTYPE feedback [" + b"".join(entities) + b"]><feedback>&a9;</feedback>"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not XML"),
        (b"hello", "not XML"),
        (b"<feedback>", "not XML"),
        (OLD[:-40], "not XML"),
        (b"<feedback/>", "no report_metadata"),
        (b"<html><body/></html>", "no report_metadata"),
        (OLD.replace(b"12345", b""), "no report_id"),
        (OLD.replace(b"Example.Test</domain>", b"</domain>"), "no domain"),
        (OLD.replace(b"1795651200", b"yesterday"), "not a time"),
        (OLD.replace(b"1795651200", b""), "not a time"),
        (laughs(), "document type"),
        (b'<!DOCTYPE f SYSTEM "file:///etc/passwd"><feedback/>', "document type"),
        (b'<!DOCTYPE f [<!ENTITY x SYSTEM "http://evil.test/">]><feedback>&x;</feedback>', "document type"),
        (b'<!DOCTYPE f [<!ENTITY % x SYSTEM "http://evil.test/"> %x;]><feedback/>', "document type"),
        (b"<feedback>&undefined;</feedback>", "not XML"),
        (b"<?xml version='1.0' encoding='nonsense'?><feedback/>", "not XML"),
        (b"<?xml version='1.0' encoding='base64'?><feedback/>", "not XML"),
        (b"<feedback " + b"a" * (2 * MAX_TAG), "a tag of more"),
        (b"<feedback " + b"a='1' " * MAX_TAG, "a tag of more"),
        (b"<feedback><!-- " + b"x" * (2 * MAX_TAG), "a tag of more"),
        (b"<feedback>" + b"<a>" * MAX_DEPTH, "within each other"),
        (b"<feedback>" + b"<a/>" * MAX_ELEMENTS, "no row's"),
        (b"<feedback><record>" + b"<a/>" * MAX_ELEMENTS, "no row's"),
        (b"<feedback>" + b"<record/>" * (MAX_ROWS + 1), "rows"),
    ],
)
def test_what_is_no_report(document: bytes, why: str) -> None:
    for packed in (document, gzip.compress(document)):
        with pytest.raises(BadReport, match=why):
            read_aggregate(packed, 1_000_000)


@pytest.mark.parametrize("piece", [b"x", b"&#65;", b"\xc3\xa4", b"\n", b"<![CDATA[x]]>", b"<!-- x -->"])
def test_texts_are_cut(piece: bytes) -> None:
    report = read_aggregate(OLD.replace(b"Old Sender", b"x" * MAX_TEXT + piece * 400_000), 10_000_000)
    assert report.organization == "x" * MAX_TEXT


def test_counts_that_are_none() -> None:
    for count in (b"-1", b"x", b"", "²".encode(), b"9" * 30):
        assert read_aggregate(OLD.replace(b">3<", b">" + count + b"<"), 10_000).rows[0].count == 0


def test_a_large_report_is_read_within_its_bounds() -> None:
    record = OLD[OLD.index(b"<record>") : OLD.index(b"</feedback>")]
    large = OLD.replace(record, record * 10_000)
    began = time.process_time()
    assert len(read_aggregate(gzip.compress(large), 10_485_760).rows) == 10_000
    assert time.process_time() - began < 5


def message(kind: str, octets: bytes) -> bytes:
    return (
        b"Subject: Report Domain: example.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: %b\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n%b--b--\r\n" % (kind.encode(), encodebytes(octets))
    )


def zipped(octets: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("old.test!example.test!1!2.xml", octets)
    return whole.getvalue()


@pytest.mark.parametrize(
    "whole",
    [
        message("application/gzip", gzip.compress(OLD)),
        message("application/zip; name=x.zip", zipped(OLD)),
        message("application/octet-stream", zipped(OLD)),
        message("text/xml", OLD),
        message("text/xml", b"\n" + OLD),
        b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encodebytes(zipped(OLD)),
    ],
)
def test_reports_in_messages(whole: bytes) -> None:
    found = find_aggregate(whole)
    assert found is not None
    assert read_aggregate(found, 10_000).report_id == "12345"


@pytest.mark.parametrize(
    "whole",
    [b"", b"Subject: x\r\n\r\n<feedback/>", message("image/png", OLD), message("application/octet-stream", b"\x89PNG")],
)
def test_messages_without_a_report(whole: bytes) -> None:
    assert find_aggregate(whole) is None


@given(st.integers(0, len(OLD)), st.binary(max_size=20))
def test_nothing_but_bad_report_is_raised(at: int, noise: bytes) -> None:
    try:
        read_aggregate(OLD[:at] + noise + OLD[at + len(noise) :], 10_000)
    except BadReport:
        pass
