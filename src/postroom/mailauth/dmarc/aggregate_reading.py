"""Aggregate reports of others, read from whatever they send (RFC 7489 Appendix C, RFC 9990).

Owns: finding a report in a message, its XML, limits. Never: follows a reference, expands an entity (a document with a
DTD is refused), believes what a report says of itself. Raises: BadReport.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat

from postroom.mailauth.unpacking import BadReport, parts_of_types, unpacked

from .aggregate import AggregateReport, DkimEntry, Published, Reason, Row, SpfEntry

MAX_ROWS = 50_000
MAX_DEPTH = 16
MAX_ELEMENTS = 1000  # of one row, and of what stands around the rows
MAX_TAG = 131_072  # octets of one tag, with whatever attributes
MAX_TEXT = 1000  # characters of any text that is kept
_MAX_COUNT = 1 << 53
_MAX_TIME = 1 << 40
_SLICE = 65_536  # octets that the parser is given at once: a refusal comes before the rest is looked at
_TYPES = frozenset(
    {
        b"application/gzip",
        b"application/x-gzip",
        b"application/zip",
        b"application/x-zip-compressed",
        b"application/xml",
    }
    | {b"application/x-zip", b"application/x-compressed", b"application/octet-stream", b"text/xml"}
)
_STARTS = (b"\x1f\x8b", b"PK\x03\x04", b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\0<")


def find_aggregate(message: bytes) -> bytes | None:
    """The report in a whole message, packed or not; None when nothing in it looks like one."""
    for _, octets in parts_of_types(message, _TYPES):
        if octets.lstrip(b" \t\r\n").startswith(_STARTS):
            return octets
    return None


def read_aggregate(octets: bytes, limit: int) -> AggregateReport:
    """A report, packed or not; `limit`: octets of it, unpacked. Raises BadReport.

    What can be missing may be; unknown elements are passed over.
    """
    document = unpacked(octets, limit, suffix=".xml").lstrip(b" \t\r\n")
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_dtd
    parser.EntityDeclHandler = _refuse_dtd
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        for at in range(0, len(document), _SLICE):
            parser.Parse(document[at : at + _SLICE], False)
            if at - parser.CurrentByteIndex > MAX_TAG:
                raise BadReport(f"a tag of more than {MAX_TAG} octets")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BadReport(f"not XML: {error}") from error
    except (LookupError, ValueError) as error:  # an encoding that is none; BadReport is a ValueError
        if isinstance(error, BadReport):
            raise
        raise BadReport(f"not XML: {error}") from error
    return reading.report()


def _refuse_dtd(*_: object) -> None:
    raise BadReport("it has a document type declaration")


@dataclass(slots=True)
class _Element:
    name: str
    text: str = ""
    children: list["_Element"] = field(default_factory=list)

    def of(self, *names: str) -> "_Element":
        """The first element by that path; an empty one when there is none."""
        found = self
        for name in names:
            found = next((child for child in found.children if child.name == name), _Element(name))
        return found

    def all(self, name: str) -> Iterable["_Element"]:
        return (child for child in self.children if child.name == name)

    def value(self, *names: str) -> str:
        return self.of(*names).text.strip()


class _Reading:
    """Takes what the parser finds. Each row becomes a value as soon as it ends, so that only one is there as a tree."""

    def __init__(self) -> None:
        self._root = _Element("")
        self._stack = [self._root]
        self._elements = 0
        self._rows: list[Row] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._stack) > MAX_DEPTH:
            raise BadReport(f"more than {MAX_DEPTH} elements within each other")
        if self._elements > MAX_ELEMENTS:
            raise BadReport(f"more than {MAX_ELEMENTS} elements that are no row's")
        one = _Element(name.rpartition(":")[2][:MAX_TEXT])  # namespaces differ, or are missing
        self._stack[-1].children.append(one)
        self._stack.append(one)

    def end(self, _name: str) -> None:
        one = self._stack.pop()
        if one.name == "record" and len(self._stack) == 2:
            if len(self._rows) >= MAX_ROWS:
                raise BadReport(f"more than {MAX_ROWS} rows")
            self._rows.append(_row(one))
            self._stack[-1].children.pop()
            self._elements = 0

    def text(self, data: str) -> None:
        one = self._stack[-1]
        if len(one.text) < MAX_TEXT:
            one.text = (one.text + data)[:MAX_TEXT]

    def report(self) -> AggregateReport:
        feedback = self._root.of("feedback")
        metadata = feedback.of("report_metadata")
        if not metadata.children:
            raise BadReport("no report_metadata")
        report_id, domain = metadata.value("report_id"), feedback.value("policy_published", "domain")
        if not report_id or not domain:
            raise BadReport(f"no {'domain' if report_id else 'report_id'}")
        return AggregateReport(
            organization=metadata.value("org_name"),
            email=metadata.value("email"),
            report_id=report_id,
            begin=_time(metadata.value("date_range", "begin")),
            end=_time(metadata.value("date_range", "end")),
            published=_published(feedback.of("policy_published"), domain),
            rows=tuple(self._rows),
            extra_contact=metadata.value("extra_contact_info"),
            errors=tuple(one.text.strip() for one in metadata.all("error")),
            generator=metadata.value("generator"),
        )


def _published(one: _Element, domain: str) -> Published:
    return Published(
        domain=domain.lower(),
        p=one.value("p").lower() or "none",
        sp=one.value("sp").lower(),
        np=one.value("np").lower(),
        adkim=one.value("adkim").lower() or "r",
        aspf=one.value("aspf").lower() or "r",
        fo=one.value("fo").lower() or "0",
        testing=one.value("testing").lower() or "n",
        discovery_method=one.value("discovery_method").lower(),
        pct=one.value("pct"),
    )


def _row(one: _Element) -> Row:
    row, identifiers, results = one.of("row"), one.of("identifiers"), one.of("auth_results")
    evaluated = row.of("policy_evaluated")
    return Row(
        source_ip=row.value("source_ip"),
        count=_count(row.value("count")),
        disposition=evaluated.value("disposition").lower(),
        dkim=evaluated.value("dkim").lower(),
        spf=evaluated.value("spf").lower(),
        header_from=identifiers.value("header_from").lower(),
        envelope_from=identifiers.value("envelope_from").lower(),
        envelope_to=identifiers.value("envelope_to").lower(),
        reasons=tuple(Reason(reason.value("type"), reason.value("comment")) for reason in evaluated.all("reason")),
        dkim_results=tuple(
            DkimEntry(
                found.value("domain").lower(),
                found.value("selector"),
                found.value("result").lower(),
                found.value("human_result"),
            )
            for found in results.all("dkim")
        ),
        spf_results=tuple(
            SpfEntry(
                found.value("domain").lower(),
                found.value("result").lower(),
                found.value("scope").lower(),
                found.value("human_result"),
            )
            for found in results.all("spf")
        ),
    )


def _number(text: str, most: int) -> int | None:
    digits = text.partition(".")[0]  # some write times with a fraction
    return min(int(digits), most) if len(digits) < 20 and digits.isascii() and digits.isdigit() else None


def _count(text: str) -> int:
    return _number(text, _MAX_COUNT) or 0


def _time(text: str) -> int:
    found = _number(text, _MAX_TIME)
    if found is None:
        raise BadReport(f"not a time: {text[:40]!r}")
    return found
