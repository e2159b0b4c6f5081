"""Trace information: the fields a server puts before a message, and what it reads from those of others.

Owns: Received and Return-Path (RFC 5321 §4.4), Delivered-To (RFC 9228), the protocol names of RFC 3848 and RFC 6531,
the count of Received fields. Never: asks what time it is, changes a message. Raises: nothing; MailLoop is
declared here.
"""

import re
from dataclasses import dataclass

from postroom.accounts import Person, address_key
from postroom.base import MailError
from postroom.filters import FilterVisit
from postroom.junk import NO_SCORE, Score
from postroom.message.dates import format_date
from postroom.net import TlsInfo
from postroom.reputation import Visit
from postroom.smtp import address_literal

_DELIVERED_TO = re.compile(rb"^delivered-to[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_QUARANTINE = b"Postroom-Quarantine"
_QUARANTINED = re.compile(rb"^%b:" % _QUARANTINE, re.MULTILINE)
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
# How OpenSSL names the suites of TLS 1.2: "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384" (that is CBC).
_SUITE = re.compile(r"((?:ECDHE|DHE)-(?:RSA|ECDSA))-(AES|CHACHA20)(\d*)-(?:(GCM|POLY1305)-)?(SHA\d*)")


class MailLoop(MailError):
    code, enhanced, text = 554, "5.4.6", "Too many hops, this message is in a loop"


@dataclass(frozen=True, slots=True)
class Source:
    """Whom a message came from, and how."""

    hello: str  # the client's name as it said it
    address: str  # its IP address, or "unix"
    extended: bool = True  # EHLO
    lmtp: bool = False
    tls: TlsInfo | None = None
    person: Person | None = None  # who signed in
    check: bool = True  # the listener wants to know who really sent its mail
    score: Score = NO_SCORE  # what speaks for and against the client
    visit: Visit | None = None  # to learn from what becomes of its mail
    listener: str = ""  # where it came in
    milters: FilterVisit | None = None  # those that have heard of the client and its commands


def protocol_name(source: Source, smtputf8: bool) -> str:
    """The WITH clause (RFC 3848 §1; RFC 6531 §4.3)."""
    if not source.lmtp and not source.extended:
        return "SMTP"
    base = "LMTP" if source.lmtp else "SMTP" if smtputf8 else "ESMTP"
    suffix = ("S" if source.tls else "") + ("A" if source.person else "")
    return f"{'UTF8' if smtputf8 else ''}{base}{suffix}"


def cipher_suite(tls: TlsInfo) -> str | None:
    """The suite's name in the IANA registry, which RFC 8314 §4.3 asks for; None when it is not known."""
    name = tls.cipher
    if name.startswith("TLS_"):  # of TLS 1.3: OpenSSL has the registry's names
        return name
    if name.endswith("-CHACHA20-POLY1305"):
        name += "-SHA256"
    found = _SUITE.fullmatch(name)
    if found is None:
        return None
    exchange, cipher, bits, mode, hashed = found.groups()
    return f"TLS_{exchange.replace('-', '_')}_WITH_{cipher}_{bits + '_' if bits else ''}{mode or 'CBC'}_{hashed}"


class TraceWriter:
    """The fields for one message: the parts that all its recipients share are made once.

    `findings` are whole fields on who really sent it, above the Received field (RFC 8601 §4.1); those that are `added`
    by filters stand below it.
    """

    __slots__ = ("_end", "_findings", "_head", "_return_path", "source")

    def __init__(
        self,
        source: Source,
        *,
        hostname: str,
        trace_id: str,
        now: float,
        mail_from: str,
        smtputf8: bool,
        priority: int = 0,
        show_address: bool = True,
        findings: bytes = b"",
        added: bytes = b"",
    ) -> None:
        self.source = source
        self._findings = findings
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
        suite = cipher_suite(tls) if tls is not None else None
        clauses = f"\r\n\ttls {suite}" if suite else ""  # RFC 8314 §4.3
        if priority:
            clauses += f"\r\n\tPRIORITY {priority}"  # RFC 6710 §4.1 (2)
        self._end = f"{clauses};\r\n\t{format_date(now)}\r\n".encode() + added
        self._return_path = return_path(mail_from)

    def received(self, recipient: str | None) -> bytes:
        """The findings and the time stamp line; `recipient` only when no other may see it (RFC 5321 §7.2)."""
        # Postmaster alone is no Path, and so has no place in a FOR clause.
        recipient_clause = b"\r\n\tfor <%b>" % recipient.encode() if recipient and "@" in recipient else b""
        return b"%b%b%b%b" % (self._findings, self._head, recipient_clause, self._end)

    def final(self, recipient: str) -> bytes:
        """The lines of a final delivery: RFC 5321 §4.4 puts the return path first.

        A Return-Path that came with the message stays below it: §4.4 lets us remove it, and a message is not rewritten.
        """
        return self._return_path + self.received(recipient)


def return_path(mail_from: str) -> bytes:
    """The line by itself, for a message whose Received lines stand already."""
    return b"Return-Path: <%b>\r\n" % mail_from.encode()


def quarantine(why: str) -> bytes:
    """For what the queue brings to a mailbox later, and for people who wonder why it is in Junk."""
    words = "".join(c if " " <= c <= "~" else "?" for c in why)
    return b"%b: %b\r\n" % (_QUARANTINE, words.encode("ascii"))


def in_quarantine(header: bytes) -> bool:
    """It is one of those."""
    return _QUARANTINED.search(header) is not None


def count_received(header: bytes) -> int:
    """How many servers a message has passed (RFC 5321 §6.3)."""
    return len(_RECEIVED.findall(header))


def delivered_to(address: str) -> bytes:
    """RFC 9228 §3: the line that says that a message has been at this address of ours, and goes on from there."""
    return b"Delivered-To: %b\r\n" % address.encode()


def has_been_at(header: bytes, address: str) -> bool:
    """A message comes back to an address from which it was sent on."""
    key = address_key(address)
    return key is not None and any(
        address_key(found.strip(b" \t<>").decode("utf-8", "replace")) == key for found in _DELIVERED_TO.findall(header)
    )
