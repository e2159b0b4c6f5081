"""Asking SQLite.

Owns: the one place where rows of SQLite values become rows of what their columns hold; a transaction.
Raises: apsw.Error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
