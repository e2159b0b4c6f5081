"""LIST with its extended forms, LSUB and STATUS (RFC 3501 §6.3.8-10, RFC 5258 §6, RFC 6154 §6).

Owns: their arguments. Never: knows mailboxes. Raises: BadSyntax.
"""

from .syntax import BadSyntax
from .tokens import Cursor
from .types import List, Status, StatusItem

_SELECT_OPTIONS = {b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"}
_RETURN_OPTIONS = {b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS"}  # RFC 8440 §5
_STATUS_ITEMS = {item.value: item for item in StatusItem}


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
    returns: tuple[bytes, ...] = ()
    if cursor.take(b" "):
        extended = True
        if cursor.atom("Expected RETURN").upper() != b"RETURN":
            raise BadSyntax("Expected RETURN")
        cursor.space()
        returns = _options(cursor, _RETURN_OPTIONS)
    cursor.end()
    return List(reference, patterns, False, select, returns, extended)


def parse_lsub(cursor: Cursor) -> List:
    """LSUB's arguments."""
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    pattern = cursor.list_mailbox()
    cursor.end()
    return List(reference, () if pattern is None else (pattern,), lsub=True)


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
    """A parenthesised list of options, each once; RFC 5258 §3: an unknown one is BAD."""
    cursor.expect(b"(", "Expected LIST options")
    found: dict[bytes, None] = {}
    if cursor.take(b")"):
        return ()
    while True:
        option = cursor.atom("Expected a LIST option").upper()
        if option not in known:
            raise BadSyntax("Unknown LIST option")
        found[option] = None
        if not cursor.take(b" "):
            break
    cursor.expect(b")", "Invalid LIST options")
    return tuple(found)


def parse_status(cursor: Cursor) -> Status:
    """STATUS's arguments."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
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
    cursor.end()
    return Status(mailbox, tuple(found))
