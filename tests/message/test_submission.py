"""Repairs of submitted messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.header import first_value, iter_fields
from postroom.message.submission import HeaderAddresses, Repair, header_addresses, repair

DATE = 1_700_000_000.0
GOOD = b"From: a@b\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@x>\r\n"


def _repair(header: bytes) -> Repair:
    return repair(header, date=DATE, message_id_token="tok", hostname="mail.example.org", author="a@b.c")


def test_nothing_to_do() -> None:
    found = _repair(GOOD + b"\r\n")
    assert not found
    assert found.apply(GOOD + b"\r\n") == GOOD + b"\r\n"


def test_missing_fields_are_added() -> None:
    found = _repair(b"From: a@b\r\n\r\n")
    assert found.add == b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <tok@mail.example.org>\r\n"
    assert found.apply(b"From: a@b\r\n\r\n") == found.add + b"From: a@b\r\n\r\n"


def test_who_sends_is_added_where_nobody_is_named() -> None:
    assert _repair(b"Subject: x\r\n\r\n").add.startswith(b"From: a@b.c\r\n")
    assert _repair(b"from : d@e.f\r\n\r\n").add.startswith(b"Date: ")


def test_fields_below_a_line_that_is_none_are_text() -> None:
    header = b"just text\r\n" + GOOD + b"\r\n"
    new = _repair(header).apply(header)
    assert new.startswith(b"From: a@b.c\r\nDate: ")
    assert new.endswith(b"\r\n\r\n" + header)


def test_addresses_of_a_header() -> None:
    header = (
        b'From: Bob <bob@foo.com>, "x y"@foo.com\r\nSender: <jones@foo.com>\r\nTo: team: a@b.c, d;,\r\n bob@foo.com\r\n'
        + "Cc: ø@ø.no\r\nResent-From: e@f\r\nSubject: no@address\r\n\r\nFrom: body@x\r\n".encode()
    )
    assert header_addresses(header) == HeaderAddresses(
        frozenset({("bob", "foo.com"), ("x y", "foo.com"), ("jones", "foo.com"), ("e", "f")}),
        frozenset({("a", "b.c"), ("d", ""), ("ø", "ø.no")}),
    )


def test_bcc_goes_with_all_its_lines() -> None:
    header = (
        b"BCC: secret@x,\r\n other@x\r\n" + GOOD + b"Bcc:\r\nResent-Bcc: z@x\r\nReturn-Path: <a@b>\r\nTo: c@d\r\n\r\n"
    )
    found = _repair(header)
    assert found.apply(header) == GOOD + b"To: c@d\r\n\r\n"
    assert len(found.drop) == 4
    assert not found.add


@pytest.mark.parametrize(
    ("bad", "name"),
    [(b"Date: yesterday\r\n", b"date"), (b"Date:\r\n", b"date"), (b"Message-ID: none\r\n", b"message-id")],
)
def test_unusable_fields_are_replaced(bad: bytes, name: bytes) -> None:
    header = b"From: a@b\r\n" + bad + b"\r\n"
    new = _repair(header).apply(header)
    assert bad not in new
    assert [field.name.lower() for field in iter_fields(new)].count(name) == 1


def test_of_two_the_first_stays() -> None:
    header = GOOD + b"Message-ID: <2@x>\r\nDate: Fri, 21 Nov 1997 10:55:06 -0600\r\n\r\n"
    assert _repair(header).apply(header) == GOOD + b"\r\n"


def test_a_message_without_a_header() -> None:
    assert _repair(b"\r\n").apply(b"\r\n").endswith(b"@mail.example.org>\r\n\r\n")
    assert _repair(b"").apply(b"").endswith(b"@mail.example.org>\r\n")
    new = _repair(b"just text\r\n").apply(b"just text\r\n")
    assert new.endswith(b"\r\n\r\njust text\r\n")


@given(st.lists(st.sampled_from([b"Bcc: x\r\n", b" more\r\n", b"Date: x\r\n", b"junk\r\n", b"To: y\r\n", b"\r\n"])))
def test_repaired_headers_need_no_repair(lines: list[bytes]) -> None:
    header = b"".join(lines)
    new = _repair(header).apply(header)
    assert not _repair(new)
    assert first_value(new.partition(b"\r\n\r\n")[0], b"bcc") is None


@given(st.binary())
def test_junk_never_raises(header: bytes) -> None:
    header_addresses(_repair(header).apply(header))
