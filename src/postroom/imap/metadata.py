"""GETMETADATA and SETMETADATA, and the METADATA response (RFC 5464).

Owns: their values, arguments and octets, the rules for names of entries. Never: knows which entries there are.
Raises: BadSyntax.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .encode import astring, string
from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command

# RFC 5464 §3.2: components behind /private or /shared, none empty, without wildcards, controls and 8-bit octets
_ENTRY = re.compile(rb"/(?:private|shared)((?:/[^\x00-\x1f/*%\x7f-\xff]+)*)", re.IGNORECASE)
_OPTIONS_AHEAD = re.compile(rb"\([A-Za-z]")  # entries begin with "/"
SPECIAL_USE = "/private/specialuse"  # RFC 6154 §4
INFINITY = 1 << 16  # deeper than any name


@dataclass(frozen=True, slots=True)
class GetMetadata(Command):
    """`mailbox` "": the server's. Entries as the client wrote them; they compare without case (RFC 5464 §3.2)."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int = 0
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata(Command):
    """A value None removes the entry. Each entry once, in lower case."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


# ---- arguments


def entries(cursor: Cursor) -> tuple[str, ...]:
    """entries (RFC 5464 §5), each once; without parentheses too where its examples (§4.4.1) have them so."""
    closed = cursor.take(b"(")
    found: dict[str, str] = {}
    while True:
        name = _entry(cursor)
        found.setdefault(name.lower(), name)
        if len(found) > cursor.settings.max_metadata_entries:
            raise BadSyntax("Too many entries")
        if not cursor.take(b" "):
            break
    if closed:
        cursor.expect(b")", "Invalid list of entries")
    return tuple(found.values())


def _entry(cursor: Cursor, at_least: int = 0) -> str:
    """entry; `at_least` so many components behind the scope."""
    raw = cursor.astring("Expected the name of an entry")
    if len(raw) > cursor.settings.max_metadata_entry_octets:
        raise BadSyntax("Entry name too long", status=b"NO", code=b"LIMIT")
    found = _ENTRY.fullmatch(raw)
    if found is None or found[1].count(b"/") < at_least:
        raise BadSyntax("Not the name of an entry")
    return raw.decode("ascii")


def get_metadata(cursor: Cursor) -> GetMetadata:
    """Options stand before the mailbox in RFC 5464's grammar (§5), behind it in its examples (§4.2.1)."""
    cursor.space()
    options = _options(cursor) if cursor.next() == b"(" else None
    mailbox = cursor.mailbox()
    cursor.space()
    if options is None and _OPTIONS_AHEAD.match(cursor.data, cursor.at):
        options = _options(cursor)
    depth, max_size = options or (0, None)
    wanted = entries(cursor)
    cursor.end()
    return GetMetadata(mailbox, wanted, depth, max_size)


def _options(cursor: Cursor) -> tuple[int, int | None]:
    """(MAXSIZE n DEPTH 0|1|infinity) and the space behind it."""
    cursor.expect(b"(", "Expected options")
    depth, max_size = 0, None
    while True:
        option = cursor.atom("Expected an option").upper()
        cursor.space()
        if option == b"MAXSIZE":
            max_size = cursor.number("Expected a size")
        elif option == b"DEPTH":
            depth = _depth(cursor)
        else:
            raise BadSyntax("Unknown option")
        if not cursor.take(b" "):
            break
    cursor.expect(b")", "Invalid options")
    cursor.space()
    return depth, max_size


def _depth(cursor: Cursor) -> int:
    found = {b"0": 0, b"1": 1, b"INFINITY": INFINITY}.get(cursor.atom("Expected a depth").upper())
    if found is None:
        raise BadSyntax("DEPTH is 0, 1 or infinity")
    return found


def set_metadata(cursor: Cursor) -> SetMetadata:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    cursor.expect(b"(", "Expected entries and values")
    values: dict[str, bytes | None] = {}
    while True:
        name = _entry(cursor, at_least=1).lower()
        cursor.space()
        value = values[name] = cursor.nstring8()
        most = cursor.settings.max_metadata_value_octets
        if value is not None and len(value) > most:
            raise BadSyntax("Value too large", status=b"NO", code=b"METADATA MAXSIZE %d" % most)  # RFC 5464 §4.3
        if name == SPECIAL_USE and value:
            values[name] = _special_use(value, cursor)
        if len(values) > cursor.settings.max_metadata_entries:
            raise BadSyntax("Too many entries")
        if not cursor.take(b" "):
            break
    cursor.expect(b")", "Invalid entries and values")
    cursor.end()
    return SetMetadata(mailbox, tuple(values.items()))


def _special_use(value: bytes, cursor: Cursor) -> bytes:
    """RFC 6154 §4: as in LIST; as many as CREATE takes, which is one. In the RFC's own case."""
    inner = Cursor(value, 0, cursor.settings)
    try:
        use = inner.special_use()
        inner.end()
    except BadSyntax:
        raise BadSyntax("Special use not supported", status=b"NO", code=b"USEATTR") from None
    return use.encode("ascii")


ROWS = (
    CommandInfo(b"GETMETADATA", get_metadata, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"SETMETADATA", set_metadata, SIGNED_IN, Does.MAY_EXPUNGE),
)

# ---- responses


def metadata(name: bytes, values: Iterable[tuple[str, bytes | None]]) -> bytes:
    """METADATA with values (RFC 5464 §4.4.1); `name` as encode.mailbox makes it."""
    pairs = b" ".join(b"%b %b" % (astring(entry.encode("ascii")), _value(value)) for entry, value in values)
    return b"* METADATA %b (%b)\r\n" % (name, pairs)


def metadata_changed(name: bytes, names: Iterable[str]) -> bytes:
    """METADATA without values (RFC 5464 §4.4.2)."""
    return b"* METADATA %b %b\r\n" % (name, b" ".join(astring(entry.encode("ascii")) for entry in names))


def _value(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    return b"~{%d}\r\n%b" % (len(value), value) if b"\0" in value else string(value)
