"""Asking SQLite.

Owns: the one place where rows of SQLite values become rows of what their columns hold; a transaction.
Raises: apsw.Error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import apsw
import msgspec

_INTEGERS = msgspec.json.Decoder(tuple[int, ...])


def columns(db: apsw.Connection, names: Sequence[str], source: str, args: Sequence[Any]) -> list[tuple[int, ...]]:
    """Whole columns of integers, in the order of `source`'s rows.

    SQLite writes each column as one text while other threads run, which is read at once: half the time of taking a
    tuple a row. None of the columns may hold NULL, which group_concat passes over.
    """
    aggregates = ", ".join(f"group_concat({name})" for name in names)
    (texts,) = fetch(db, f"SELECT {aggregates} FROM (SELECT {', '.join(names)} FROM {source})", args)
    return [_INTEGERS.decode(f"[{text}]") if text else () for text in texts]


def columns_and_octets(
    db: apsw.Connection, names: Sequence[str], octets: Sequence[str | None], source: str, args: Sequence[Any]
) -> list[Sequence[Any]]:
    """The same with columns of octets behind those of integers; None for one that is not wanted.

    All of a column's octets come as one, with their lengths. Row by row, each row's reader would let go of the
    interpreter's lock and wait for it again: beside others that cost two times the reading.
    """
    wanted = [name for name in octets if name is not None]
    aggregates = [
        *(f"group_concat({name})" for name in names),
        *(f"group_concat(length({name}))" for name in wanted),
        *(f"CAST(group_concat(CAST({name} AS TEXT), '') AS BLOB)" for name in wanted),
    ]
    (found,) = fetch(
        db, f"SELECT {', '.join(aggregates)} FROM (SELECT {', '.join((*names, *wanted))} FROM {source})", args
    )
    numbers = [_INTEGERS.decode(f"[{text}]") if text else () for text in found[: len(names) + len(wanted)]]
    pieces = iter(map(_cut, found[len(numbers) :], numbers[len(names) :]))
    absent = (None,) * len(numbers[0])
    return [*numbers[: len(names)], *(absent if name is None else next(pieces) for name in octets)]


def _cut(octets: bytes | None, lengths: Sequence[int]) -> list[bytes]:
    whole = octets or b""  # of no rows there is nothing
    return [whole[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


@contextmanager
def alone(db: apsw.Connection) -> Iterator[None]:
    """A transaction that no other writes beside, from its first statement on."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def fetch(db: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement, as tuples."""
    return db.execute(sql, args).fetchall()
