"""Response lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import ImapSettings
from postroom.imap import encode as e
from postroom.imap.tokens import Cursor
from postroom.imap.types import Bad, Fatal

from .octets import octets

SETTINGS = ImapSettings(quirk_utf8_in_quoted=False)


def test_strings() -> None:
    assert e.quoted(b'a "b" \\') == b'"a \\"b\\" \\\\"'
    assert e.string(b"") == b'""'
    assert e.string(b"caf\xe9") == b"{4}\r\ncaf\xe9"
    assert e.string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert e.string(b"x" * 2000).startswith(b"{2000}\r\n")
    assert e.nstring(None) == b"NIL"
    assert e.nstring(b"NIL") == b'"NIL"'
    assert e.astring(b"INBOX") == b"INBOX"
    assert e.astring(b"a]b") == b"a]b"
    assert e.astring(b"nil") == b'"nil"'
    assert e.astring(b"a b") == b'"a b"'
    assert e.astring(b"a%") == b'"a%"'
    assert e.astring(b"") == b'""'


@given(octets(60))
def test_what_is_written_is_read_again(text: bytes) -> None:
    if b"\0" in text:
        return
    for raw in (e.string(text), e.nstring(text), e.astring(text)):
        cursor = Cursor(raw, 0, SETTINGS)
        assert cursor.astring() == text
        cursor.end()


@given(st.text(max_size=30))
def test_mailbox_names_are_read_again(name: str) -> None:
    cursor = Cursor(e.mailbox(name), 0, SETTINGS)
    assert cursor.mailbox() == ("INBOX" if name.upper() == "INBOX" and name.isascii() else name)


def test_date_time() -> None:
    assert e.date_time(837596665) == b'"17-Jul-1996 09:44:25 +0000"'
    assert e.date_time(760168345) == b'" 2-Feb-1994 05:52:25 +0000"'
    assert e.date_time(-1) == b'"31-Dec-1969 23:59:59 +0000"'
    assert e.date_time(-(10**15))[:12] == b'" 1-Jan-0001'
    assert e.date_time(10**15)[:12] == b'"31-Dec-9999'


@given(st.integers(-(10**10), 10**11))
def test_date_times_are_read_again(seconds: int) -> None:
    assert Cursor(e.date_time(seconds), 0, SETTINGS).date_time() == seconds


def test_status_responses() -> None:
    assert e.ok(b"a1", "done") == b"a1 OK done\r\n"
    assert e.no(b"a1", "no", b"TRYCREATE") == b"a1 NO [TRYCREATE] no\r\n"
    assert e.bad(b"*", "what?\r\nb1 OK\0") == b"* BAD what?  b1 OK \r\n"
    assert e.untagged(b"OK", "x", b"UIDNEXT 5") == b"* OK [UIDNEXT 5] x\r\n"
    assert e.ok(b"a", "") == b"a OK done\r\n"
    assert e.ok(b"a", "[ALERT] ü") == b"a OK ALERT] ?\r\n"  # text never becomes a response code
    assert e.bye("so long") == b"* BYE so long\r\n"
    assert e.answer(Bad(b"a", "too much", code=b"TOOBIG")) == b"a BAD [TOOBIG] too much\r\n"
    assert e.answer(Bad(b"a", "x", status=b"NO")) == b"a NO x\r\n"
    assert e.answer(Fatal("x", b"TOOBIG")) == b"* BYE [TOOBIG] x\r\n"


def test_continuations() -> None:
    assert e.continuation("idling") == b"+ idling\r\n"
    assert e.continuation() == b"+ \r\n"
    assert e.challenge(b"") == b"+ \r\n"
    assert e.challenge(b"test") == b"+ dGVzdA==\r\n"


def test_codes() -> None:
    assert e.appenduid_code(38505, [3955]) == b"APPENDUID 38505 3955"  # RFC 4315 §3
    assert e.copyuid_code(38505, [304, 319, 320], [3956, 3957, 3958]) == b"COPYUID 38505 304,319:320 3956:3958"
    assert e.copyuid_code(1, [], []) == b""
    assert e.capability_code([b"IMAP4rev1", b"ID"]) == b"CAPABILITY IMAP4rev1 ID"
    assert e.permanentflags_code(["\\Seen"], True) == b"PERMANENTFLAGS (\\Seen \\*)"
    assert e.permanentflags_code([], False) == b"PERMANENTFLAGS ()"


def test_data() -> None:
    assert e.capability([b"IMAP4rev1", b"IDLE"]) == b"* CAPABILITY IMAP4rev1 IDLE\r\n"
    assert e.enabled([b"X-GOOD-IDEA"]) == b"* ENABLED X-GOOD-IDEA\r\n"
    assert e.enabled([]) == b"* ENABLED\r\n"
    assert e.identification(None) == b"* ID NIL\r\n"
    assert e.identification([(b"name", b"Cyrus"), (b"os", None)]) == b'* ID ("name" "Cyrus" "os" NIL)\r\n'
    assert e.namespace([("", "/")]) == b'* NAMESPACE (("" "/")) NIL NIL\r\n'
    assert e.namespace([("", "/")], [("~", "/")], [("#a/", "/"), ("#b/", "/")]) == (
        b'* NAMESPACE (("" "/")) (("~" "/")) (("#a/" "/")("#b/" "/"))\r\n'
    )
    assert e.flags(["\\Seen", "k"]) == b"* FLAGS (\\Seen k)\r\n"
    assert e.list_line(["\\Noselect"], b'""') == b'* LIST (\\Noselect) "/" ""\r\n'
    assert e.list_line([], e.mailbox("Entwürfe & x"), lsub=True) == b'* LSUB () "/" "Entw&APw-rfe &- x"\r\n'
    assert e.status_line(b"blurdybloop", [b"MESSAGES 231", b"UIDNEXT 44292"]) == (
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n"
    )


@pytest.mark.parametrize("size", [1, 2, 100])
def test_search(size: int) -> None:
    assert b"".join(e.search_pieces([2, 84, 882], size)) == b"* SEARCH 2 84 882\r\n"
    assert b"".join(e.search_pieces([], size)) == b"* SEARCH\r\n"
    assert e.search_line([1]) == b"* SEARCH 1\r\n"


def test_rows() -> None:
    assert e.FLAGS % (12, b"\\Seen") == b"* 12 FETCH (FLAGS (\\Seen))\r\n"
    assert e.UID_FLAGS % (1, 2, b"") == b"* 1 FETCH (UID 2 FLAGS ())\r\n"
    assert e.FETCH % (1, b"UID 2") == b"* 1 FETCH (UID 2)\r\n"
    assert e.EXPUNGE % 3 == b"* 3 EXPUNGE\r\n"
    assert e.EXISTS % 3 + e.RECENT % 1 == b"* 3 EXISTS\r\n* 1 RECENT\r\n"
