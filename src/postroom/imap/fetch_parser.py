"""FETCH's data items (RFC 3501 §6.4.5, §9 fetch-att).

Owns: item octets -> FetchItem values with ready response labels. Never: reads a message. Raises: BadSyntax.
"""

import re
from functools import lru_cache

from .settings import ImapSettings
from .syntax import BadSyntax
from .tokens import Cursor
from .types import Binary, FetchItem, Item, Preview, Section, SectionText

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.]*")
_SIMPLE: dict[bytes, FetchItem] = {
    b"FLAGS": Item.FLAGS,
    b"UID": Item.UID,
    b"INTERNALDATE": Item.INTERNALDATE,
    b"RFC822.SIZE": Item.SIZE,
    b"ENVELOPE": Item.ENVELOPE,
    b"BODY": Item.BODY,
    b"BODYSTRUCTURE": Item.BODYSTRUCTURE,
    b"MODSEQ": Item.MODSEQ,  # RFC 7162 §3.1.4.2
    b"EMAILID": Item.EMAILID,  # RFC 8474 §5.1
    b"THREADID": Item.THREADID,  # RFC 8474 §5.2
    b"SAVEDATE": Item.SAVEDATE,  # RFC 8514 §4.2
    # RFC 3501 §6.4.5: the same octets as BODY[], BODY.PEEK[HEADER] and BODY[TEXT] under another name
    b"RFC822": Section(label=b"RFC822"),
    b"RFC822.HEADER": Section(text=SectionText.HEADER, peek=True, label=b"RFC822.HEADER"),
    b"RFC822.TEXT": Section(text=SectionText.TEXT, label=b"RFC822.TEXT"),
}
_FAST: tuple[FetchItem, ...] = (Item.FLAGS, Item.INTERNALDATE, Item.SIZE)
_ALL = (*_FAST, Item.ENVELOPE)
_MACROS = {b"FAST": _FAST, b"ALL": _ALL, b"FULL": (*_ALL, Item.BODY)}
_PART = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_TEXT = re.compile(rb"[A-Za-z]+(?:\.[A-Za-z]+)*")
_TEXTS = {text.value: text for text in SectionText if text.value}
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")  # RFC 9051 §9 number64
_MAX = 2**63 - 1
_FIELD = re.compile(rb"[\x21-\x39\x3b-\x7e]+")  # RFC 5322 §3.6.8 ftext
_FIELD_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_CACHED_OCTETS = 512


def parse_items(cursor: Cursor, uid: bool) -> tuple[FetchItem, ...]:
    """All that follows the message set, to the end of the command."""
    rest = cursor.data[cursor.at :]
    limits = cursor.settings
    if len(rest) <= _CACHED_OCTETS and b"\n" not in rest:  # clients ask for the same items again and again
        items = _cached(rest, uid, limits.max_fetch_items, limits.max_header_fields, limits.max_part_depth)
        cursor.at = len(cursor.data)
        return items
    return _items(cursor, uid)


@lru_cache(maxsize=512)
def _cached(
    rest: bytes, uid: bool, max_fetch_items: int, max_header_fields: int, max_part_depth: int
) -> tuple[FetchItem, ...]:
    limits = ImapSettings(
        max_fetch_items=max_fetch_items, max_header_fields=max_header_fields, max_part_depth=max_part_depth
    )
    return _items(Cursor(rest, 0, limits), uid)


def _items(cursor: Cursor, uid: bool) -> tuple[FetchItem, ...]:
    if cursor.next() == b"(":
        items = parse_item_list(cursor)
    elif macro := _MACROS.get(cursor.data[cursor.at :].upper()):
        cursor.at = len(cursor.data)
        items = macro
    else:
        items = (_item(cursor),)
    cursor.end()
    if uid and Item.UID not in items:  # RFC 3501 §6.4.8
        return (Item.UID, *items)
    return items


def parse_item_list(cursor: Cursor) -> tuple[FetchItem, ...]:
    """ "(" fetch-att *(SP fetch-att) ")": in FETCH, and what NOTIFY and SEARCH want of new messages (RFC 5465 §8)."""
    cursor.expect(b"(", "Expected FETCH items")
    found = {_item(cursor): None}
    while cursor.take(b" "):
        found[_item(cursor)] = None
        if len(found) > cursor.settings.max_fetch_items:
            raise BadSyntax("Too many FETCH items")
    cursor.expect(b")", "Invalid FETCH items")
    return tuple(found)


