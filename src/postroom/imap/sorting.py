"""SORT, THREAD and CANCELUPDATE (RFC 5256, RFC 5267, RFC 5957).

Owns: these commands as values, their grammar, their rows of the table. Never: sorts; the search program is
search_parser's, return options are search_returns'. Raises: BadSyntax.
"""

import enum
from dataclasses import dataclass

from .search_parser import check_returns, codec_of, mentions, parse_keys
from .search_returns import parse_return
from .syntax import BadSyntax
from .table import CommandInfo, Does, State
from .tokens import Cursor
from .types import Command, Fuzzy, SearchKey, SearchReturn


class SortKey(enum.Enum):
    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    FROM = b"FROM"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"
    DISPLAYFROM = b"DISPLAYFROM"  # RFC 5957 §5
    DISPLAYTO = b"DISPLAYTO"
    RELEVANCY = b"RELEVANCY"  # RFC 6203 §7


class Threading(enum.Enum):
    ORDEREDSUBJECT = b"ORDEREDSUBJECT"
    REFERENCES = b"REFERENCES"


@dataclass(frozen=True, slots=True)
class Criterion:
    key: SortKey
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort(Command):
    criteria: tuple[Criterion, ...]
    key: SearchKey
    uid: bool
    charset: bytes
    returns: SearchReturn | None = None  # None: answered with SORT, not ESEARCH


@dataclass(frozen=True, slots=True)
class Thread(Command):
    algorithm: Threading
    key: SearchKey
    uid: bool
    charset: bytes


@dataclass(frozen=True, slots=True)
class CancelUpdate(Command):
    tags: tuple[bytes, ...]


_SORT_KEYS = {key.value: key for key in SortKey}
_ALGORITHMS = {algorithm.value: algorithm for algorithm in Threading}


def sort(cursor: Cursor) -> Sort:
    return _sort(cursor, False)


def uid_sort(cursor: Cursor) -> Sort:
    return _sort(cursor, True)


def _sort(cursor: Cursor, uid: bool) -> Sort:
    """[search-return-opts SP] sort-criteria SP search-criteria (RFC 5256 §5, RFC 5267 §5 extended-sort)."""
    cursor.space()
    returns = parse_return(cursor)
    criteria = _criteria(cursor)
    cursor.space()
    charset, key = _search_criteria(cursor)
    check_returns(returns, key)
    if any(one.key is SortKey.RELEVANCY for one in criteria) and not mentions(key, Fuzzy):  # RFC 6203 §6
        raise BadSyntax("RELEVANCY without FUZZY")
    return Sort(criteria, key, uid, charset, returns)


def _criteria(cursor: Cursor) -> tuple[Criterion, ...]:
    """sort-criteria. Of two criteria with the same key the second can't matter and is left out: it only decides between
    messages that are alike in it. So there are never more than there are keys."""
    cursor.expect(b"(", "Expected sort criteria")
    found: dict[SortKey, bool] = {}
    while True:
        name = cursor.atom("Expected a sort key").upper()
        if reverse := name == b"REVERSE":
            cursor.space()
            name = cursor.atom("Expected a sort key").upper()
        if (key := _SORT_KEYS.get(name)) is None:
            raise BadSyntax("Unknown sort key")
        found.setdefault(key, reverse)
        if cursor.take(b")"):
            return tuple(Criterion(key, reverse) for key, reverse in found.items())
        cursor.space()


def _search_criteria(cursor: Cursor) -> tuple[bytes, SearchKey]:
    """charset 1*(SP search-key)"""
    charset = cursor.astring("Expected a charset").upper()
    codec = codec_of(charset)
    cursor.space()
    return charset, parse_keys(cursor, codec)


def thread(cursor: Cursor) -> Thread:
    return _thread(cursor, False)


def uid_thread(cursor: Cursor) -> Thread:
    return _thread(cursor, True)


def _thread(cursor: Cursor, uid: bool) -> Thread:
    cursor.space()
    algorithm = _ALGORITHMS.get(cursor.atom("Expected a threading algorithm").upper())
    if algorithm is None:
        raise BadSyntax("Unknown threading algorithm")
    cursor.space()
    charset, key = _search_criteria(cursor)
    return Thread(algorithm, key, uid, charset)


def cancel_update(cursor: Cursor) -> CancelUpdate:
    """CANCELUPDATE 1*(SP quoted) (RFC 5267 §5)"""
    tags: list[bytes] = []
    while not tags or cursor.at < len(cursor.data):
        cursor.space()
        tags.append(cursor.string("Expected a tag in quotes"))
    return CancelUpdate(tuple(tags))


# RFC 5256 §3: no EXPUNGE while SORT and THREAD are answered, but with their UID forms.
ROWS = (
    CommandInfo(b"SORT", sort, State.SELECTED, Does.USES_SEQ),
    CommandInfo(b"UID SORT", uid_sort, State.SELECTED, Does.MAY_EXPUNGE),
    CommandInfo(b"THREAD", thread, State.SELECTED, Does.USES_SEQ),
    CommandInfo(b"UID THREAD", uid_thread, State.SELECTED, Does.MAY_EXPUNGE),
    CommandInfo(b"CANCELUPDATE", cancel_update, State.SELECTED, Does.MAY_EXPUNGE),
)
