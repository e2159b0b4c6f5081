"""What a submission server mends in a message before it goes out (RFC 6409 §8), and the addresses it has to look at.

Owns: deciding it from the header alone, so that the body can stream past untouched. Never: rejects a message, changes
a field that is there and usable, knows whose an address is. Raises: nothing.
"""

import re
from dataclasses import dataclass

from .addresses import parse_list
from .dates import format_date, parse_date
from .header import iter_fields, unfold

# Bcc must not reach anybody (RFC 5322 §3.6.3; RFC 6409 leaves it to the submission server of clients that send it).
# An originator's message has no Return-Path (RFC 5321 §4.4).
_DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
_AUTHORS = frozenset({b"from", b"sender", b"resent-from", b"resent-sender"})
_OTHERS = frozenset({b"reply-to", b"to", b"cc", b"resent-to", b"resent-cc", b"resent-reply-to"})
_MESSAGE_ID = re.compile(rb"<[^<>\s@]+@[^<>\s]+>")
_FIELD_START = re.compile(rb"[!-9;-~]+[ \t]*:")


@dataclass(frozen=True, slots=True)
class Repair:
    """What to change: lines to put before the header, and ranges of it to leave out."""

    add: bytes
    drop: tuple[tuple[int, int], ...]
    separate: bool = False  # the message has no header: what stands in its place is the body

    def __bool__(self) -> bool:
        return bool(self.add or self.drop)

    def apply(self, header: bytes) -> bytes:
        """The new header."""
        kept: list[bytes] = [self.add]
        if self.separate:
            kept.append(b"\r\n")
        at = 0
        for start, end in self.drop:
            kept.append(header[at:start])
            at = end
        kept.append(header[at:])
        return b"".join(kept)


@dataclass(frozen=True, slots=True)
class HeaderAddresses:
    """The addresses in a header: local part, unquoted, and domain, which is empty where there is none."""

    authors: frozenset[tuple[str, str]]  # of From, Sender and their Resent- forms: who answers for the message
    others: frozenset[tuple[str, str]]


def header_addresses(header: bytes) -> HeaderAddresses:
    """Who a message says it is from, and whom else it names."""
    authors: set[tuple[str, str]] = set()
    others: set[tuple[str, str]] = set()
    for field in iter_fields(header):
        name = field.name.lower()
        found = authors if name in _AUTHORS else others if name in _OTHERS else None
        if found is not None:
            for one in parse_list(unfold(field.value)):
                if one.host is not None and one.mailbox is not None:  # else a group begins or ends
                    found.add((one.mailbox.decode("utf-8", "replace"), one.host.decode("utf-8", "replace")))
    return HeaderAddresses(frozenset(authors), frozenset(others - authors))


def repair(header: bytes, *, date: float, message_id_token: str, hostname: str, author: str) -> Repair:
    """What the header of a submitted message (with or without its blank line) lacks or has too much of.

    `author` is the address of who submits it, for a message that does not say whom it is from.
    """
    separate = bool(header) and header[:1] not in b"\r\n" and not _FIELD_START.match(header)
    drop: list[tuple[int, int]] = []
    has_date = has_message_id = has_from = False
    for field in iter_fields(header):
        name = field.name.lower()
        if name in _DROPPED:
            drop.append((field.start, field.end))
        elif separate:
            continue  # a field below a line that is none is text; even there nobody shall read a Bcc
        elif name == b"from":
            has_from = True
        elif name == b"date":
            # An unusable Date or Message-ID is replaced (RFC 6409 §8.2, §8.3); of two, the first stays (RFC 5322 §3.6).
            if has_date or parse_date(unfold(field.value)) is None:
                drop.append((field.start, field.end))
            else:
                has_date = True
        elif name == b"message-id":
            if has_message_id or not _MESSAGE_ID.search(unfold(field.value)):
                drop.append((field.start, field.end))
            else:
                has_message_id = True
    add = ""
    if not has_from:  # RFC 5322 §3.6 wants one, and who sends the message is known
        add += f"From: {author}\r\n"
    if not has_date:
        add += f"Date: {format_date(date)}\r\n"
    if not has_message_id:
        add += f"Message-ID: <{message_id_token}@{hostname}>\r\n"
    return Repair(add.encode(), tuple(drop), separate)
