"""Reports on single messages that failed (RFC 6591 in the form of RFC 5965; RFC 9991), read.

Owns: finding such a report in a message, its fields, limits. Never: writes them (they would show others' mail to
strangers), keeps the message that was reported on beyond its header. Raises: nothing; a message without a report is
None.
"""

import re
from dataclasses import dataclass

from postroom.mailauth.unpacking import parts_of_types
from postroom.message import index_header

MAX_FIELDS_OCTETS = 65_536  # of the report's fields, and of the header that is shown
MAX_VALUE = 1000  # characters of any value
MAX_VALUES = 20  # of a field that may stand there several times
_REPORT = b"message/feedback-report"
_HEADER_END = re.compile(rb"\n\r?\n")
_COMMENT = re.compile(r"\([^()]*\)")
_ORIGINALS = frozenset({b"message/rfc822", b"message/global", b"text/rfc822-headers", b"message/rfc822-headers"})


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What one says; "" is what it does not say. `auth_failure`: a word of RFC 6591 §3.3, or "dmarc"."""

    auth_failure: str
    delivery_result: str = ""
    reported_domain: str = ""
    source_ip: str = ""
    arrival_date: str = ""
    mail_from: str = ""
    identity_alignment: str = ""  # which methods were aligned (RFC 7489 §7.3.1)
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_identity: str = ""
    spf_dns: tuple[str, ...] = ()
    reporter: str = ""  # User-Agent
    original_from: str = ""
    original_subject: str = ""
    original_message_id: str = ""
    incidents: int = 1


def read_failure(message: bytes) -> FailureReport | None:
    """The failure report in a whole message."""
    fields: bytes | None = None
    original = b""
    for kind, octets in parts_of_types(message, _ORIGINALS | {_REPORT}):
        if kind == _REPORT:
            fields = fields if fields is not None else octets[:MAX_FIELDS_OCTETS]
        elif not original:
            end = _HEADER_END.search(octets, 0, MAX_FIELDS_OCTETS)
            original = octets[: end.end() if end else MAX_FIELDS_OCTETS]
    if fields is None:
        return None
    report, header = index_header(fields), index_header(original)

    def one(name: bytes) -> str:
        return _value(report.first(name) or b"")

    if one(b"feedback-type").lower() != "auth-failure":
        return None
    return FailureReport(
        auth_failure=_COMMENT.sub("", one(b"auth-failure")).strip().lower(),
        delivery_result=_COMMENT.sub("", one(b"delivery-result")).strip().lower(),
        reported_domain=one(b"reported-domain").lower(),
        source_ip=one(b"source-ip"),
        arrival_date=one(b"arrival-date") or one(b"received-date"),
        mail_from=one(b"original-mail-from"),
        identity_alignment=one(b"identity-alignment").lower(),
        dkim_domain=one(b"dkim-domain").lower(),
        dkim_selector=one(b"dkim-selector"),
        dkim_identity=one(b"dkim-identity"),
        spf_dns=tuple(_value(value) for value in report.all(b"spf-dns")[:MAX_VALUES]),
        reporter=one(b"user-agent"),
        original_from=_value(header.first(b"from") or b""),
        original_subject=_value(header.first(b"subject") or b""),
        original_message_id=_value(header.first(b"message-id") or b""),
        incidents=_incidents(one(b"incidents")),
    )


def _incidents(text: str) -> int:
    return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else 1


def _value(value: bytes) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in value[: 4 * MAX_VALUE].decode("utf-8", "replace")[:MAX_VALUE]
    )
