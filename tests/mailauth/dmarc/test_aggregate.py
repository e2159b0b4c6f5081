"""Aggregate reports as they are written."""

from xml.etree import ElementTree

from postroom.mailauth.dmarc.aggregate import (
    MAX_SIGNATURES,
    NAMESPACE,
    AggregateReport,
    DkimEntry,
    Published,
    Reason,
    Row,
    SpfEntry,
    compressed,
    file_name,
    published_of,
    subject,
    to_xml,
)
from postroom.mailauth.dmarc.aggregate_reading import read_aggregate
from postroom.mailauth.dmarc.record import read_record

ROW = Row(
    "192.0.2.1",
    7,
    "quarantine",
    "fail",
    "pass",
    "a.example.test",
    "b.example.test",
    reasons=(Reason("policy_test_mode", "t=y"),),
    dkim_results=(DkimEntry("example.test", "s1", "pass"), DkimEntry("list.test", "s2", "fail", "body <changed>")),
    spf_results=(SpfEntry("b.example.test", "pass"),),
)
REPORT = AggregateReport(
    "Receiver & Sons",
    "reports@receiver.test",
    "2026-11-26.example.test@receiver.test",
    1_795_651_200,
    1_795_737_599,
    Published("example.test", "reject", "quarantine", "reject", "s", "r", "1:d", "y", "treewalk"),
    (ROW, Row("2001:db8::1", 1, "pass", "pass", "pass", "example.test")),
    generator="Postroom",
)


def test_what_is_written_can_be_read() -> None:
    assert read_aggregate(to_xml(REPORT), 100_000) == REPORT
    assert read_aggregate(compressed(REPORT), 100_000) == REPORT
    assert compressed(REPORT) == compressed(REPORT)
    assert REPORT.count == 8


def test_the_order_of_elements_is_that_of_the_schema() -> None:
    root = ElementTree.fromstring(to_xml(REPORT))
    ns = f"{{{NAMESPACE}}}"

    def names(path: str) -> list[str]:
        found = root.find("/".join(ns + step for step in path.split("/")) if path else ".")
        assert found is not None
        return [child.tag.removeprefix(ns) for child in found]

    assert root.tag == f"{ns}feedback"
    assert names("") == ["version", "report_metadata", "policy_published", "record", "record"]
    assert names("record") == ["row", "identifiers", "auth_results"]
    assert names("record/row") == ["source_ip", "count", "policy_evaluated"]
    assert names("record/row/policy_evaluated") == ["disposition", "dkim", "spf", "reason"]
    assert names("record/auth_results") == ["dkim", "dkim", "spf"]
    assert names("record/auth_results/dkim") == ["domain", "selector", "result"]
    assert set(names("policy_published")) == {
        "domain", "discovery_method", "p", "sp", "np", "fo", "adkim", "aspf", "testing"
    }  # fmt: skip
    assert root.findtext(f"{ns}version") == "1.0"


def test_hostile_texts_stay_texts() -> None:
    evil = "</domain><p>none</p>\0\ud800]]>&lt;"
    row = Row("192.0.2.1", 1, "none", "fail", "fail", evil, evil, dkim_results=(DkimEntry(evil, evil, "fail", evil),))
    report = AggregateReport(evil, "a@b.test", "1", 0, 1, Published(evil), (row,))
    read = read_aggregate(to_xml(report), 100_000)
    assert read.organization == "</domain><p>none</p>\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}]]>&lt;"
    assert read.rows[0].dkim_results[0].domain == read.organization
    assert len(read.rows) == 1


def test_an_empty_return_path_is_told() -> None:
    assert b"<envelope_from></envelope_from>" in to_xml(REPORT)


def test_the_number_of_signatures_is_limited() -> None:
    signatures = tuple(DkimEntry("b.test", f"s{at}", "pass") for at in range(300))
    row = Row("192.0.2.1", 1, "none", "pass", "fail", "b.test", dkim_results=signatures)
    report = AggregateReport("x", "a@b.test", "1", 0, 1, Published("b.test"), (row,))
    assert to_xml(report).count(b"<dkim><") + to_xml(report).count(b"<selector>") == MAX_SIGNATURES


def test_names() -> None:
    assert file_name("receiver.test", REPORT, "x1") == "receiver.test!example.test!1795651200!1795737599!x1.xml.gz"
    assert subject("receiver.test", REPORT) == (
        "Report Domain: example.test Submitter: receiver.test Report-ID: <2026-11-26.example.test@receiver.test>"
    )


def test_a_record_as_it_is_published() -> None:
    record = read_record(b"v=DMARC1; p=reject; sp=none; adkim=s; fo=1:d; t=y; rua=mailto:a@b.test")
    assert record is not None
    assert published_of(record, "b.test") == Published("b.test", "reject", "none", "", "s", "r", "1:d", "y", "treewalk")
    record = read_record(b"v=DMARC1; rua=mailto:a@b.test")
    assert record is not None
    assert published_of(record, "b.test", by_list=True) == Published("b.test", discovery_method="psl")
