"""SEARCH's keys (RFC 3501 §6.4.4, §9 search-key).

Owns: criteria octets -> SearchKey tree, strings decoded from their charset. Never: searches. Raises: BadSyntax, with
NO [BADCHARSET …] for a charset that is not known.
"""

import re
from collections.abc import Callable

from postroom.message.charset import python_codec

from .syntax import BadSyntax
from .tokens import Cursor
from .types import (
    All,
    And,
    DateField,
    DateRange,
    HasFlag,
    InSet,
    Larger,
    Not,
    Or,
    SearchKey,
    Smaller,
    Text,
    TextIn,
)

_KEY = re.compile(rb"[A-Za-z]+")
_SET_AHEAD = re.compile(rb"[0-9*]")
BADCHARSET = b"BADCHARSET (US-ASCII UTF-8)"

_FIXED: dict[bytes, SearchKey] = {
    b"ALL": All(),
    b"NEW": And((HasFlag("\\Recent", True), HasFlag("\\Seen", False))),
    b"OLD": HasFlag("\\Recent", False),
    b"RECENT": HasFlag("\\Recent", True),
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    _FIXED[_flag.upper().encode()] = HasFlag("\\" + _flag, True)
    _FIXED[b"UN" + _flag.upper().encode()] = HasFlag("\\" + _flag, False)

_TEXT_KEYS = {
    b"FROM": TextIn.FROM,
    b"TO": TextIn.TO,
    b"CC": TextIn.CC,
    b"BCC": TextIn.BCC,
    b"SUBJECT": TextIn.SUBJECT,
    b"BODY": TextIn.BODY,
    b"TEXT": TextIn.TEXT,
}
_DATE_KEYS: dict[bytes, tuple[DateField, Callable[[int], tuple[int | None, int | None]]]] = {}
for _prefix, _field in ((b"", DateField.INTERNAL), (b"SENT", DateField.SENT)):
    _DATE_KEYS[_prefix + b"BEFORE"] = (_field, lambda day: (None, day - 1))
    _DATE_KEYS[_prefix + b"ON"] = (_field, lambda day: (day, day))
    _DATE_KEYS[_prefix + b"SINCE"] = (_field, lambda day: (day, None))

_WITH_ARGUMENT = {b"UID", b"NOT", b"OR", b"HEADER", b"KEYWORD", b"UNKEYWORD", b"LARGER", b"SMALLER", *_DATE_KEYS}


class _Criteria:
    """One SEARCH's keys while they are read."""

    __slots__ = ("codec", "cursor", "keys_left", "max_depth")

    def __init__(self, cursor: Cursor, codec: str | None) -> None:
        self.cursor = cursor
        self.codec = codec
        self.keys_left = cursor.settings.max_search_keys
        self.max_depth = cursor.settings.max_search_depth

    def keys(self, depth: int) -> SearchKey:
        """search-key *(SP search-key): all must hold."""
        found = [self.key(depth)]
        while self.cursor.take(b" "):
            found.append(self.key(depth))
        return found[0] if len(found) == 1 else And(tuple(found))

    def key(self, depth: int) -> SearchKey:
        self.keys_left -= 1
        if self.keys_left < 0:
            raise BadSyntax("Too many search keys")
        if depth > self.max_depth:
            raise BadSyntax("Search keys nested too deep")
        cursor = self.cursor
        found = _KEY.match(cursor.data, cursor.at)
        if found is None:
            return self._other(depth)
        name = found[0].upper()
        cursor.at = found.end()
        if (fixed := _FIXED.get(name)) is not None:
            return fixed
        if (where := _TEXT_KEYS.get(name)) is not None:
            cursor.space()
            return Text(where, self.text())
        if name not in _WITH_ARGUMENT:
            raise BadSyntax("Unknown search key")
        cursor.space()
        if (dates := _DATE_KEYS.get(name)) is not None:
            return DateRange(dates[0], *dates[1](cursor.date()))
        return self._with_argument(name, depth)

    def _other(self, depth: int) -> SearchKey:
        cursor = self.cursor
        if cursor.take(b"("):
            inner = self.keys(depth + 1)
            cursor.expect(b")", "Unbalanced parentheses in search keys")
            return inner
        if _SET_AHEAD.match(cursor.data, cursor.at):
            return InSet(cursor.seqset(), False)
        raise BadSyntax("Expected a search key")

    def _with_argument(self, name: bytes, depth: int) -> SearchKey:
        """A key of _WITH_ARGUMENT, behind its space."""
        cursor = self.cursor
        match name:
            case b"UID":
                return InSet(cursor.seqset(), True)
            case b"NOT":
                return Not(self.key(depth + 1))
            case b"OR":
                left = self.key(depth + 1)
                cursor.space()
                return Or(left, self.key(depth + 1))
            case b"HEADER":
                field = cursor.astring("Expected a header field name").decode("utf-8", "replace")
                cursor.space()
                return Text(TextIn.HEADER, self.text(), field)
            case b"KEYWORD" | b"UNKEYWORD":
                return HasFlag(cursor.atom("Expected a keyword").decode("ascii"), name == b"KEYWORD")
            case b"LARGER":
                return Larger(cursor.number(most=2**63 - 1))
            case _:  # SMALLER
                return Smaller(cursor.number(most=2**63 - 1))

    def text(self) -> str:
        """astring, in the search's charset. Without one it is US-ASCII; clients send UTF-8 there, and mean it."""
        raw = self.cursor.astring("Expected a string to search for")
        try:
            if self.codec is None:
                return raw.decode("utf-8")
            return raw.decode(self.codec)
        except ValueError:
            raise BadSyntax("A search string is not valid in its charset") from None


def parse_criteria(cursor: Cursor) -> tuple[SearchKey, bytes | None]:
    """["CHARSET" SP astring SP] search-key *(SP search-key), to the end of the command; the key and the charset."""
    charset: bytes | None = None
    codec: str | None = None
    if cursor.data[cursor.at : cursor.at + 8].upper() == b"CHARSET ":
        cursor.at += 8
        charset = cursor.astring("Expected a charset").upper()
        codec = python_codec(charset.decode("ascii", "replace"))
        if not codec:  # RFC 3501 §6.4.4
            raise BadSyntax("Charset not supported", status=b"NO", code=BADCHARSET)
        cursor.space()
    key = _Criteria(cursor, codec).keys(0)
    cursor.end()
    return key, charset
