"""RFC 5256 §2.2, §3; RFC 5957 §3."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import MessageSettings, Scanner, SortKeys, sort_keys


def keys(*lines: str) -> SortKeys:
    return sort_keys("\r\n".join([*lines, "", ""]).encode())


def seconds(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("date", "sent_at"),
    [
        ("31 Dec 2000 16:01:33 -0800", seconds(2001, 1, 1, 0, 1, 33)),  # the RFC's example
        ("Mon, 7 Feb 1994 21:52:25 -0800", seconds(1994, 2, 8, 5, 52, 25)),
        ("7 Feb 1994 21:52:25", seconds(1994, 2, 7, 21, 52, 25)),
        ("7 Feb 1994 21:52:25 +9999", seconds(1994, 2, 7, 21, 52, 25)),
        ("7 Feb 1994 21:52:25 XYZ", seconds(1994, 2, 7, 21, 52, 25)),
        ("7 Feb 1994 25:61:00 +0000", seconds(1994, 2, 7)),
        ("7 Feb 1994 24:00:00 -0100", seconds(1994, 2, 7, 1)),
        ("7 Feb 1994", seconds(1994, 2, 7)),
        ("7 Feb 1994 at noon", seconds(1994, 2, 7)),
        ("31 Feb 1994 10:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_sent_date(date: str, sent_at: int | None) -> None:
    assert keys(f"Date: {date}").sent_at == sent_at


def test_no_date_at_all() -> None:
    assert keys("Subject: x") == SortKeys(subject="x")


def test_subject_is_decoded_and_folded() -> None:
    found = keys("Subject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=", "  und mehr")
    assert (found.subject, found.is_reply) == ("gru\u0308sse und mehr", True)


@pytest.mark.parametrize(
    ("field", "mailbox", "display"),
    [
        ("Alice <Alice@A.test>", "alice", "alice"),
        ("=?utf-8?q?=C3=89mile?= <x@a.test>, b@b.test", "x", "e\u0301mile"),
        ("Bob@B.test", "bob", "bob@b.test"),
        ('"" <e@x.test>', "e", "e@x.test"),
        ('"Q. P." <"odd one"@x.test>', "odd one", "q. p."),
        ("bob@b.test (Robert)", "bob", "robert"),
        ("just-a-name", "just-a-name", "just-a-name"),
        ("My Group: a@x.test, b@x.test;", "my group", "my group"),
        ("undisclosed-recipients:;", "undisclosed-recipients", "undisclosed-recipients"),
        ("", "", ""),
        (" , ,c@x.test", "c", "c@x.test"),
        ("<>", "", ""),
    ],
)
def test_addresses(field: str, mailbox: str, display: str) -> None:
    found = keys(f"From: {field}", f"To: {field}", f"Cc: {field}")
    assert (found.from_, found.to, found.cc) == (mailbox,) * 3
    assert (found.display_from, found.display_to) == (display,) * 2


def test_the_first_field_that_has_an_address_counts() -> None:
    assert keys("To: ", "To: b@x.test", "To: c@x.test").to == "b"


@pytest.mark.parametrize(
    ("field", "message_id"),
    [
        ("<01KF8JCEOCBS0045PS@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com"),
        ('<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', "01KF8JCEOCBS0045PS@xxx.yyy.com"),  # RFC 5256 §3: the same
        (r'<"a\"b"@x>', 'a"b@x'),
        ('<"a>b"@x>', "a>b@x"),
        ('<"a".b@x>', "a.b@x"),
        (' <"a b"@x> ', "ab@x"),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]"),
        ("<Case@Kept>", "Case@Kept"),  # "comparisons are case-sensitive"
        ("<folded\r\n @x>", "folded@x"),
        ("<a@b@c>", "a@b@c"),
        ("<é@x>", "é@x"),
        ("no brackets@x", ""),
        ("<no-at>", ""),
        ("<@x>", ""),
        ("<a@>", ""),
        ("<a@x", ""),
        ("<" + "a" * 998 + "@x>", ""),
        ("<broken <a@x>", "a@x"),
        ("", ""),
    ],
)
def test_message_id(field: str, message_id: str) -> None:
    assert keys(f"Message-ID: {field}").message_id == message_id


def test_references_and_in_reply_to() -> None:
    assert keys("References: <a@x> <b@x>\r\n\t(junk) <c@x>", "In-Reply-To: <d@x>").references == ("a@x", "b@x", "c@x")
    assert keys("In-Reply-To: Your message of <joe@x> <d@x>").references == ("joe@x",)
    assert keys("References: none", "In-Reply-To: <d@x>").references == ("d@x",)
    assert keys("In-Reply-To: nothing").references == ()


def test_of_too_many_references_the_first_and_the_last_are_kept() -> None:
    many = " ".join(f"<{n}@x>" for n in range(50))
    found = sort_keys(f"References: {many}\r\n\r\n".encode(), MessageSettings(max_references=3))
    assert found.references == ("0@x", "48@x", "49@x")


def test_long_texts_are_compared_by_their_beginning() -> None:
    narrow = MessageSettings(max_sort_key_characters=16)
    found = sort_keys(b"Subject: " + b"x" * 100 + b"\r\nFrom: " + b"y" * 50 + b"@z\r\n\r\n", narrow)
    assert (found.subject, found.from_, found.display_from) == ("x" * 16, "y" * 16, "y" * 16)
    assert len(sort_keys(b"Subject: " + "\ufdfa".encode() * 100, narrow).subject) == 16


def test_the_scanner_has_the_same() -> None:
    header = b"Subject: Re: a\r\nDate: 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@x>\r\nTo: b@x\r\n\r\n"
    scanner = Scanner()
    scanner.feed(header + b"body")
    assert scanner.finish().sort == sort_keys(header)


@given(st.binary())
def test_octets_never_raise(header: bytes) -> None:
    sort_keys(b"From: " + header + b"\r\nReferences: " + header + b"\r\nDate: " + header + b"\r\nSubject: " + header)


@pytest.mark.parametrize(
    "piece", ["<", '<"', '<\\"', '<a"\\"', '"', "<a@", "\\", '<"\\', "@", "<a@b>", "a: ", "(", ";,"]
)
def test_hostile_fields_take_linear_time(piece: str) -> None:
    value = (piece * (300_000 // len(piece))).encode()
    started = time.process_time()
    sort_keys(b"References: " + value + b"\r\nTo: " + value + b"\r\nFrom: " + value + b"\r\n\r\n")
    assert time.process_time() - started < 3
