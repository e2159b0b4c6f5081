"""Addresses that a filter puts into the envelope."""

import pytest

from postroom.filters.envelope_change import BadEnvelopeChange, new_recipient, new_sender, old_recipient
from postroom.filters.types import NewRecipient


def test_addresses_come_with_and_without_brackets() -> None:
    assert new_sender(b"<ann@bar.com>") == "ann@bar.com"
    assert new_sender(b" ann@bar.com") == "ann@bar.com"
    assert new_sender(b"<>") == ""
    assert new_sender(b"") == ""
    assert new_recipient(b"bob@foo.com") == NewRecipient("bob@foo.com")
    assert old_recipient(b"<bob@foo.com>") == old_recipient(b"bob@foo.com") == "bob@foo.com"


def test_parameters_are_read() -> None:
    wanted = NewRecipient("bob@foo.com", frozenset({"NEVER"}), "rfc822;b@foo.com")
    assert new_recipient(b"<bob@foo.com>", b"NOTIFY=NEVER ORCPT=rfc822;b@foo.com") == wanted
    assert new_sender(b"<ann@bar.com>", b"SIZE=100 RET=HDRS BODY=8BITMIME") == "ann@bar.com"
    assert new_recipient("<jürgen@foo.com>".encode()).address == "jürgen@foo.com"


@pytest.mark.parametrize("bad", [b"<a@b> RCPT TO:<c@d>", b"a@b>\r\nDATA", b"a b@c", b"<a@b", b"x" * 3000])
def test_what_is_no_address_is_refused(bad: bytes) -> None:
    with pytest.raises(BadEnvelopeChange):
        new_recipient(bad)
    with pytest.raises(BadEnvelopeChange):
        new_sender(bad)


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(BadEnvelopeChange):
        new_recipient(b"<bob@foo.com>", b"XEVIL=1")
    with pytest.raises(BadEnvelopeChange):
        new_sender(b"<bob@foo.com>", b"XEVIL=1")
