"""FETCH items; the many good and bad spellings are in tests/transcripts/imap/fetch.txt."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.fetch_parser import parse_items, parse_section
from postroom.imap.tokens import Cursor
from postroom.imap.types import Binary, FetchItem, Item, Preview, Section, SectionText


def items(raw: bytes, settings: ImapSettings | None = None, *, uid: bool = False) -> tuple[FetchItem, ...]:
    return parse_items(Cursor(raw, 0, settings or ImapSettings()), uid)


def section(raw: bytes) -> Section:
    (item,) = items(raw)
    assert isinstance(item, Section)
    return item


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        (b"BODY[]", b"BODY[]"),
        (b"body.peek[]<5.10>", b"BODY[]<5>"),
        (b"BODY.PEEK[1.2.mime]", b"BODY[1.2.MIME]"),
        (b"BODY[1.header]", b"BODY[1.HEADER]"),
        (b"BODY[text]", b"BODY[TEXT]"),
        (b'BODY[header.fields (Date "To")]', b"BODY[HEADER.FIELDS (Date To)]"),
        (b"BODY[3.Header.Fields.Not (x)]<0.1>", b"BODY[3.HEADER.FIELDS.NOT (x)]<0>"),
        (b'BODY[HEADER.FIELDS ("a\\"(b")]', b'BODY[HEADER.FIELDS ("a\\"(b")]'),
        (b"rfc822", b"RFC822"),
        (b"rfc822.header", b"RFC822.HEADER"),
        (b"RFC822.TEXT", b"RFC822.TEXT"),
    ],
)
def test_labels_are_ready_to_send(raw: bytes, label: bytes) -> None:
    assert section(raw).label == label


def test_sections() -> None:
    assert section(b"BODY.PEEK[1.2.HEADER.FIELDS (A b)]<3.4>") == Section(
        (1, 2), SectionText.HEADER_FIELDS, (b"A", b"b"), (3, 4), True, b"BODY[1.2.HEADER.FIELDS (A b)]<3>"
    )
    assert section(b"BODY[]") == Section()
    assert section(b"RFC822.HEADER").peek  # RFC 3501 §6.4.5: like BODY.PEEK[HEADER]
    assert not section(b"RFC822.TEXT").peek
    assert not section(b"RFC822").peek


def test_uid_fetch_brings_the_uid() -> None:
    assert items(b"FLAGS", uid=True) == (Item.UID, Item.FLAGS)
    assert items(b"(FLAGS UID)", uid=True) == (Item.FLAGS, Item.UID)


def test_a_long_list_is_not_cached_but_the_same() -> None:
    fields = b" ".join(b"X-Field-%d" % k for k in range(100))
    assert len(section(b"BODY[HEADER.FIELDS (%b)]" % fields).fields) == 100


def test_limits() -> None:
    few = ImapSettings(max_fetch_items=16, max_header_fields=16, max_part_depth=4)
    numbers = [b"BODY[%d]" % k for k in range(1, 18)]
    assert len(items(b"(%b)" % b" ".join(numbers[:16]), few)) == 16
    for raw in (
        b"(%b)" % b" ".join(numbers),
        b"BODY[HEADER.FIELDS (%b)]" % b" ".join([b"a"] * 17),
        b"BODY[1.2.3.4.5]",
    ):
        with pytest.raises(BadSyntax):
            items(raw, few)
    assert items(b"BODY[1.2.3.4]", few)


def test_binary() -> None:
    """RFC 3516 §7."""
    assert items(b"(binary[1.2] BINARY.peek[3]<5.10> BINARY.SIZE[] BINARY[])") == (
        Binary((1, 2), label=b"BINARY[1.2]"),
        Binary((3,), (5, 10), peek=True, label=b"BINARY[3]<5>"),
        Binary(peek=True, size=True, label=b"BINARY.SIZE[]"),
        Binary(),
    )
    for raw in (b"BINARY[1.HEADER]", b"BINARY[TEXT]", b"BINARY.SIZE[1]<0.1>", b"BINARY.PEEK", b"BINARY.SIZES[1]"):
        with pytest.raises(BadSyntax):
            items(raw)
    with pytest.raises(BadSyntax):
        items(b"BINARY[1.1.1.1.1]", ImapSettings(max_part_depth=4))


def test_preview() -> None:
    """RFC 8970 §6."""
    assert items(b"(PREVIEW preview (LAZY) UID)") == (Preview(), Preview(lazy=True), Item.UID)
    for raw in (b"PREVIEW ", b"PREVIEW (", b"PREVIEW (LAZY", b"PREVIEW (LAZY )", b"(PREVIEW (LAZY)"):
        with pytest.raises(BadSyntax):
            items(raw)


def test_a_section_alone() -> None:
    assert parse_section(b"1.MIME", ImapSettings()) == Section((1,), SectionText.MIME, peek=True, label=b"BODY[1.MIME]")
    for raw in (b"1]", b"1]<0.5>", b"x", b"MIME"):
        with pytest.raises(BadSyntax):
            parse_section(raw, ImapSettings())
