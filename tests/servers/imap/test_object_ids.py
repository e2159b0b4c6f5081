"""Object identifiers."""

import pytest

from postroom.servers.imap import object_ids


def test_identifiers_lead_back() -> None:
    assert object_ids.mailbox_id(3, 7) == b"F3-7"
    assert object_ids.mailbox_of(3, b"F3-7") == 7
    assert object_ids.content_of(3, object_ids.email_id(3, 12)) == 12
    assert object_ids.thread_of(3, object_ids.thread_id(3, 2**40)) == 2**40


@pytest.mark.parametrize(
    "objectid", [b"", b"F3-7", b"M2-7", b"M03-7", b"M3-07", b"M3-7 ", b"m3-7", b"M3", b"M3-" + b"9" * 40]
)
def test_foreign_ones_lead_nowhere(objectid: bytes) -> None:
    assert object_ids.content_of(3, objectid) is None
