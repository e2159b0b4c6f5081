"""data/directory.db: which accounts here are of people whom the directory outside knows, and since when it does not.

Owns: that file. Never: knows who they are (postroom.db does). Raises: DirectoryFailure.

It tells accounts that the directory has brought from those that were made here: only the former end with it.
"""

import os
from pathlib import Path

import apsw

from postroom.accounts import DirectoryFailure
from postroom.base import Clock

_APPLICATION_ID = 0x506F5244  # "PoRD"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    account_id INTEGER PRIMARY KEY,
    first_seen REAL NOT NULL,                -- seconds since 1970
    gone_since REAL                          -- since when the directory does not know them; NULL: it does
) STRICT;
"""


class Seen:
    """The file at `path`; None: in memory, for tests. A look-up takes microseconds, so it happens on the event loop;
    changes are rare and wait for the disk."""

    def __init__(self, path: Path | None, clock: Clock, busy_timeout_seconds: float = 10.0) -> None:
        self._clock = clock
        try:
            if path is not None and not path.exists():
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = apsw.Connection(str(path) if path is not None else ":memory:")
            self._db.set_busy_timeout(int(busy_timeout_seconds * 1000))
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "NORMAL")
            self._db.pragma("application_id", _APPLICATION_ID)
            self._db.execute(_SCHEMA)
        except (apsw.Error, OSError) as error:
            text = f"{path} can't be opened: {error}"
            raise DirectoryFailure(text, text=text) from error

    def close(self) -> None:
        self._db.close()

    def _one(self, statement: str, values: tuple[float | int, ...]) -> tuple[float | None, ...] | None:
        try:
            row = self._db.execute(statement, values).fetchone()
        except apsw.Error as error:
            raise DirectoryFailure(f"directory.db: {error}") from error
        return tuple(row) if row is not None else None

    def knows(self, account_id: int) -> bool:
        """Whether the directory has brought this account."""
        return self._one("SELECT 1 FROM seen WHERE account_id = ?", (account_id,)) is not None

    def here(self, account_id: int) -> None:
        """The directory knows them."""
        row = self._one("SELECT gone_since FROM seen WHERE account_id = ?", (account_id,))
        if row is None:
            self._one("INSERT OR IGNORE INTO seen VALUES (?, ?, NULL)", (account_id, self._clock.now()))
        elif row[0] is not None:
            self._one("UPDATE seen SET gone_since = NULL WHERE account_id = ?", (account_id,))

    def gone(self, account_id: int) -> float:
        """The directory does not know them; seconds since when."""
        row = self._one("SELECT gone_since FROM seen WHERE account_id = ?", (account_id,))
        now = self._clock.now()
        if row is None or row[0] is not None:
            return now - row[0] if row is not None and row[0] is not None else 0.0
        self._one("UPDATE seen SET gone_since = ? WHERE account_id = ?", (now, account_id))
        return 0.0
