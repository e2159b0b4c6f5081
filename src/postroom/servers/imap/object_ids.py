"""Object identifiers: MAILBOXID, EMAILID, THREADID (RFC 8474).

Owns: how they are written and read. Never: looks anything up. Raises: nothing.

An identifier names its account too, so that those of two people's mail never meet in one session (RFC 8474 §4, §5).
"""

import re

_ID = re.compile(rb"([FMT])([1-9][0-9]{0,18})-([1-9][0-9]{0,18})")


def mailbox_id(account_id: int, number: int) -> bytes:
    """Stays through RENAME; never used again (RFC 8474 §4)."""
    return b"F%d-%d" % (account_id, number)


def email_id(account_id: int, content_id: int) -> bytes:
    """Copies share it (RFC 8474 §5.1)."""
    return b"M%d-%d" % (account_id, content_id)


def thread_id(account_id: int, number: int) -> bytes:
    """RFC 8474 §5.2"""
    return b"T%d-%d" % (account_id, number)


def parse_object_id(raw: bytes, kind: bytes, account_id: int) -> int | None:
    """The number within the account; None for what is no identifier of that kind, or another account's."""
    found = _ID.fullmatch(raw)
    if found is None or found[1] != kind or int(found[2]) != account_id:
        return None
    return int(found[3])
