"""Reports about deliveries: multipart/report with message/delivery-status (RFC 3464, 6522, 3461 §6, 6533).

Owns: the text for people, the fields for programs, the frame around the returned message. Never: decides whether a
report is due, sends it (with the null reverse-path, RFC 3461 §6.1), reads the original. Raises: nothing.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from .compose import clean, encode_body, format_raw_field
from .dates import format_date
from .plain_words import explain

_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # RFC 6533 §3
_SMTP_REPLY = re.compile(r"[2-5]\d\d(?:[ -]|$)")
_MAX_DIAGNOSTIC = 2000
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


class Action(enum.Enum):
    """RFC 3464 §2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # handed to a server that gives no reports
    EXPANDED = "expanded"


class Returned(enum.Enum):
    """What of the original goes into the third part (RFC 3461 §6.2)."""

    HEADERS = "headers"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What became of the message for one recipient."""

    final: str  # the address that was tried
    action: Action
    status: str  # RFC 3463: "5.1.1"
    original: str | None = None  # ORCPT as received: "rfc822;bob+2Btag@example.net"
    diagnostic: str = ""  # the remote server's reply, "550 5.1.1 No such user", or our own words
    remote_mta: str = ""  # the name of the server that replied; "" when none did
    last_attempt: float | None = None
    will_retry_until: float | None = None  # for Action.DELAYED


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One report: about one message, for one or several recipients."""

    reporting_mta: str
    recipients: Sequence[RecipientReport]
    arrival: float | None = None
    deliver_by: float | None = None  # RFC 2852 §5
    envelope_id: str | None = None  # ENVID, decoded
    queue_id: str = ""  # what the operator can look for in the log
    subject: str = ""  # of the original, decoded, for the person who reads


@dataclass(frozen=True, slots=True)
class Dsn:
    """A report as the two ends of a message: send `prefix`, then the original's octets, then `suffix`.

    The original's octets are its header (Returned.HEADERS, blank line or not) or the whole of it (Returned.FULL).
    """

    prefix: bytes
    suffix: bytes
    eight_bit: bool  # the report must travel with BODY=8BITMIME
    utf8: bool  # … and with SMTPUTF8

    def whole(self, original: bytes) -> bytes:
        """The message in one piece, for originals known to be small."""
        return self.prefix + original + self.suffix


def compose_dsn(
    report: DeliveryReport,
    *,
    to: str,
    date: float,
    token: str,
    returned: Returned,
    original_8bit: bool = False,
    utf8: bool = False,
) -> Dsn:
    """The report for `to`, the original's sender.

    `token` is unguessable: it makes the Message-ID and a boundary that the original cannot contain. `original_8bit`
    says that what is returned is not all ASCII; `utf8` that the original came with SMTPUTF8 and the way back takes it.
    """
    boundary = f"=_{token}"
    status, status_8bit = _delivery_status(report, utf8)
    text_head, text = encode_body(_text(report, date))
    kind = {Action.FAILED: "failed", Action.DELAYED: "delayed"}
    subject = {"failed": "Your message could not be delivered", "delayed": "Your message is delayed"}
    worst = next((kind[a] for a in kind if any(r.action is a for r in report.recipients)), "")
    eight_bit = original_8bit or status_8bit
    encoding = b"8bit" if original_8bit else b"7bit"
    utf8_original = utf8 and original_8bit  # RFC 6533 §4.4: the older types serve when all is ASCII
    if returned is Returned.FULL:
        third = b"message/global" if utf8_original else b"message/rfc822"
    else:
        third = b"message/global-headers" if utf8_original else b"text/rfc822-headers"
    delimiter = b"\r\n--%b" % boundary.encode()
    prefix = b"".join(
        (
            format_raw_field("Date", format_date(date)),
            format_raw_field("From", f"Mail Delivery System <postmaster@{report.reporting_mta}>"),
            format_raw_field("To", clean(to)),
            format_raw_field("Subject", subject.get(worst, "Your message was delivered")),
            format_raw_field("Message-ID", f"<{token}@{report.reporting_mta}>"),
            b"Auto-Submitted: auto-replied\r\n",  # RFC 3834 §5
            b"MIME-Version: 1.0\r\n",
            b'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="%b"\r\n' % boundary.encode(),
            b"Content-Transfer-Encoding: 8bit\r\n" if eight_bit else b"",
            b"\r\nThis is a delivery report in MIME format.\r\n",
            delimiter + b"\r\nContent-Description: Notification\r\n" + text_head + b"\r\n" + text,
            delimiter + b"\r\nContent-Description: Delivery report\r\nContent-Type: message/",
            b"global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n" if status_8bit else b"delivery-status\r\n",
            b"\r\n" + status,
            delimiter + b"\r\nContent-Description: Undelivered message\r\n"
            if worst == "failed"
            else delimiter + b"\r\nContent-Description: Message\r\n",
            b"Content-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (third, encoding),
        )
    )
    needs_utf8 = not to.isascii() or (utf8 and (status_8bit or utf8_original))
    return Dsn(prefix, delimiter + b"--\r\n", eight_bit, needs_utf8)


# ---- for programs


