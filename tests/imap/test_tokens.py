"""The words of the grammar."""

from collections.abc import Callable

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.syntax import LiteralPending
from postroom.imap.tokens import Cursor

SETTINGS = ImapSettings(max_mailbox_octets=64, max_keyword_octets=16, max_flags=8)


def cursor(data: bytes, **changes: bool) -> Cursor:
    return Cursor(data, 0, SETTINGS, **changes)


def fails(read: Callable[[Cursor], object], data: bytes) -> BadSyntax:
    def read_all(at: Cursor) -> None:
        read(at)
        at.end()

    with pytest.raises(BadSyntax) as caught:
        read_all(cursor(data))
    return caught.value


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"abc", b"abc"),
        (b"a]b", b"a]b"),
        (b"a}b", b"a}b"),
        (b'""', b""),
        (b'"a b"', b"a b"),
        (b'"\\"\\\\"', b'"\\'),
        (b'"{3}"', b"{3}"),
        (b"{0}\r\n", b""),
        (b"{3}\r\na\r\n", b"a\r\n"),
        (b"{3+}\r\n\xff\xfe\x80", b"\xff\xfe\x80"),
        ('"ü"'.encode(), "ü".encode()),
    ],
)
def test_astring(raw: bytes, text: bytes) -> None:
    at = cursor(raw)
    assert at.astring() == text
    at.end()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b'"',
        b'"a',
        b'"\\a"',
        b'"a\r\n"',
        b'"\0"',
        b"{3}",
        b"{3}\n123",
        b"{1}\r\n\0",
        b"(",
        b"\x7f",
        b'"\xff"',
    ],
)
def test_no_astring(raw: bytes) -> None:
    fails(Cursor.astring, raw)


def test_utf8_in_quoted_strings_is_a_quirk() -> None:
    with pytest.raises(BadSyntax):
        Cursor('"ü"'.encode(), 0, ImapSettings(quirk_utf8_in_quoted=False)).astring()


def test_a_literal_of_an_unfinished_command_is_pending() -> None:
    with pytest.raises(LiteralPending):
        cursor(b"{3}\r\n", partial=True).astring()


def test_nstring() -> None:
    assert cursor(b"nil").nstring() is None
    assert cursor(b'"NIL"').nstring() == b"NIL"
    fails(Cursor.nstring, b"NI")
    fails(Cursor.nstring, b"abc")


def test_mailbox() -> None:
    assert cursor(b"iNbOx").mailbox() == "INBOX"
    assert cursor(b"{5}\r\ninbox").mailbox() == "INBOX"
    assert cursor(b"inboxes").mailbox() == "inboxes"
    assert cursor(b"Entw&APw-rfe").mailbox() == "Entwürfe"
    error = fails(Cursor.mailbox, b"a&b")
    assert (error.status, error.code) == (b"NO", b"CANNOT")
    assert fails(Cursor.mailbox, b"x" * 65).code == b"CANNOT"
    assert cursor(b"x" * 64).mailbox() == "x" * 64


def test_list_mailbox() -> None:
    assert cursor(b"a%*]").list_mailbox() == "a%*]"
    assert cursor(b'"a b%"').list_mailbox() == "a b%"
    assert cursor(b"a&b").list_mailbox() is None
    assert fails(Cursor.list_mailbox, b"%" * 65).code == b"CANNOT"
    fails(Cursor.list_mailbox, b"(")


def test_flags() -> None:
    assert cursor(b"(\\SEEN $a \\seen x)").flag_list() == ("\\Seen", "$a", "x")
    assert cursor(b"()").flag_list() == ()
    assert cursor(b"\\recent k").flags() == ("k",)
    for raw in (b"( )", b"(a ", b"(a", b"a", b"(a  b)", b"(\\*)", b"(\\\\Seen)", b"(a]b)", b"(%)", b"(\xc3\xbc)"):
        fails(Cursor.flag_list, raw)
    assert fails(Cursor.flag, b"k" * 17).text == "Flag too long"
    assert fails(Cursor.flags, b" ".join(b"k%d" % k for k in range(9))).text == "Too many flags"


def test_special_use() -> None:
    assert cursor(b"\\junk").special_use() == "\\Junk"
    assert fails(Cursor.special_use, b"\\Important").code == b"USEATTR"


def test_numbers() -> None:
    assert cursor(b"4294967295").number() == 2**32 - 1
    for raw in (b"4294967296", b"", b"-1", b"x", b"9" * 30):
        fails(Cursor.number, raw)


def test_date() -> None:
    assert cursor(b"1-Jan-0001").date() == 1
    assert cursor(b'"01-jan-1970"').date() == 719163
    for raw in (
        b"32-Jan-2000",
        b"29-Feb-2001",
        b"1-Jan-0000",
        b"1-Ja-2000",
        b'"1-Jan-2000',
        b'1-Jan-2000"',
        b"1-Jan-20",
    ):
        fails(Cursor.date, raw)


def test_date_time() -> None:
    assert cursor(b'" 1-Jan-1970 00:00:00 +0000"').date_time() == 0
    assert cursor(b'"17-Jul-1996 02:44:25 -0700"').date_time() == 837596665
    assert cursor(b'"01-Jan-1970 00:00:60 +0001"').date_time() == 0
    for raw in (
        b'" 1-Jan-1970 24:00:00 +0000"',
        b'" 1-Jan-1970 00:60:00 +0000"',
        b'" 1-Jan-1970 00:00:61 +0000"',
        b'" 1-Jan-1970 00:00:00 +0060"',
        b'" 0-Jan-1970 00:00:00 +0000"',
        b'" 1-Jan-1970 00:00:00 GMT"',
        b" 1-Jan-1970 00:00:00 +0000",
    ):
        fails(Cursor.date_time, raw)


def test_a_day_of_one_digit_alone() -> None:
    raw = b'"1-Jan-1970 00:00:00 +0000"'
    assert cursor(raw).date_time() == 0
    with pytest.raises(BadSyntax, match="Expected a date and time"):
        Cursor(raw, 0, ImapSettings(quirk_spelling=False)).date_time()


def test_punctuation() -> None:
    at = cursor(b"( x")
    assert at.next() == b"("
    assert at.take(b"(")
    assert not at.take(b"(")
    at.space()
    with pytest.raises(BadSyntax, match="Expected a space"):
        at.space()
    assert at.atom() == b"x"
    assert at.next() == b""
    with pytest.raises(BadSyntax, match="Missing argument"):
        at.space()
    at.end()


def test_a_literal8_holds_any_octets() -> None:
    """RFC 9051 §4.3.1"""
    for raw, value in (
        (b"~{3}\r\n\0\r\n", b"\0\r\n"),
        (b"~{0+}\r\n", b""),
        (b"{1}\r\nx", b"x"),
        (b'"a b"', b"a b"),
    ):
        at = cursor(raw + b" rest")
        assert at.string8() == value
        assert at.data[at.at :] == b" rest"
        assert cursor(raw).nstring8() == value
    assert cursor(b"nil").nstring8() is None
    for raw in (b"~", b'~"x"', b"~{x}\r\n", b"~{1}x", b"{1}\r\n\0", b"atom", b"NIL"):
        with pytest.raises(BadSyntax):
            cursor(raw).string8()
    for strict in (Cursor.string, Cursor.nstring):
        with pytest.raises(BadSyntax):
            strict(cursor(b"~{1}\r\nx"))


def test_a_literal8_may_be_still_to_come() -> None:
    with pytest.raises(LiteralPending):
        cursor(b"~{3}\r\n", partial=True).string8()
