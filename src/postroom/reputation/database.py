"""data/reputation.db: who has come before, and how it went; who was asked to come again.

Owns: the file, its schema, the thread that changes it. Never: decides anything. Raises: ReputationFailure.

All of it may be lost without a message being lost, so a commit does not wait for the disk. What is read by key is read
on the event loop, through a connection of its own; changes are made in a thread.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw

from postroom.base import MailError

T = TypeVar("T")
APPLICATION_ID = 0x506F5253  # "PoRS"
_BUSY_MILLISECONDS = 5_000
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


class ReputationDatabase:
    """The file at `path`, which several processes may have open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "reputation-db")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = self._open(_BUSY_MILLISECONDS)
            self.now(self._prepare)
            self._reader = self._open(_READ_BUSY_MILLISECONDS)
        except (apsw.Error, OSError) as error:
            raise self._failure(error) from error

    def _open(self, busy: int) -> apsw.Connection:
        db = apsw.Connection(str(self._path))
        db.set_busy_timeout(busy)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "NORMAL")
        return db

    def _prepare(self, db: apsw.Connection) -> None:
        found, wanted = int(db.pragma("user_version")), max(MIGRATIONS)
        if db.pragma("application_id") not in (0, APPLICATION_ID) or found > wanted:
            text = f"{self._path} is not a reputation database of this version"
            raise ReputationFailure(text, text=text)
        if found == wanted:
            return
        for version in range(found + 1, wanted + 1):
            db.execute(MIGRATIONS[version])
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", wanted)

    def _failure(self, error: Exception) -> ReputationFailure:
        return ReputationFailure(f"{self._path}: {type(error).__name__}: {error}")

    def remembered(self, key: str) -> Remembered | None:
        """Of a network or domain. Raises ReputationFailure."""
        try:
            row = self._reader.execute(_ROW, (key,)).fetchone()
        except apsw.Error as error:
            raise self._failure(error) from error
        return None if row is None else Remembered(row[0], row[1], bool(row[2]), row[3], row[4])

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """In a transaction, in the thread. Raises ReputationFailure."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.now, work)

    def now(self, work: Callable[[apsw.Connection], T]) -> T:
        """The same here, for commands and at start."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                found = work(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise self._failure(error) from error
        return found

    def close(self) -> None:
        """After what is under way."""
        self._thread.shutdown()
        self._db.close()
        self._reader.close()
