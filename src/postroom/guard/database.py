"""data/guard.db: bans, levels of budgets, from where accounts signed in, what they usually send, which are stopped.

Owns: its schema, its version, the thread that uses it. Never: decides anything. Raises: GuardFailure.

All of it may be lost without a message being lost. The last half second may: nothing here is synced to the disk before
something else happens. Each change has a stamp, by which every process finds what others have changed.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from .types import GuardFailure

T = TypeVar("T")
APPLICATION_ID = 0x506F5247  # "PoRG"
_BUSY_MILLISECONDS = 5_000
_FIRST = """
CREATE TABLE stamp (number INTEGER NOT NULL) STRICT;
INSERT INTO stamp VALUES (0);
CREATE TABLE ban (
    network TEXT PRIMARY KEY,                -- 192.0.2.7, 2001:db8::/64
    since REAL NOT NULL,                     -- seconds since 1970, as all times here
    until REAL NOT NULL,
    times INTEGER NOT NULL,                  -- 0: an operator has lifted it
    reason TEXT NOT NULL,
    by_operator INTEGER NOT NULL,
    stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ban_stamp ON ban (stamp);
CREATE TABLE level (
    bucket TEXT NOT NULL,                    -- what is limited
    key TEXT NOT NULL,                       -- an address, a network, an account's number, the digest of a name
    level REAL NOT NULL,
    at REAL NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX level_stamp ON level (stamp);
CREATE TABLE place (
    name TEXT NOT NULL,                      -- the digest of a name
    host TEXT NOT NULL,
    last REAL NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (name, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_stamp ON place (stamp);
CREATE TABLE sending (
    account_id INTEGER PRIMARY KEY,
    hour INTEGER NOT NULL,                   -- hours since 1970
    in_hour INTEGER NOT NULL,                -- recipients elsewhere
    usual_hour REAL NOT NULL,
    day INTEGER NOT NULL,
    in_day INTEGER NOT NULL,
    usual_day REAL NOT NULL,
    bounces INTEGER NOT NULL,                -- of this day
    stamp INTEGER NOT NULL
) STRICT;
CREATE INDEX sending_stamp ON sending (stamp);
CREATE TABLE stop (
    account_id INTEGER PRIMARY KEY,
    since REAL NOT NULL,
    words TEXT NOT NULL,                     -- empty: released
    told INTEGER NOT NULL,                   -- 1: its owner was told, its queued mail is held
    stamp INTEGER NOT NULL
) STRICT;
CREATE INDEX stop_stamp ON stop (stamp);
"""
MIGRATIONS = {1: _FIRST}
SCHEMA_VERSION = max(MIGRATIONS)


class GuardDatabase:
    """The file at `path`; None: in memory, for tests. Several processes may have it open."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "guard-db")
        try:
            if path is not None:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = apsw.Connection(":memory:" if path is None else str(path))
            self._db.set_busy_timeout(_BUSY_MILLISECONDS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "NORMAL")
        except (apsw.Error, OSError) as error:
            raise self._failure(error) from error
        self.now(self._prepare)

    def _prepare(self, db: apsw.Connection) -> None:
        found = int(db.pragma("user_version"))
        if db.pragma("application_id") not in (0, APPLICATION_ID) or found > SCHEMA_VERSION:
            text = f"{self._path} is not a guard database of this version"
            raise GuardFailure(text, text=text)
        for version in range(found + 1, SCHEMA_VERSION + 1):
            db.execute(MIGRATIONS[version])
        if found != SCHEMA_VERSION:
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", SCHEMA_VERSION)

    def _failure(self, error: Exception) -> GuardFailure:
        return GuardFailure(f"{self._path}: {type(error).__name__}: {error}")

    async def changed(self) -> int:
        """A number that is another one when another connection has committed."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._changed)

    def _changed(self) -> int:
        try:
            return int(self._db.execute("PRAGMA data_version").get)
        except apsw.Error as error:
            raise self._failure(error) from error

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """In a transaction, in the thread. Raises GuardFailure."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.now, work)

    def now(self, work: Callable[[apsw.Connection], T]) -> T:
        """The same here, for commands and at start."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                found = work(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise self._failure(error) from error
        return found

    def close(self) -> None:
        """After what is under way."""
        self._thread.shutdown()
        self._db.close()
