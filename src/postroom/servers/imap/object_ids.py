"""Object identifiers of mailboxes, messages and threads, as clients see them (RFC 8474).

Owns: their spelling: F, M or T, the account, "-", the store's number, so that no two accounts' are alike (§4, §5).
Never: makes numbers up. Raises: nothing; what is not one of this account's is None.
"""

import re

_SPELT = re.compile(rb"([FMT])([0-9]{1,18})-([0-9]{1,18})")


def mailbox_id(account_id: int, number: int) -> bytes:
    """MAILBOXID (RFC 8474 §4)"""
    return b"F%d-%d" % (account_id, number)


def email_id(account_id: int, content_id: int) -> bytes:
    """EMAILID: messages with the same content have the same (RFC 8474 §5.1)."""
    return b"M%d-%d" % (account_id, content_id)


def thread_id(account_id: int, number: int) -> bytes:
    """THREADID (RFC 8474 §5.2)"""
    return b"T%d-%d" % (account_id, number)


def mailbox_of(account_id: int, objectid: bytes) -> int | None:
    """The mailbox that a MAILBOXID of this account names."""
    return _number(b"F", account_id, objectid)


def content_of(account_id: int, objectid: bytes) -> int | None:
    """The content that an EMAILID of this account names."""
    return _number(b"M", account_id, objectid)


def thread_of(account_id: int, objectid: bytes) -> int | None:
    """The thread that a THREADID of this account names."""
    return _number(b"T", account_id, objectid)


def _number(kind: bytes, account_id: int, objectid: bytes) -> int | None:
    found = _SPELT.fullmatch(objectid)
    if found is None:
        return None
    number = int(found[3])
    # Only as it is spelt here: identifiers are compared octet for octet.
    return number if objectid == b"%b%d-%d" % (kind, account_id, number) else None
