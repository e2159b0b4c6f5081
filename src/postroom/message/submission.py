"""What a submission server mends in a message before it goes out (RFC 6409 §8).

Owns: deciding it from the header alone, so that the body can stream past untouched. Never: rejects a message, changes
a field that is there and usable. Raises: nothing.
"""

import re
from dataclasses import dataclass

from .dates import format_date, parse_date
from .header import iter_fields, unfold

# Bcc must not reach anybody (RFC 5322 §3.6.3; RFC 6409 leaves it to the submission server of clients that send it).
# An originator's message has no Return-Path (RFC 5321 §4.4).
_DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
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
        if self.separate and self.add:
            kept.append(b"\r\n")
        at = 0
        for start, end in self.drop:
            kept.append(header[at:start])
            at = end
        kept.append(header[at:])
        return b"".join(kept)


def repair(header: bytes, *, date: float, message_id_token: str, hostname: str) -> Repair:
    """What the header of a submitted message (with or without its blank line) lacks or has too much of."""
    drop: list[tuple[int, int]] = []
    has_date = has_message_id = False
    for field in iter_fields(header):
        name = field.name.lower()
        if name in _DROPPED:
            drop.append((field.start, field.end))
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
    if not has_date:
        add += f"Date: {format_date(date)}\r\n"
    if not has_message_id:
        add += f"Message-ID: <{message_id_token}@{hostname}>\r\n"
    first = header.lstrip(b"\r\n")
    separate = bool(first) and first == header and not _FIELD_START.match(header)
    return Repair(add.encode(), tuple(drop), separate)