def _item(cursor: Cursor) -> FetchItem:
    found = _NAME.match(cursor.data, cursor.at)
    if found is None:
        raise BadSyntax("Expected a FETCH item")
    name = found[0].upper()
    end = found.end()
    if name in (b"BODY", b"BODY.PEEK") and cursor.data.startswith(b"[", end):
        cursor.at = end + 1
        return _section(cursor, peek=name == b"BODY.PEEK")
    if name in (b"BINARY", b"BINARY.PEEK", b"BINARY.SIZE") and cursor.data.startswith(b"[", end):
        cursor.at = end + 1
        return _binary(cursor, name)
    if name == b"PREVIEW":
        cursor.at = end
        return _preview(cursor)
    item = _SIMPLE.get(name)
    if item is None:
        raise BadSyntax("Unknown FETCH item")
    cursor.at = end
    return item


def parse_section(spec: bytes, settings: ImapSettings) -> Section:
    """What stands between the brackets of BODY[…]."""
    cursor = Cursor(spec + b"]", 0, settings)
    section = _section(cursor, peek=True)
    cursor.end()
    return section


def _binary(cursor: Cursor, name: bytes) -> Binary:
    """section-binary and partial (RFC 3516 §7), from behind the "["."""
    spec, part = _part(cursor)
    cursor.expect(b"]", "Invalid section")
    if name == b"BINARY.SIZE":
        return Binary(part, peek=True, size=True, label=b"BINARY.SIZE[%b]" % spec)
    partial, origin = _partial(cursor)
    return Binary(part, partial, name == b"BINARY.PEEK", label=b"BINARY[%b]%b" % (spec, origin))


def _preview(cursor: Cursor) -> Preview:
    """PREVIEW and its modifiers (RFC 8970 §6)."""
    if not cursor.take(b" ("):
        return Preview()
    while cursor.atom("Expected a PREVIEW modifier").upper() == b"LAZY":
        if cursor.take(b")"):
            return Preview(lazy=True)
        cursor.space()
    raise BadSyntax("Unknown PREVIEW modifier")


def _section(cursor: Cursor, peek: bool) -> Section:
    """section and partial, from behind the "["."""
    spec, part = _part(cursor)
    text = SectionText.ALL
    fields: tuple[bytes, ...] = ()
    if not part or cursor.take(b"."):
        text = _section_text(cursor, bool(part))
        spec = b"%b.%b" % (spec, text.value) if part else text.value
        if text in (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT):
            cursor.space()
            fields = _header_list(cursor)
            spec += b" (%b)" % b" ".join(map(_field_label, fields))
    cursor.expect(b"]", "Invalid section")
    partial, origin = _partial(cursor)
    return Section(part, text, fields, partial, peek, b"BODY[%b]%b" % (spec, origin))


def _part(cursor: Cursor) -> tuple[bytes, tuple[int, ...]]:
    """section-part, as written and as numbers; empty when there is none."""
    if (found := _PART.match(cursor.data, cursor.at)) is None:
        return b"", ()
    part = tuple(map(int, found[0].split(b".")))
    if len(part) > cursor.settings.max_part_depth:
        raise BadSyntax("Part specification too deep")
    cursor.at = found.end()
    return found[0], part


def _partial(cursor: Cursor) -> tuple[tuple[int, int] | None, bytes]:
    """partial, and what the response says of it: the origin octet only (RFC 3501 §7.4.2)."""
    if cursor.next() != b"<":
        return None, b""
    if (found := _PARTIAL.match(cursor.data, cursor.at)) is None:
        raise BadSyntax("Invalid partial range")
    partial = int(found[1]), int(found[2])
    if max(partial) > _MAX:
        raise BadSyntax("Number too large")
    cursor.at = found.end()
    return partial, b"<%d>" % partial[0]


def _section_text(cursor: Cursor, in_part: bool) -> SectionText:
    found = _TEXT.match(cursor.data, cursor.at)
    if found is None:
        if in_part or cursor.next() != b"]":
            raise BadSyntax("Invalid section")
        return SectionText.ALL
    text = _TEXTS.get(found[0].upper())
    if text is None or (text is SectionText.MIME and not in_part):  # RFC 3501 §9: MIME needs a part number
        raise BadSyntax("Invalid section")
    cursor.at = found.end()
    return text


def _header_list(cursor: Cursor) -> tuple[bytes, ...]:
    cursor.expect(b"(", "Expected a list of header fields")
    fields = [_field(cursor)]
    while cursor.take(b" "):
        fields.append(_field(cursor))
        if len(fields) > cursor.settings.max_header_fields:
            raise BadSyntax("Too many header fields")
    cursor.expect(b")", "Invalid list of header fields")
    return tuple(fields)


def _field(cursor: Cursor) -> bytes:
    name = cursor.astring("Expected a header field name")
    if not _FIELD.fullmatch(name):
        raise BadSyntax("Invalid header field name")
    return name


def _field_label(name: bytes) -> bytes:
    if _FIELD_ATOM.fullmatch(name):
        return name
    return b'"%b"' % name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
