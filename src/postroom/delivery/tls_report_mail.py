"""A TLS report as a message (RFC 8460 §5.3).

Owns: that form, and finding the report in what others send. Never: sends, unpacks. Raises: nothing; a message without
a report is None.
"""

from base64 import encodebytes

from postroom.mailauth.tls_rpt import GZIP_TYPE, JSON_TYPE, Report, compressed, file_name
from postroom.mailauth.unpacking import parts_of_types
from postroom.message import format_date, format_raw_field

_TYPES = (GZIP_TYPE.encode(), JSON_TYPE.encode())


def compose_report(report: Report, *, domain: str, submitter: str, to: str, date: float, token: str) -> bytes:
    """`submitter`: the domain of the contact's address."""
    boundary = f"=_{token}"
    name = file_name(submitter, domain, report.begin, report.end, token)
    subject = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report.report_id}>"
    text = (
        f"This is an aggregate TLS report from {submitter} on its connections to the mail servers of {domain}.\r\n"
        f"It is meant for programs (RFC 8460).\r\n"
    )
    header = b"".join(
        (
            format_raw_field("Date", format_date(date)),
            format_raw_field("From", report.contact),
            format_raw_field("To", to),
            format_raw_field("Subject", subject),
            format_raw_field("Message-ID", f"<{token}@{submitter}>"),
            format_raw_field("TLS-Report-Domain", domain),
            format_raw_field("TLS-Report-Submitter", submitter),
            b"TLS-Required: No\r\n",  # RFC 8460 §3: delivered in spite of what it reports on; RFC 8689 §4.2.2
            b"Auto-Submitted: auto-generated\r\n",  # RFC 3834 §5
            b"MIME-Version: 1.0\r\n",
            format_raw_field("Content-Type", f'multipart/report; report-type="tlsrpt"; boundary="{boundary}"'),
        )
    )
    lines = (
        f"--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{text}\r\n"
        f"--{boundary}\r\nContent-Type: {GZIP_TYPE}\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment;\r\n filename="{name}"\r\n\r\n'
    ).encode("ascii")
    packed = encodebytes(compressed(report)).replace(b"\n", b"\r\n")
    return header + b"\r\n" + lines + packed + f"--{boundary}--\r\n".encode("ascii")


def find_report(octets: bytes) -> bytes | None:
    """The report in a whole message, packed or not."""
    return next((report for _, report in parts_of_types(octets, _TYPES)), None)
