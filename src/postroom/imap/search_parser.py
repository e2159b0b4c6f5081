"""The search program of every searching command: its charset, its keys (RFC 3501 §6.4.4, §9 search-key).

Owns: criteria octets -> SearchKey tree, strings decoded from their charset. Never: searches; return options are
search_returns'. Raises: BadSyntax, with NO [BADCHARSET …] for a charset that is not known.
"""

import re
from collections.abc import Callable, Iterator

from postroom.message.charset import python_codec

from .search_returns import parse_return
from .syntax import BadSyntax
from .tokens import Cursor
from .types import (
    All,
    And,
    DateField,
    DateRange,
    EmailId,
    Fuzzy,
    HasFlag,
    InSet,
    Larger,
    ModSeq,
    Not,
    Or,
    Search,
    SearchKey,
    SearchReturn,
    Smaller,
    Text,
    TextIn,
    ThreadId,
    Within,
)

_KEY = re.compile(rb"[A-Za-z]+")
_SET_AHEAD = re.compile(rb"[0-9*$]")
_ENTRY_TYPES = (b"PRIV", b"SHARED", b"ALL")
_OBJECTID = re.compile(rb"[A-Za-z0-9_-]{1,255}(?=[ )]|\Z)")  # RFC 8474 §7 objectid
_LONGEST = 2**63 - 1
BADCHARSET = b"BADCHARSET (US-ASCII UTF-8)"

