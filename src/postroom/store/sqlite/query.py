"""Asking SQLite.

Owns: the one place where rows of SQLite values become rows of what their columns hold. Raises: apsw.Error.
"""

from collections.abc import Sequence
from typing import Any

import apsw


def fetch(db: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement, as tuples."""
    return db.execute(sql, args).fetchall()
