"""A TLS report as a message (RFC 8460 §5.3).

Owns: that form, and finding the report in what others send. Never: sends, unpacks. Raises: nothing; a message without
a report is None.
"""

from postroom.mailauth.tls_rpt import GZIP_TYPE, JSON_TYPE, Report, compressed, file_name
from postroom.mailauth.unpacking import parts_of_types
from postroom.message import format_raw_field

from .report_mail import compose_report_mail

_TYPES = (GZIP_TYPE.encode(), JSON_TYPE.encode())


def compose_report(report: Report, *, domain: str, submitter: str, to: str, date: float, token: str) -> bytes:
    """`submitter`: the domain of the contact's address."""
    fields = b"".join(
        (
            format_raw_field("TLS-Report-Domain", domain),
            format_raw_field("TLS-Report-Submitter", submitter),
            b"TLS-Required: No\r\n",  # RFC 8460 §3: delivered in spite of what it reports on; RFC 8689 §4.2.2
        )
    )
    return compose_report_mail(
        contact=report.contact,
        to=to,
        subject=f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report.report_id}>",
        date=date,
        token=token,
        text=f"This is an aggregate TLS report from {submitter} on its connections to the mail servers of {domain}.\r\n"
        f"It is meant for programs (RFC 8460).\r\n",
        fields=fields,
        kind='multipart/report; report-type="tlsrpt"',
        media_type=GZIP_TYPE,
        file_name=file_name(submitter, domain, report.begin, report.end, token),
        packed=compressed(report),
    )


def find_report(octets: bytes) -> bytes | None:
    """The report in a whole message, packed or not."""
    return next((report for _, report in parts_of_types(octets, _TYPES)), None)
