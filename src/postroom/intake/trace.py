"""Trace information: the fields a server puts before a message, and what it reads from those of others.

Owns: Received and Return-Path (RFC 5321 §4.4), the protocol names of RFC 3848 and RFC 6531, the count of Received
fields. Never: asks what time it is, changes a message. Raises: nothing.
"""

import re
from dataclasses import dataclass

from postroom.accounts import Person
from postroom.message.dates import format_date
from postroom.net import TlsInfo
from postroom.smtp import address_literal

_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """Whom a message came from, and how."""

    hello: str  # the client's name as it said it
    address: str  # its IP address, or "unix"
    extended: bool = True  # EHLO
    lmtp: bool = False
    tls: TlsInfo | None = None
    person: Person | None = None  # who signed in


def protocol_name(source: Source, smtputf8: bool) -> str:
    """The WITH clause (RFC 3848 §1; RFC 6531 §4.3)."""
    if not source.lmtp and not source.extended:
        return "SMTP"
    base = "LMTP" if source.lmtp else "SMTP" if smtputf8 else "ESMTP"
    suffix = ("S" if source.tls else "") + ("A" if source.person else "")
    return f"{'UTF8' if smtputf8 else ''}{base}{suffix}"


class TraceWriter:
    """The fields for one message: the parts that all its recipients share are made once."""

    __slots__ = ("_date", "_head", "_return_path")

    def __init__(
        self,
        source: Source,
        *,
        hostname: str,
        trace_id: str,
        now: float,
        mail_from: str,
        smtputf8: bool,
        show_address: bool = True,
    ) -> None:
        if source.address == "unix":
            client = "local socket"
        else:
            address = source.address.partition("%")[0]  # a zone has no meaning elsewhere
            client = address_literal(address) if show_address else "signed in"
        tls = source.tls
        cipher = f" ({tls.version} {tls.cipher} {tls.bits} bits)" if tls is not None else ""
        self._head = (
            f"Received: from {source.hello} ({client})\r\n"
            f"\tby {hostname} (Postroom) with {protocol_name(source, smtputf8)}{cipher}\r\n"
            f"\tid {trace_id}"
        ).encode()
        self._date = b";\r\n\t%b\r\n" % format_date(now).encode()
        self._return_path = b"Return-Path: <%b>\r\n" % mail_from.encode()

    def received(self, recipient: str | None) -> bytes:
        """The time stamp line; `recipient` only when nobody else's eyes may see it (RFC 5321 §7.2)."""
        recipient_clause = b"\r\n\tfor <%b>" % recipient.encode() if recipient else b""
        return b"%b%b%b" % (self._head, recipient_clause, self._date)

    def final(self, recipient: str) -> bytes:
        """The lines of a final delivery: RFC 5321 §4.4 puts the return path first."""
        return self._return_path + self.received(recipient)


def return_path(mail_from: str) -> bytes:
    """The line by itself, for a message whose Received lines stand already."""
    return b"Return-Path: <%b>\r\n" % mail_from.encode()


def count_received(header: bytes) -> int:
    """How many servers a message has passed (RFC 5321 §6.3)."""
    return len(_RECEIVED.findall(header))
