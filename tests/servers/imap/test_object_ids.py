"""Object identifiers (RFC 8474)."""

import pytest

from postroom.servers.imap.object_ids import email_id, mailbox_id, parse_object_id, thread_id


def test_identifiers_lead_back() -> None:
    assert mailbox_id(3, 7) == b"F3-7"
    assert parse_object_id(b"F3-7", b"F", 3) == 7
    assert parse_object_id(email_id(3, 12), b"M", 3) == 12
    assert parse_object_id(thread_id(3, 2**40), b"T", 3) == 2**40


@pytest.mark.parametrize(
    "raw", [b"", b"F3-7", b"M2-7", b"M03-7", b"M3-07", b"M3-7 ", b"m3-7", b"M3", b"M3-" + b"9" * 40]
)
def test_foreign_ones_lead_nowhere(raw: bytes) -> None:
    assert parse_object_id(raw, b"M", 3) is None
