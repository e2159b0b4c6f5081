"""APPEND's and REPLACE's grammar, stretch by stretch; the many spellings are in tests/transcripts/imap."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.append_parser import EXTENSIONS, Place, append, begin_append, begin_replace, stretch
from postroom.imap.syntax import LiteralPending
from postroom.imap.tokens import Cursor
from postroom.imap.types import Append, AppendPart, Begin, Literal, Replace, SeqSet, Url

SMALL = ImapSettings(max_append_messages=2, max_catenate_parts=2)


def cursor(raw: bytes, *, partial: bool = True) -> Cursor:
    return Cursor(raw, 0, SMALL, partial=partial)


def parts(raw: bytes) -> tuple[AppendPart, ...]:
    return begin_append(cursor(raw))[0].parts


def fails(raw: bytes, place: Place | None = None, *, partial: bool = True) -> BadSyntax:
    at = cursor(raw, partial=partial)
    with pytest.raises(BadSyntax) as caught:
        _ = begin_append(at) if place is None else stretch(at, place)
    return caught.value


def test_a_message() -> None:
    raw = b' x (\\Seen a) " 1-Jan-1970 00:00:00 +0000" {5+}\r\n'
    assert begin_append(cursor(raw)) == (
        Append("x", (Begin(("\\Seen", "a"), 0), Literal(5, sync=False))),
        Place(messages=1),
    )
    assert parts(b" INBOX {5}\r\n") == (Begin(), Literal(5, sync=True))
    fails(b" x {5}\r\n", partial=False)
    for raw in (b" x (a){5}\r\n", b" x  {5}\r\n", b" x () () {5}\r\n", b' x "y" {5}\r\n', b" x BLOB {5}\r\n"):
        assert fails(raw).status == b"BAD"


def test_literal8() -> None:
    """RFC 4466 §3."""
    assert parts(b" x ~{5}\r\n") == (Begin(), Literal(5, sync=True, binary=True))
    assert parts(b" x ~{5+}\r\n") == (Begin(), Literal(5, sync=False, binary=True))
    fails(b" x ~ {5}\r\n")


def test_utf8() -> None:
    """RFC 6855 §4."""
    command, place = begin_append(cursor(b" x utf8 (~{5}\r\n"))
    assert command.parts == (Begin(), Literal(5, sync=True, binary=True, utf8=True))
    assert not place.may_end
    assert stretch(cursor(b")", partial=False), place) == ((), True, Place(messages=1))
    for raw in (b" x UTF8 ({5}\r\n", b" x UTF8 ~{5}\r\n", b" x UTF8(~{5}\r\n"):
        fails(raw)
    for raw in (b"", b" )", b") "):
        fails(raw, place, partial=False)


def test_catenate() -> None:
    """RFC 4469 §5."""
    command, place = begin_append(cursor(b' x (a) Catenate (URL "/b" TEXT {3}\r\n'))
    assert command.parts == (Begin(("a",)), Url(b"/b"), Literal(3, sync=True))
    assert stretch(cursor(b")", partial=False), place)[:2] == ((), True)
    more, ends, place = stretch(cursor(b") CATENATE (UTF8 (~{1+}\r\n"), place)
    assert (more, ends) == ((Begin(), Literal(1, sync=False, binary=True, utf8=True)), False)
    assert stretch(cursor(b") URL {1+}\r\nz)", partial=False), place)[:2] == ((Url(b"z"),), True)
    with pytest.raises(LiteralPending):
        stretch(cursor(b") URL {1}\r\n"), place)
    assert append(cursor(b" x CATENATE (URL y)", partial=False)) == Append("x", (Begin(), Url(b"y")), ends=True)
    for raw in (
        b" x CATENATE ()",
        b" x CATENATE (URL y",
        b" x CATENATE (URL)",
        b" x CATENATE (y)",
        b" x CATENATE URL y",
    ):
        fails(raw, partial=False)


def test_limits() -> None:
    """RFC 5530 §3 LIMIT."""
    assert fails(b" {3}\r\n", Place(messages=2)).code == b"LIMIT"
    assert fails(b" x CATENATE (URL a URL b URL c)", partial=False).code == b"LIMIT"
    assert len(append(cursor(b" x CATENATE (URL a URL b) CATENATE (URL c URL d)", partial=False)).parts) == 6


def test_replace() -> None:
    """RFC 8508 §5."""
    command, place = begin_replace(cursor(b" * x (a) {3}\r\n"), uid=True)
    assert command == Replace(SeqSet(((None, None),)), True, Append("x", (Begin(("a",)), Literal(3, sync=True))))
    assert stretch(cursor(b"", partial=False), place)[1]
    fails(b" {3}\r\n", place)  # §4.7: one message
    for raw in (b" 1:2 x {3}\r\n", b" 0 x {3}\r\n", b" 1,2 x {3}\r\n", b" 4294967296 x {3}\r\n", b" x {3}\r\n"):
        with pytest.raises(BadSyntax):
            begin_replace(cursor(raw), uid=False)


def test_an_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 4466 §3 append-ext."""
    monkeypatch.setitem(EXTENSIONS, b"X-NOTE", lambda cursor: cursor.string())
    assert parts(b' x X-Note "a" X-NOTE "b" {3}\r\n')[0] == Begin((), None, ((b"X-NOTE", b"a"), (b"X-NOTE", b"b")))
    fails(b' x X-OTHER "a" {3}\r\n')
