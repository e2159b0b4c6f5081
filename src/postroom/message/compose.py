"""Making messages: fields with encoded words, folded, and simple texts (RFC 5322, 2045).

Owns: the messages that Postroom itself writes. Never: invents an identifier or asks the time (they are given).
Raises: nothing; control characters in values become spaces, so no value can add a field.
"""

import re
from binascii import b2a_qp
from collections.abc import Sequence

from .dates import format_date
from .encoded_words import encode_text

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_FOLD_AT = 78  # RFC 5322 §2.1.1
_MAX_LINE = 998


def clean(value: str) -> str:
    """`value` on one line."""
    return _CONTROLS.sub(" ", value).strip()


def format_field(name: str, value: str, *, utf8: bool = False) -> bytes:
    """A whole field. Text that ASCII cannot hold becomes encoded words, unless the header may be UTF-8 (RFC 6532)."""
    value = clean(value)
    if not value.isascii() and not utf8:
        value = encode_text(value)
    return format_raw_field(name, value)


def format_raw_field(name: str, value: str) -> bytes:
    """A whole field whose value is already in its final form: folded at spaces (RFC 5322 §2.2.3)."""
    line = f"{name}: {_CONTROLS.sub(' ', value)}"
    if len(line) <= _FOLD_AT:
        return line.encode() + b"\r\n"
    lines: list[str] = []
    words = line.split(" ")
    current = f"{words[0]} {words[1]}" if len(words) > 1 else words[0]
    for word in words[2:]:
        # A line of white space alone would be obsolete syntax (RFC 5322 §3.2.2), so empty words never begin one.
        if word and len(current) + 1 + len(word) > _FOLD_AT:
            lines.append(current)
            current = " " + word
        else:
            current += " " + word
    lines.append(current)
    whole = [line[at : at + _MAX_LINE] for line in lines for at in range(0, len(line), _MAX_LINE)]
    return "\r\n ".join([whole[0], *(line.removeprefix(" ") for line in whole[1:])]).encode() + b"\r\n"


def format_mailbox(name: str, address: str) -> str:
    """`Name <local@domain>` with the name quoted or encoded as needed (RFC 5322 §3.4, RFC 2047 §5)."""
    name = clean(name)
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        return f"{encode_text(name)} <{address}>"
    if _ATOMS.fullmatch(name):
        return f"{name} <{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def encode_body(text: str) -> tuple[bytes, bytes]:
    """MIME header lines and octets for a plain text: as it is when lines are short ASCII, else quoted-printable."""
    octets = "\r\n".join(_LINE_END.split(text)).encode("utf-8", "replace")
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.isascii() and b"\0" not in octets and all(len(line) <= _MAX_LINE for line in octets.split(b"\r\n")):
        head = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
        return head, octets
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    return head, b2a_qp(octets, istext=True)


def compose_text(
    *,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    date: float,
    message_id_token: str,
    hostname: str,
    fields: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A plain text message. `sender` and `recipients` come from `format_mailbox` or are bare addresses."""
    head, body = encode_body(text)
    return b"".join(
        (
            format_raw_field("Date", format_date(date)),
            format_raw_field("From", sender),
            format_raw_field("To", ", ".join(recipients)),
            format_field("Subject", subject),
            format_raw_field("Message-ID", f"<{message_id_token}@{hostname}>"),
            *(format_field(name, value) for name, value in fields),
            b"MIME-Version: 1.0\r\n",
            head,
            b"\r\n",
            body,
        )
    )
