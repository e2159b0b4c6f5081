"""FETCH items as columns: formats, sections, substrings."""

from types import SimpleNamespace
from typing import cast

import pytest

from postroom.imap.types import Item, Section, SectionText
from postroom.message import Scanner
from postroom.servers.imap.columns import NIL, Value, column, literal
from postroom.servers.imap.rows import Rows
from postroom.servers.imap.sections import Octets, picked
from postroom.servers.imap.selected import SelectedMailbox
from postroom.store.api import Stored, Want

PREFIX = b"Return-Path: <x@y.example>\r\n"
INNER = b"Subject: inner\r\nX-A: 1\r\n\r\ninner text\r\n"
CONTENT = (
    b"Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"preamble\r\n--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    + INNER
    + b"--b\r\n\r\nlast\r\n--b--\r\n"
)


def stored(*, whole: bool = True) -> Stored:
    scanner = Scanner()
    scanner.feed(CONTENT)
    facts = scanner.finish()
    return Stored(
        content_id=5,
        size=len(PREFIX) + facts.size,
        header_len=len(PREFIX) + facts.header_len,
        prefix_len=len(PREFIX),
        envelope=b"(E)",
        body_structure=b"(S)",
        body=b"(B)",
        header=PREFIX + facts.header,
        parts=facts.parts,
        whole=PREFIX + CONTENT if whole else None,
    )


def value(item: Item | Section, *, whole: bool = True) -> Value:
    rows = Rows(range(1), [7], [0], [123], [822_000_000], [9], [5])
    selected = cast(SelectedMailbox, SimpleNamespace(knows_global=True))
    [one] = column(item).values(selected, rows, [stored(whole=whole)])
    return one


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Item.UID, b"UID 7"),
        (Item.SIZE, b"RFC822.SIZE 123"),
        (Item.MODSEQ, b"MODSEQ (9)"),
        (Item.INTERNALDATE, b'INTERNALDATE "18-Jan-1996 21:20:00 +0000"'),
        (Item.ENVELOPE, b"ENVELOPE (E)"),
        (Item.BODYSTRUCTURE, b"BODYSTRUCTURE (S)"),
        (Item.BODY, b"BODY (B)"),
    ],
)
def test_items(item: Item, text: bytes) -> None:
    assert column(item).format % value(item) == text


WHOLE = PREFIX + CONTENT
HEADER, _, TEXT = WHOLE.partition(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("part", "text", "octets"),
    [
        ((), SectionText.ALL, WHOLE),
        ((), SectionText.HEADER, HEADER + b"\r\n\r\n"),
        ((), SectionText.TEXT, TEXT),
        ((1,), SectionText.ALL, b"first"),
        ((1,), SectionText.MIME, b"Content-Type: text/plain\r\n\r\n"),
        ((2,), SectionText.ALL, INNER[:-2]),
        ((2,), SectionText.HEADER, b"Subject: inner\r\nX-A: 1\r\n\r\n"),
        ((2,), SectionText.TEXT, b"inner text"),
        ((2, 1), SectionText.ALL, b"inner text"),
        ((2,), SectionText.MIME, b"Content-Type: message/rfc822\r\n\r\n"),
        ((3,), SectionText.ALL, b"last"),
        ((4,), SectionText.ALL, None),
        ((1, 1), SectionText.ALL, None),
        ((1,), SectionText.HEADER, None),
        ((2, 2), SectionText.MIME, None),
    ],
)
def test_sections(part: tuple[int, ...], text: SectionText, octets: bytes | None) -> None:
    section = Section(part=part, text=text)
    assert value(section) == (NIL if octets is None else literal(octets))
    if octets is None:
        assert value(section, whole=False) == NIL
    elif not (part == () and text is SectionText.HEADER):
        late = value(section, whole=False)
        assert isinstance(late, Octets)
        assert WHOLE[late.start : late.end] == octets


@pytest.mark.parametrize(
    ("partial", "octets"),
    [((0, 5), b"first"), ((0, 900), b"first"), ((1, 2), b"ir"), ((4, 5), b"t"), ((5, 1), b""), ((900, 1), b"")],
)
def test_substrings(partial: tuple[int, int], octets: bytes) -> None:
    section = Section(part=(1,), partial=partial)
    assert value(section) == literal(octets)
    late = value(section, whole=False)
    if octets:
        assert isinstance(late, Octets)
        assert WHOLE[late.start : late.end] == octets
    else:
        assert late == b'""'


def test_substrings_of_the_header() -> None:
    assert value(Section(text=SectionText.HEADER, partial=(0, 6))) == b"{6}\r\nReturn"
    fields = Section(text=SectionText.HEADER_FIELDS, fields=(b"subject",), partial=(9, 5))
    assert value(fields) == b"{5}\r\nouter"  # counted after the fields were picked


def test_header_fields_of_an_attached_message() -> None:
    fields = Section(part=(2,), text=SectionText.HEADER_FIELDS, fields=(b"X-a", b"From"))
    assert value(fields) == literal(b"X-A: 1\r\n\r\n")
    others = Section(part=(2,), text=SectionText.HEADER_FIELDS_NOT, fields=(b"X-a",))
    assert value(others) == literal(b"Subject: inner\r\n\r\n")
    late = value(others, whole=False)
    assert isinstance(late, Octets)
    assert late.fields is others
    assert picked(others, WHOLE[late.start : late.end]) == b"Subject: inner\r\n\r\n"


def test_a_header_section_reads_the_header_only() -> None:
    for text in (SectionText.HEADER, SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT):
        assert column(Section(text=text)).wants == Want.HEADER
    assert column(Section()).wants == Want.WHOLE
    assert column(Section(part=(1,))).wants == Want.WHOLE | Want.PARTS


def test_a_label_with_a_percent_sign() -> None:
    section = Section(text=SectionText.HEADER_FIELDS, fields=(b"%d",), label=b"BODY[HEADER.FIELDS (%d)]")
    assert column(section).format % value(section) == b"BODY[HEADER.FIELDS (%d)] {2}\r\n\r\n"


def test_empty_strings_are_quoted_and_missing_facts_nil() -> None:
    assert literal(b"") == b'""'
    bare = Stored(1, 0, 0, 0)
    rows = Rows(range(1), [1], [0], [0], [0], [0], [1])
    for item in (Item.ENVELOPE, Item.BODY, Item.BODYSTRUCTURE):
        assert column(item).values(cast(SelectedMailbox, SimpleNamespace(knows_global=True)), rows, [bare]) == [NIL]
    assert column(Section(part=(1,))).values(
        cast(SelectedMailbox, SimpleNamespace(knows_global=True)), rows, [bare]
    ) == [NIL]
