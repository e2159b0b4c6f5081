"""A report to another server's people as a message.

Owns: that form. Never: sends, knows what is in the report. Raises: nothing.
"""

from base64 import encodebytes

from postroom.message import format_date, format_raw_field


def compose_report_mail(
    *,
    contact: str,
    to: str,
    subject: str,
    date: float,
    token: str,
    text: str,
    fields: bytes = b"",
    kind: str = "multipart/mixed",
    media_type: str,
    file_name: str,
    packed: bytes,
) -> bytes:
    """`contact` sends it. `text` is for people, in ASCII; `fields` go into the header; `kind` is the whole's type."""
    boundary = f"=_{token}"
    header = b"".join(
        (
            format_raw_field("Date", format_date(date)),
            format_raw_field("From", contact),
            format_raw_field("To", to),
            format_raw_field("Subject", subject),
            format_raw_field("Message-ID", f"<{token}@{contact.rpartition('@')[2]}>"),
            fields,
            b"Auto-Submitted: auto-generated\r\n",  # RFC 3834 §5
            b"MIME-Version: 1.0\r\n",
            format_raw_field("Content-Type", f'{kind}; boundary="{boundary}"'),
        )
    )
    lines = (
        f"--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{text}\r\n"
        f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment;\r\n filename="{file_name}"\r\n\r\n'
    ).encode("ascii")
    body = encodebytes(packed).replace(b"\n", b"\r\n")
    return header + b"\r\n" + lines + body + f"--{boundary}--\r\n".encode("ascii")
