"""data/reputation.db: who has come before, and how it went; who was asked to come again.

Owns: its schema, the connection for reading. Never: decides anything. Raises: ReputationFailure.

All of it may be lost without a message being lost, so a commit does not wait for the disk. What is read by key is read
on the event loop, through a connection of its own; changes are made in a thread.
"""

from pathlib import Path
from typing import NamedTuple

import apsw

from postroom.base import MailError
from postroom.base.small_database import SmallDatabase

APPLICATION_ID = 0x506F5253  # "PoRS"
_READ_BUSY_MILLISECONDS = 50  # the event loop waits for it
_FIRST = """
CREATE TABLE origin (
    key TEXT PRIMARY KEY,                    -- "192.0.2.0/24", or a domain that SPF vouches for
    first REAL NOT NULL,                     -- seconds since 1970
    last REAL NOT NULL,
    passed INTEGER NOT NULL,                 -- 1: it came again when it was asked to
    good INTEGER NOT NULL,                   -- messages
    junk INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX origin_by_last ON origin (last);
CREATE TABLE attempt (
    key BLOB PRIMARY KEY,                    -- a hash of origin or sender, and recipient
    origin TEXT NOT NULL,                    -- '': of a sender who comes from anywhere
    first REAL NOT NULL,
    last REAL NOT NULL,
    times INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_by_first ON attempt (first);
CREATE INDEX attempt_by_origin ON attempt (origin, last);
"""
MIGRATIONS = {1: _FIRST}
_ROW = "SELECT first, last, passed, good, junk FROM origin WHERE key = ?"


class ReputationFailure(MailError):
    """SQLite or the disk refuses."""


class Remembered(NamedTuple):
    """What is known of a network or a domain. `first` and `last`: seconds since 1970."""

    first: float
    last: float
    passed: bool
    good: int
    junk: int


class ReputationDatabase(SmallDatabase):
    """The file at `path`, which several processes may have open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            MIGRATIONS,
            application_id=APPLICATION_ID,
            kind="reputation",
            failure=ReputationFailure,
            synchronous="NORMAL",
        )
        try:
            self._reader = self._open(_READ_BUSY_MILLISECONDS)
        except apsw.Error as error:
            raise self._failure(error) from error

    def remembered(self, key: str) -> Remembered | None:
        """Of a network or domain. Raises ReputationFailure."""
        try:
            row = self._reader.execute(_ROW, (key,)).fetchone()
        except apsw.Error as error:
            raise self._failure(error) from error
        return None if row is None else Remembered(row[0], row[1], bool(row[2]), row[3], row[4])

    def close(self) -> None:
        """After what is under way."""
        super().close()
        self._reader.close()
