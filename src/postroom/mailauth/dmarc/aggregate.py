"""DMARC aggregate reports: what they say, and how they are written (RFC 9990, written from its known rules: the schema
of RFC 7489 Appendix C with np, testing, discovery_method and generator, without pct).

Owns: the values of a report, its XML, file name and subject. Never: reads others' (aggregate_reading does), sends,
counts. Raises: nothing.
"""

import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from .record import Policy, Record

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
MAX_SIGNATURES = 100  # of one row (RFC 9990)
# What may not stand in XML 1.0 at all, however it is written
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something else was done than the record wishes; `kind` is a word of PolicyOverrideType."""

    kind: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class DkimEntry:
    """What DKIM says of one signature."""

    domain: str
    selector: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class SpfEntry:
    """What SPF says of one identity; `scope`: "mfrom", or "helo" in old reports."""

    domain: str
    result: str
    scope: str = "mfrom"
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Messages that are alike in all this. `dkim` and `spf`: "pass" when aligned, else "fail"."""

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    reasons: tuple[Reason, ...] = ()
    dkim_results: tuple[DkimEntry, ...] = ()
    spf_results: tuple[SpfEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """The record that was gone by; what it does not say is "" or has its default."""

    domain: str
    p: str = "none"
    sp: str = ""
    np: str = ""
    adkim: str = "r"
    aspf: str = "r"
    fo: str = "0"
    testing: str = "n"
    discovery_method: str = ""  # "treewalk" or "psl"
    pct: str = ""  # of old reports


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """Of one receiver on the domains under one record. `begin` and `end`: Unix seconds."""

    organization: str
    email: str
    report_id: str
    begin: int
    end: int
    published: Published
    rows: tuple[Row, ...]
    extra_contact: str = ""
    errors: tuple[str, ...] = ()
    generator: str = ""

    @property
    def count(self) -> int:
        """Messages in all."""
        return sum(row.count for row in self.rows)


def published_of(record: Record, domain: str, *, by_list: bool = False) -> Published:
    """A record as reports have it; `domain` is where it stands."""
    return Published(
        domain=domain,
        p=(record.p or Policy.NONE).value,
        sp=record.sp.value if record.sp else "",
        np=record.np.value if record.np else "",
        adkim="s" if record.strict_dkim else "r",
        aspf="s" if record.strict_spf else "r",
        fo=":".join(record.fo),
        testing="y" if record.testing else "n",
        discovery_method="psl" if by_list else "treewalk",
    )


def file_name(submitter: str, report: AggregateReport, token: str) -> str:
    """RFC 7489 §7.2.1.1; `token`: letters and digits, the same whenever the report is sent again."""
    return f"{submitter}!{report.published.domain}!{report.begin}!{report.end}!{token}.xml.gz"


def subject(submitter: str, report: AggregateReport) -> str:
    """RFC 7489 §7.2.1.1."""
    return f"Report Domain: {report.published.domain} Submitter: {submitter} Report-ID: <{report.report_id}>"


def compressed(report: AggregateReport) -> bytes:
    """The same report always as the same octets."""
    return gzip.compress(to_xml(report), mtime=0)


def to_xml(report: AggregateReport) -> bytes:
    """The whole document, in UTF-8."""
    published = report.published
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feedback xmlns="{NAMESPACE}">',
        " <version>1.0</version>",
        " <report_metadata>",
        *_elements(
            2,
            ("org_name", report.organization),
            ("email", report.email),
            ("extra_contact_info", report.extra_contact),
            ("report_id", report.report_id),
        ),
        "  <date_range>",
        *_elements(3, ("begin", str(report.begin)), ("end", str(report.end))),
        "  </date_range>",
        *_elements(2, ("error", "; ".join(report.errors)), ("generator", report.generator)),
        " </report_metadata>",
        " <policy_published>",
        *_elements(
            2,
            *[
                (name, getattr(published, name))
                for name in ("domain", "discovery_method", "p", "sp", "np", "fo", "adkim", "aspf", "testing")
            ],
        ),
        " </policy_published>",
    ]
    for row in report.rows:
        lines += _record(row)
    lines.append("</feedback>\n")
    return "\n".join(lines).encode("utf-8")


def _record(row: Row) -> Iterable[str]:
    yield from (" <record>", "  <row>")
    yield from _elements(3, ("source_ip", row.source_ip), ("count", str(row.count)))
    yield "   <policy_evaluated>"
    yield from _elements(4, ("disposition", row.disposition), ("dkim", row.dkim), ("spf", row.spf))
    for reason in row.reasons:
        yield from _nested(4, "reason", ("type", reason.kind), ("comment", reason.comment))
    yield from ("   </policy_evaluated>", "  </row>", "  <identifiers>")
    yield from _elements(3, ("header_from", row.header_from))
    yield f"   <envelope_from>{_text(row.envelope_from)}</envelope_from>"  # empty for MAIL FROM:<>
    yield from _elements(3, ("envelope_to", row.envelope_to))
    yield from ("  </identifiers>", "  <auth_results>")
    for one in row.dkim_results[:MAX_SIGNATURES]:
        signature = (("domain", one.domain), ("selector", one.selector), ("result", one.result))
        yield from _nested(3, "dkim", *signature, ("human_result", one.human_result))
    for spf in row.spf_results[:1]:
        identity = (("domain", spf.domain), ("scope", spf.scope), ("result", spf.result))
        yield from _nested(3, "spf", *identity, ("human_result", spf.human_result))
    yield from ("  </auth_results>", " </record>")


def _nested(depth: int, name: str, *elements: tuple[str, str]) -> Iterable[str]:
    yield f"{' ' * depth}<{name}>"
    yield from _elements(depth + 1, *elements)
    yield f"{' ' * depth}</{name}>"


def _elements(depth: int, *elements: tuple[str, str]) -> Sequence[str]:
    """Those with a text; what is empty may be left out."""
    return [f"{' ' * depth}<{name}>{_text(text)}</{name}>" for name, text in elements if text]


def _text(text: str) -> str:
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text), quote=False)