_FIXED: dict[bytes, SearchKey] = {
    b"ALL": All(),
    b"NEW": And((HasFlag("\\Recent", True), HasFlag("\\Seen", False))),
    b"OLD": HasFlag("\\Recent", False),
    b"RECENT": HasFlag("\\Recent", True),
    b"SAVEDATESUPPORTED": All(),  # RFC 8514 §4.3: by every mailbox here
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
for _prefix, _field in ((b"", DateField.INTERNAL), (b"SENT", DateField.SENT), (b"SAVED", DateField.SAVED)):
    _DATE_KEYS[_prefix + b"BEFORE"] = (_field, lambda day: (None, day - 1))
    _DATE_KEYS[_prefix + b"ON"] = (_field, lambda day: (day, day))
    _DATE_KEYS[_prefix + b"SINCE"] = (_field, lambda day: (day, None))

_WITH_ARGUMENT = {
    b"UID", b"NOT", b"OR", b"HEADER", b"KEYWORD", b"UNKEYWORD", b"LARGER", b"SMALLER", b"OLDER", b"YOUNGER", b"MODSEQ",
    b"EMAILID", b"THREADID", b"FUZZY", *_DATE_KEYS,
}  # fmt: skip


class _Criteria:
    """One SEARCH's keys while they are read."""

    __slots__ = ("codec", "cursor", "keys_left", "max_depth", "texts_left")

    def __init__(self, cursor: Cursor, codec: str | None) -> None:
        self.cursor = cursor
        self.codec = codec
        self.keys_left = cursor.settings.max_search_keys
        self.texts_left = cursor.settings.max_search_texts
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
                return HasFlag(self._keyword(), name == b"KEYWORD")
            case b"FUZZY":
                return Fuzzy(self.key(depth + 1))
            case _:
                return self._plain(name)

    def _keyword(self) -> str:
        """flag-keyword, an atom, which some clients quote."""
        cursor = self.cursor
        if cursor.next() != b'"' or not cursor.settings.quirk_spelling:
            return cursor.atom("Expected a keyword").decode("ascii")
        inner = Cursor(cursor.string("Expected a keyword"), 0, cursor.settings)
        keyword = inner.atom("Expected a keyword").decode("ascii")
        inner.end()
        return keyword

    def _plain(self, name: bytes) -> SearchKey:
        """A key whose argument is a number or an atom."""
        cursor = self.cursor
        match name:
            case b"OLDER" | b"YOUNGER":  # RFC 5032 §3: nz-number
                if not (seconds := cursor.number()):
                    raise BadSyntax("Expected a number of seconds above 0")
                return Within(seconds, name == b"YOUNGER")
            case b"MODSEQ":
                return self._modseq()
            case b"EMAILID" | b"THREADID":
                found = _OBJECTID.match(cursor.data, cursor.at)
                if found is None:
                    raise BadSyntax("Expected an object identifier")
                cursor.at = found.end()
                return EmailId(found[0]) if name == b"EMAILID" else ThreadId(found[0])
            case b"LARGER":
                return Larger(cursor.number(most=_LONGEST))
            case _:  # SMALLER
                return Smaller(cursor.number(most=_LONGEST))

    def _modseq(self) -> ModSeq:
        """[entry-name SP entry-type-req SP] mod-sequence-valzer (RFC 7162 §7). The entry is "/flags/…"; it is passed
        over, because mod-sequences are not kept by flag (§3.1.5)."""
        cursor = self.cursor
        if cursor.next() == b'"':
            if not cursor.string().lower().startswith(b"/flags/"):
                raise BadSyntax("Expected an entry like /flags/\\\\Seen")
            cursor.space()
            if cursor.atom("Expected priv, shared or all").upper() not in _ENTRY_TYPES:
                raise BadSyntax("Expected priv, shared or all")
            cursor.space()
        return ModSeq(cursor.number(most=_LONGEST))

    def text(self) -> str:
        """astring, in the search's charset. Without one it is US-ASCII; clients send UTF-8 there, and mean it."""
        self.texts_left -= 1
        if self.texts_left < 0:  # RFC 5530 §3: each may mean reading the whole mailbox
            raise BadSyntax("Too many texts to search for", status=b"NO", code=b"LIMIT")
        raw = self.cursor.astring("Expected a string to search for")
        try:
            if self.codec is None:
                return raw.decode("utf-8")
            return raw.decode(self.codec)
        except ValueError:
            raise BadSyntax("A search string is not valid in its charset") from None


def codec_of(charset: bytes) -> str:
    """Python's codec of a CHARSET argument."""
    codec = python_codec(charset.decode("ascii", "replace"))
    if not codec:  # RFC 3501 §6.4.4
        raise BadSyntax("Charset not supported", status=b"NO", code=BADCHARSET)
    return codec


def parse_keys(cursor: Cursor, codec: str | None) -> SearchKey:
    """search-key *(SP search-key), to the end of the command."""
    key = _Criteria(cursor, codec).keys(0)
    cursor.end()
    return key


def parse_criteria(cursor: Cursor) -> tuple[SearchKey, bytes | None]:
    """["CHARSET" SP astring SP] search-key *(SP search-key), to the end of the command; the key and the charset."""
    charset: bytes | None = None
    codec: str | None = None
    if cursor.data[cursor.at : cursor.at + 8].upper() == b"CHARSET ":
        cursor.at += 8
        charset = cursor.astring("Expected a charset").upper()
        codec = codec_of(charset)
        cursor.space()
    return parse_keys(cursor, codec), charset


def parse_search(cursor: Cursor, *, uid: bool, default: SearchReturn | None = None) -> Search:
    """[SP search-return-opts] SP search-program (RFC 4466 §2.6.1)."""
    cursor.space()
    returns = parse_return(cursor) or default
    try:
        key, charset = parse_criteria(cursor)
    except BadSyntax as error:
        if error.status == b"BAD" or returns is None or not returns.save:
            raise
        return Search(All(), uid, None, returns, error.answer)
    check_returns(returns, key)
    return Search(key, uid, charset, returns)


def check_returns(returns: SearchReturn | None, key: SearchKey) -> None:
    """What return options ask of the keys."""
    if returns is not None and returns.relevancy and not mentions(key, Fuzzy):  # RFC 6203 §4
        raise BadSyntax("RELEVANCY without FUZZY")


def keys_within(key: SearchKey) -> Iterator[SearchKey]:
    """The key and every key in it."""
    waiting = [key]
    while waiting:
        one = waiting.pop()
        yield one
        match one:
            case And(keys):
                waiting += keys
            case Or(left, right):
                waiting += (left, right)
            case Not(inner) | Fuzzy(inner):
                waiting.append(inner)


def mentions(key: SearchKey, kind: type) -> bool:
    """Whether a key of this kind is anywhere in the tree."""
    return any(isinstance(one, kind) for one in keys_within(key))