def _delivery_status(report: DeliveryReport, utf8: bool) -> tuple[bytes, bool]:
    """The fields of RFC 3464 §2.2 and §2.3, and whether they hold UTF-8 (RFC 6533 §4.1)."""
    out: list[bytes] = []
    if report.envelope_id is not None:
        out.append(format_raw_field("Original-Envelope-Id", clean(report.envelope_id)))
    out.append(format_raw_field("Reporting-MTA", f"dns; {report.reporting_mta}"))
    if report.arrival is not None:
        out.append(format_raw_field("Arrival-Date", format_date(report.arrival)))
    if report.deliver_by is not None:
        out.append(format_raw_field("Deliver-by-date", format_date(report.deliver_by)))  # RFC 2852 §5
    for one in report.recipients:
        out.append(b"\r\n")
        if one.original is not None:
            out.append(format_raw_field("Original-Recipient", _original(one.original, utf8)))
        out.append(format_raw_field("Final-Recipient", _typed(one.final, utf8)))
        out.append(format_raw_field("Action", one.action.value))
        out.append(format_raw_field("Status", one.status))
        if one.remote_mta:
            out.append(format_raw_field("Remote-MTA", f"dns; {clean(one.remote_mta)}"))
        if one.diagnostic:
            out.append(_diagnostic(one.diagnostic))
        if one.last_attempt is not None:
            out.append(format_raw_field("Last-Attempt-Date", format_date(one.last_attempt)))
        if report.queue_id:
            out.append(format_raw_field("Final-Log-ID", report.queue_id))
        if one.will_retry_until is not None and one.action is Action.DELAYED:
            out.append(format_raw_field("Will-Retry-Until", format_date(one.will_retry_until)))
    octets = b"".join(out)
    return octets, not octets.isascii()


def _typed(address: str, utf8: bool) -> str:
    """An address with its type: rfc822, or utf-8 (RFC 6533 §3), escaped where the report must be ASCII."""
    address = clean(address)
    if address.isascii():
        return f"rfc822; {address}"
    if utf8:
        return f"utf-8; {address}"
    escaped = "".join(c if c.isascii() and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in address)
    return f"utf-8; {escaped}"


def _original(orcpt: str, utf8: bool) -> str:
    """ORCPT for Original-Recipient: without its xtext (RFC 3464 §2.3.1), and without unitext where UTF-8 may stand."""
    kind, _, address = orcpt.partition(";")
    if kind.lower() == "utf-8":
        decoded = _UNITEXT.sub(lambda found: _character(int(found[1], 16)), address)
        return _typed(decoded, utf8) if not decoded.isascii() else f"utf-8; {clean(address)}"
    octets = _XTEXT.sub(lambda found: chr(int(found[1], 16)), address)
    return f"{clean(kind)}; {clean(octets) if octets.isascii() else clean(address)}"


def _character(point: int) -> str:
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else "\ufffd"


def _diagnostic(text: str) -> bytes:
    """RFC 3464 §2.3.6; a reply of several lines is one field with folds (RFC 3461 §9.2)."""
    kind = "smtp" if _SMTP_REPLY.match(text) else "x-postroom"
    text = text[:_MAX_DIAGNOSTIC].encode("ascii", "replace").decode()
    lines = [clean(line) for line in re.split(r"[\r\n]+", text) if line.strip()]
    first, *rest = lines or [""]
    folded = format_raw_field("Diagnostic-Code", f"{kind}; {first}")
    return folded + b"".join([format_raw_field("", line)[1:] for line in rest])


# ---- for people


def _text(report: DeliveryReport, now: float) -> str:
    """What happened, why, and what to do."""
    paragraphs = [f"This is an automatic message from the mail server {report.reporting_mta}."]
    about = f'your message "{clean(report.subject)}"' if report.subject else "your message"
    if report.arrival is not None:
        about += f", sent on {format_date(report.arrival)[:-15]},"
    for action, sentence in _SENTENCES.items():
        recipients = [one for one in report.recipients if one.action is action]
        if recipients:
            paragraphs.append(sentence.format(about=about[0].upper() + about[1:]))
            paragraphs += [_about_recipient(one, now) for one in recipients]
    if any(one.action is Action.DELAYED for one in report.recipients):
        paragraphs.append("You need not do anything, and need not send the message again.")
    tail = "The rest of this report is for mail programs and for the people who run mail servers."
    if report.queue_id:
        tail += f" They may ask you for this number: {report.queue_id}"
    paragraphs.append(tail)
    return "\n\n".join([_wrapped(paragraph) for paragraph in paragraphs]) + "\n"


def _wrapped(paragraph: str) -> str:
    """Lines of a width that every mail program shows well; what belongs to an address stays indented."""
    lines: list[str] = []
    for line in paragraph.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        rest = indent + " " * 4 if indent else ""
        lines += wrap(line, 76, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


_SENTENCES = {
    Action.FAILED: "{about} could not be delivered to:",
    Action.DELAYED: "{about} has not been delivered yet, and the server keeps trying to reach:",
    Action.DELIVERED: "{about} was delivered to:",
    Action.RELAYED: "{about} was handed to the next mail server, which sends no reports, for:",
    Action.EXPANDED: "{about} was passed on to everybody who gets the mail for:",
}


def _about_recipient(one: RecipientReport, now: float) -> str:
    lines = [f"    {clean(one.final)}"]
    if one.action in (Action.FAILED, Action.DELAYED):
        why, advice = explain(one.status)
        lines.append(f"        Reason: {why}.")
        if one.action is Action.FAILED:
            lines.append(f"        What you can do: {advice}")
        if one.action is Action.DELAYED and one.will_retry_until is not None:
            lines.append(f"        It will be tried for another {_span(one.will_retry_until - now)}.")
        if one.diagnostic:
            said = f"The server {one.remote_mta} said" if one.remote_mta else "Details"
            lines.append(f"        {said}: {clean(one.diagnostic[:_MAX_DIAGNOSTIC])}")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    """A length of time as people say it."""
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= size * 2 or (seconds >= size and name == "minute"):
            count = round(seconds / size)
            return f"{count} {name}{'s' if count != 1 else ''}"
    return "short while"
