"""LIST with its extended forms, LSUB and STATUS (RFC 3501 §6.3.8-10, RFC 5258 §6, RFC 6154 §6, RFC 5819, RFC 9590).

Owns: their arguments. Never: knows mailboxes. Raises: BadSyntax.

A return option is a row of _RETURN_OPTIONS: its name, and what reads the arguments behind it, if it has any.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from unicodedata import normalize

from .metadata import entries
from .syntax import BadSyntax
from .tokens import Cursor
from .types import List, Status, StatusItem

_SELECT_OPTIONS = {b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"}
_STATUS_ITEMS = {item.value: item for item in StatusItem}


@dataclass(slots=True)
class _Returns:
    """The return options of one LIST, as they are read."""

    names: dict[bytes, None] = field(default_factory=dict)
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()


def _status(cursor: Cursor, returns: _Returns) -> None:
    cursor.space()
    returns.status = _status_items(cursor)


def _metadata(cursor: Cursor, returns: _Returns) -> None:
    cursor.space()
    if cursor.next() != b"(":
        raise BadSyntax("Expected a list of entries")
    returns.metadata = entries(cursor)


_RETURN_OPTIONS: dict[bytes, Callable[[Cursor, _Returns], None] | None] = {
    b"SUBSCRIBED": None,
    b"CHILDREN": None,
    b"SPECIAL-USE": None,
    b"MYRIGHTS": None,  # RFC 8440 §5
    b"STATUS": _status,  # RFC 5819 §4
    b"METADATA": _metadata,  # RFC 9590 §4
}


def parse_list(cursor: Cursor) -> List:
    """LIST's arguments, from the space behind its name."""
    cursor.space()
    select: tuple[bytes, ...] = ()
    extended = cursor.next() == b"("
    if extended:
        select = _options(cursor, _SELECT_OPTIONS)
        if b"RECURSIVEMATCH" in select and not {b"SUBSCRIBED", b"SPECIAL-USE"} & set(select):
            raise BadSyntax("RECURSIVEMATCH needs another selection option")  # RFC 5258 §3.1
        cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    if cursor.next() == b"(":
        extended = True
        patterns = _patterns(cursor)
    else:
        pattern = cursor.list_mailbox()
        patterns = () if pattern is None else (pattern,)  # RFC 5258 §3: patterns not accepted are ignored
    if cursor.utf8:
        patterns = _spellings(patterns)
    returns = _Returns()
    if cursor.take(b" "):
        extended = True
        if cursor.atom("Expected RETURN").upper() != b"RETURN":
            raise BadSyntax("Expected RETURN")
        cursor.space()
        _return_options(cursor, returns)
    cursor.end()
    return List(reference, patterns, False, select, tuple(returns.names), extended, returns.status, returns.metadata)


def parse_lsub(cursor: Cursor) -> List:
    """LSUB's arguments."""
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    pattern = cursor.list_mailbox()
    cursor.end()
    return List(reference, () if pattern is None else (pattern,), lsub=True)


def _spellings(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Mailboxes are found by denormalized names too (RFC 9051 §5.1)."""
    return tuple(dict.fromkeys(form for pattern in patterns for form in (pattern, normalize("NFC", pattern))))


def _patterns(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect(b"(", "Expected patterns")
    found = [cursor.list_mailbox()]
    while cursor.take(b" "):
        found.append(cursor.list_mailbox())
        if len(found) > cursor.settings.max_list_patterns:
            raise BadSyntax("Too many mailbox patterns")
    cursor.expect(b")", "Invalid mailbox patterns")
    return tuple(pattern for pattern in dict.fromkeys(found) if pattern is not None)


def _options(cursor: Cursor, known: set[bytes]) -> tuple[bytes, ...]:
    """The selection options, each once; RFC 5258 §3: an unknown one is BAD."""
    cursor.expect(b"(", "Expected LIST options")
    found: dict[bytes, None] = {}
    while not cursor.take(b")"):
        if found:
            cursor.space()
        option = cursor.atom("Expected a LIST option").upper()
        if option not in known:
            raise BadSyntax("Unknown LIST option")
        found[option] = None
    return tuple(found)


def _return_options(cursor: Cursor, returns: _Returns) -> None:
    """The return options, into `returns`."""
    cursor.expect(b"(", "Expected LIST options")
    while not cursor.take(b")"):
        if returns.names:
            cursor.space()
        option = cursor.atom("Expected a LIST option").upper()
        if option not in _RETURN_OPTIONS:
            raise BadSyntax("Unknown LIST option")
        returns.names[option] = None
        if (arguments := _RETURN_OPTIONS[option]) is not None:
            arguments(cursor, returns)


def parse_status(cursor: Cursor) -> Status:
    """STATUS's arguments."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    items = _status_items(cursor)
    cursor.end()
    return Status(mailbox, items)


def _status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    """A parenthesised list of at least one, each once."""
    cursor.expect(b"(", "Expected STATUS items")
    found: dict[StatusItem, None] = {}
    while True:
        item = _STATUS_ITEMS.get(cursor.atom("Expected a STATUS item").upper())
        if item is None:
            raise BadSyntax("Unknown STATUS item")
        found[item] = None
        if not cursor.take(b" "):
            break
    cursor.expect(b")", "Invalid STATUS items")
    return tuple(found)
