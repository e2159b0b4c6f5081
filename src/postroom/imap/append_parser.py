"""APPEND and REPLACE: what they say before, between and behind the literals of their messages.

Owns: the grammar of RFC 4466 §3 (append), with MULTIAPPEND, CATENATE, literal8, UTF8 and REPLACE. Never: sees an octet
of a message (the engine streams them). Raises: BadSyntax, LiteralPending.

The octets between two streamed literals are read as one stretch. A Place says where in the grammar a stretch begins:

    MESSAGES --literal--> MESSAGES      MESSAGES --UTF8 (literal8--> UTF8 --")"--> MESSAGES
    MESSAGES --CATENATE ( … TEXT literal--> CATENATE --")"--> MESSAGES
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from .syntax import BadSyntax
from .tokens import Cursor
from .types import Append, AppendPart, Begin, Literal, Replace, SeqSet, Url

_LITERAL = re.compile(rb"(~?)\{([0-9]{1,10})(\+?)\}\r\n\Z")
_NUMBER = re.compile(rb"\*|[1-9][0-9]{0,9}")
_EXPECTED = "Expected the message as a literal"

# append-ext by name, in upper case (RFC 4466 §3): what reads the value, from behind its space.
EXTENSIONS: dict[bytes, Callable[[Cursor], object]] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the grammar the next stretch begins, and what came before it."""

    messages: int = 0
    parts: int = 0  # of the CATENATE under way
    catenate: bool = False  # within CATENATE (…)
    utf8: bool = False  # within UTF8 (…)
    single: bool = False  # a REPLACE, which takes one message (RFC 8508 §4.7)

    @property
    def may_end(self) -> bool:
        """Whether the command may end here."""
        return self.messages > 0 and not self.catenate and not self.utf8


def append(cursor: Cursor) -> Append:
    """An APPEND all of whose octets are in the store already; `begin_append` reads one with a streamed literal."""
    return begin_append(cursor)[0]


def begin_append(cursor: Cursor) -> tuple[Append, Place]:
    """APPEND from behind its name, to its end or to a partial cursor's."""
    cursor.space()
    return _append(cursor, Place())


def _append(cursor: Cursor, place: Place) -> tuple[Append, Place]:
    mailbox = cursor.mailbox()
    parts, ends, place = stretch(cursor, place)
    return Append(mailbox, parts, ends), place


def replace_(cursor: Cursor) -> Replace:
    return begin_replace(cursor, uid=False)[0]


def uid_replace(cursor: Cursor) -> Replace:
    return begin_replace(cursor, uid=True)[0]


def begin_replace(cursor: Cursor, *, uid: bool) -> tuple[Replace, Place]:
    """REPLACE and UID REPLACE (RFC 8508 §5): a seq-number, then as APPEND."""
    cursor.space()
    found = _NUMBER.match(cursor.data, cursor.at)
    if found is None:
        raise BadSyntax("Expected a message number")
    cursor.at = found.end()
    number = None if found[0] == b"*" else int(found[0])
    if number is not None and number > 2**32 - 1:
        raise BadSyntax("Number too large")
    cursor.space()
    command, place = _append(cursor, Place(single=True))
    return Replace(SeqSet(((number, number),)), uid, command), place


def stretch(cursor: Cursor, place: Place) -> tuple[tuple[AppendPart, ...], bool, Place]:
    """The parts up to the streamed literal that ends a partial cursor, or to the command's end; whether it ends."""
    parts: list[AppendPart] = []
    if place.utf8:
        cursor.expect(b")", "Invalid UTF8 data")
        place = replace(place, utf8=False)
    while True:
        if place.catenate:
            if cursor.take(b")"):
                place = replace(place, catenate=False)
                continue
            cursor.space()
            place = _cat_part(cursor, place, parts)
        elif cursor.at == len(cursor.data) and place.may_end:
            return tuple(parts), True, place
        else:
            cursor.space()
            place = _message(cursor, place, parts)
        if parts and isinstance(parts[-1], Literal):
            return tuple(parts), False, place


def _message(cursor: Cursor, place: Place, parts: list[AppendPart]) -> Place:
    """append-message (RFC 4466 §3), to its literal or to the first part of its CATENATE."""
    if place.single and place.messages:
        raise BadSyntax("Unexpected text after the message")
    if place.messages >= cursor.settings.max_append_messages:
        raise BadSyntax("Too many messages in one command", status=b"NO", code=b"LIMIT")
    place = replace(place, messages=place.messages + 1, parts=0)
    flags: tuple[str, ...] = ()
    internal_date: int | None = None
    extensions: list[tuple[bytes, object]] = []
    if cursor.next() == b"(":
        flags = cursor.flag_list()
        cursor.space()
    if cursor.next() == b'"':
        internal_date = cursor.date_time()
        cursor.space()
    while (name := _label(cursor)) in EXTENSIONS:
        cursor.space()
        extensions.append((name, EXTENSIONS[name](cursor)))
        cursor.space()
    parts.append(Begin(flags, internal_date, tuple(extensions)))
    if name == b"CATENATE":
        cursor.space()
        cursor.expect(b"(", "Expected the parts of the message")
        return _cat_part(cursor, replace(place, catenate=True), parts)
    return _literal(cursor, place, parts, name)


def _cat_part(cursor: Cursor, place: Place, parts: list[AppendPart]) -> Place:
    """cat-part (RFC 4469 §5, RFC 6855 §4)."""
    if place.parts >= cursor.settings.max_catenate_parts:
        raise BadSyntax("Too many parts in one message", status=b"NO", code=b"LIMIT")
    place = replace(place, parts=place.parts + 1)
    name = _label(cursor)
    if name == b"URL":
        cursor.space()
        parts.append(Url(cursor.astring("Expected a URL")))
        return place
    if name == b"TEXT":
        cursor.space()
        name = b""
    elif name != b"UTF8":
        raise BadSyntax("Expected TEXT, URL or UTF8")
    return _literal(cursor, place, parts, name)


def _label(cursor: Cursor) -> bytes:
    """The word ahead in upper case; b"" when a literal is."""
    if cursor.next() in (b"{", b"~"):
        return b""
    return cursor.atom(_EXPECTED).upper()


def _literal(cursor: Cursor, place: Place, parts: list[AppendPart], label: bytes) -> Place:
    """The announcement that ends the stretch: literal, literal8, or UTF8 (literal8 (RFC 6855 §4)."""
    utf8 = label == b"UTF8"
    if utf8:
        cursor.space()
        cursor.expect(b"(", _EXPECTED)
    elif label:
        raise BadSyntax(_EXPECTED)
    found = _LITERAL.match(cursor.data, cursor.at) if cursor.partial else None
    if found is None or (utf8 and not found[1]):
        raise BadSyntax(_EXPECTED)
    cursor.at = found.end()
    parts.append(Literal(int(found[2]), not found[3], bool(found[1]), utf8))
    return replace(place, utf8=utf8)
