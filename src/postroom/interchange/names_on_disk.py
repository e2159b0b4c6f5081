"""The names of a folder's files in their order, however many there are.

Owns: sorting them aside, in a temporary database. Never: holds them all in memory. Raises: OSError, apsw.Error.
"""

import os
from collections.abc import Iterable, Iterator

import apsw

_CACHE_KIB = 4096
_FETCHED_AT_ONCE = 1000


class SortedNames:
    """(order, folder, name): `order` is a number that comes before the name in sorting. Close it."""

    def __init__(self) -> None:
        self._db = apsw.Connection("")  # a file that is gone when the connection is
        self._db.pragma("journal_mode", "off")
        self._db.pragma("synchronous", "off")
        self._db.pragma("temp_store", "file")
        self._db.pragma("cache_size", -_CACHE_KIB)
        self._db.execute("CREATE TABLE names(place INTEGER, folder BLOB, name BLOB)")

    def add(self, entries: Iterable[tuple[int, str, str]]) -> None:
        rows = ((place, os.fsencode(folder), os.fsencode(name)) for place, folder, name in entries)
        with self._db:
            self._db.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(folder, name)."""
        for folder, name in self._db.execute("SELECT folder, name FROM names ORDER BY place, name, folder"):
            yield os.fsdecode(folder), os.fsdecode(name)

    def close(self) -> None:
        self._db.close(True)
