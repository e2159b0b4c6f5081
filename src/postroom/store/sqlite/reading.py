"""Facts and octets of stored contents.

Owns: the SQL that reads contents, bodies and a mailbox's rows. Never: changes anything, runs on a writing connection.
Raises: NoSuchContent, apsw.Error, OSError (the account turns these into StoreFailure).
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, starmap, takewhile
from operator import attrgetter, eq
from typing import Any, NamedTuple

import apsw

from postroom.store.api import NoSuchContent, Stored, View, Want
from postroom.store.views import append_columns

from . import runs
from .files import AccountFiles
from .query import columns, columns_and_octets, fetch
from .selecting import ROW

_CHUNK = 512  # contents asked for in one statement
_WHOLE_CHUNK = 32  # the same when their octets are wanted too
_COLUMNS = (  # in the order of Stored's fields
    (Want.ENVELOPE, "envelope"),
    (Want.BODY_STRUCTURE, "body_structure"),
    (Want.BODY, "body"),
    (Want.HEADER, "header"),
    (Want.PARTS, "parts"),
    (Want.THREAD, "(SELECT thread_id FROM sort_keys WHERE content_id = contents.id)"),
    (Want.PREVIEW, "preview"),
)
_OCTETS = 5  # so many of them are octets
_PLAIN = Want.ENVELOPE | Want.BODY_STRUCTURE | Want.BODY | Want.HEADER | Want.PARTS
_MANY = 16  # contents from which on columns are quicker than rows
_id = attrgetter("content_id")


class _Plan(NamedTuple):
    """How to read some facts."""

    sql: str  # the statement without its condition: the columns are Stored's fields
    octets: tuple[str | None, ...] | None  # those columns that are octets; None: there are others too
    whole: bool
    measured: tuple[Callable[[Stored], bytes | str], ...]  # what counts against the budget, but for the whole


@lru_cache(maxsize=1 << len(Want))
def _plan(want: Want) -> _Plan:
    columns = [name if want & flag else "NULL" for flag, name in _COLUMNS]
    source, whole = "contents", "NULL"
    if want & Want.WHOLE:
        # A content in a file has no row in bodies; it is read from there.
        source = "contents LEFT JOIN bodies ON bodies.content_id = id"
        whole = "CASE WHEN size <= ? THEN coalesce(data, blob) END, header"
    sql = f"SELECT id, size, header_len, prefix_len, {', '.join(columns)}, {whole} FROM {source}"
    plain = not want & ~_PLAIN
    return _Plan(sql, tuple(_octet_columns(want)) if plain else None, bool(want & Want.WHOLE), _measured(want))


def _octet_columns(want: Want) -> Iterator[str | None]:
    return (name if want & flag else None for flag, name in _COLUMNS[:_OCTETS])


def _measured(want: Want) -> tuple[Callable[[Stored], bytes | str], ...]:
    return (
        *[attrgetter(name) for flag, name in _COLUMNS[:_OCTETS] if want & flag],
        *([_preview] if want & Want.PREVIEW else []),
    )


def _preview(stored: Stored) -> str:
    return stored.preview or ""


def read(db: apsw.Connection, files: AccountFiles, content_ids: Sequence[int], want: Want, budget: int) -> list[Stored]:
    """Facts for a prefix of the ids: at least one, then as many as fit in `budget` octets."""
    plan = _plan(want)
    step = _WHOLE_CHUNK if plan.whole else _CHUNK
    result: list[Stored] = []
    spent = 0
    for start in range(0, len(content_ids), step):
        chunk = content_ids[start : start + step]
        found, complete = _in_order(_whole(db, files, chunk, plan) if plan.whole else _facts(db, chunk, plan), chunk)
        if not found and not result:
            raise NoSuchContent(f"{files.folder}: content {chunk[0]}")
        if len(content_ids) == 1:
            return found
        ends = list(accumulate(_octets(found, plan), initial=spent))[1:]
        fitting = max(bisect_right(ends, budget), 0 if result else 1)
        result += found[:fitting]
        if not complete or fitting < len(chunk):
            break
        spent = ends[-1]
    return result


def _in_order(found: list[Stored], chunk: Sequence[int]) -> tuple[list[Stored], bool]:
    """The contents as they were asked for, up to the first that is not there; whether all are."""
    if len(found) == len(chunk) and all(map(eq, map(_id, found), chunk)):
        return found, True
    by_id = {stored.content_id: stored for stored in found}
    known = list(takewhile(by_id.__contains__, chunk))
    return [by_id[content_id] for content_id in known], len(known) == len(chunk)


def _octets(found: Sequence[Stored], plan: _Plan) -> list[int]:
    """How much was read of each."""
    lengths = [list(map(len, map(fact, found))) for fact in plan.measured]
    if plan.whole:
        lengths.append([len(stored.whole or b"") for stored in found])
    if len(lengths) == 1:
        return lengths[0]
    return list(map(sum, zip(*lengths, strict=True))) if lengths else [0] * len(found)


def _condition(chunk: Sequence[int]) -> tuple[str, tuple[Any, ...]]:
    """Some ids: one, a range, or a list."""
    if len(chunk) == 1:
        return "id = ?", (chunk[0],)
    first, last = chunk[0], chunk[-1]
    if last - first + 1 == len(chunk) and list(chunk) == list(range(first, last + 1)):
        return "id BETWEEN ? AND ?", (first, last)
    return "id IN (SELECT value FROM carray(?))", (apsw.carray(array("q", chunk)),)


def _rows(db: apsw.Connection, sql: str, first_args: tuple[int, ...], chunk: Sequence[int]) -> list[Any]:
    where, args = _condition(chunk)
    return fetch(db, f"{sql} WHERE {where}", (*first_args, *args))


def _facts(db: apsw.Connection, chunk: Sequence[int], plan: _Plan) -> list[Stored]:
    if plan.octets is None or len(chunk) < _MANY:
        return list(starmap(Stored, _rows(db, plan.sql, (), chunk)))
    where, args = _condition(chunk)
    columns = columns_and_octets(
        db, ("id", "size", "header_len", "prefix_len"), plan.octets, f"contents WHERE {where} ORDER BY id", args
    )
    return list(starmap(Stored, zip(*columns, strict=True)))


def _whole(db: apsw.Connection, files: AccountFiles, chunk: Sequence[int], plan: _Plan) -> list[Stored]:
    limit = files.settings.inline_limit_octets
    found: list[Stored] = []
    for *values, rest, header in _rows(db, plan.sql, (limit,), chunk):
        stored = Stored(*values)
        assert isinstance(header, bytes)
        if isinstance(rest, bytes):
            stored.whole = header + rest
        elif isinstance(rest, str):  # the limit was lower when it was stored
            content = files.disk.read_at(files.blob(rest), 0, stored.size - stored.prefix_len)
            stored.whole = header[: stored.prefix_len] + content
        found.append(stored)
    return found


def read_range(db: apsw.Connection, files: AccountFiles, content_id: int, start: int, end: int) -> bytes:
    """Octets of prefix + content."""
    found = fetch(db, "SELECT size, header_len, prefix_len, blob FROM contents WHERE id = ?", (content_id,))
    if not found:
        raise NoSuchContent(f"{files.folder}: content {content_id}")
    size, header_len, prefix_len, blob = found[0]
    start, end = max(start, 0), min(end, size)
    if start >= end:
        return b""
    split = header_len if blob is None else prefix_len  # where the header column ends to be the source
    head = b""
    if start < split:
        head = _piece(db, "SELECT substr(header, ?, ?) FROM contents WHERE id = ?", start, min(end, split), content_id)
        if end <= split:
            return head
        start = split
    if blob is None:
        sql = "SELECT substr(data, ?, ?) FROM bodies WHERE content_id = ?"
        return head + _piece(db, sql, start - split, end - split, content_id)
    try:
        return head + files.disk.read_at(files.blob(blob), start - split, end - start)
    except FileNotFoundError:
        raise NoSuchContent(f"{files.folder}: content {content_id}: no file {blob}") from None


def _piece(db: apsw.Connection, sql: str, start: int, end: int, content_id: int) -> bytes:
    found = fetch(db, sql, (start + 1, end - start, content_id))
    octets: bytes = found[0][0] if found else b""
    return octets


def line_end_octets(db: apsw.Connection) -> dict[int, int]:
    """By content id; most accounts have none, and an index of those."""
    return dict(fetch(db, "SELECT id, line_end_octets FROM contents WHERE line_end_octets > 0"))


def view_columns(db: apsw.Connection, mailbox_id: int) -> list[Sequence[int]]:
    """A mailbox's rows as they are now, a column at a time; in a transaction."""
    uids, masks, modseqs, *others = columns(db, ROW, "messages WHERE mailbox_id = ? ORDER BY uid", (mailbox_id,))
    if not (pending := runs.read(db, mailbox_id)):
        return [uids, masks, modseqs, *others]
    now = array("L", uids), array("q", masks), array("q", modseqs)
    runs.apply(pending, *now)
    return [*now, *others]


def load_view(db: apsw.Connection, view: View) -> int:
    """Fill an empty view; the account's modseq at that moment."""
    db.execute("BEGIN")
    try:
        (modseq,) = fetch(db, "SELECT modseq FROM account")[0]
        found = view_columns(db, view.mailbox.mailbox_id)
    finally:
        db.execute("ROLLBACK")
    append_columns(view, found)
    return int(modseq)
