"""data/tls.db: MTA-STS policies that were fetched, results of TLS, reports sent and received.

Owns: that file, its schema, the thread that changes it. Never: knows what the rows mean. Raises: TlsDatabaseFailure.

All of it may be lost without a message being lost: policies are fetched again, a day's results are not reported.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from postroom.base import MailError

T = TypeVar("T")
APPLICATION_ID = 0x506F5254  # "PoRT"
_BUSY_MILLISECONDS = 10_000
_FIRST = """
CREATE TABLE policy (
    domain TEXT PRIMARY KEY,                 -- A-labels
    policy_id TEXT NOT NULL,
    file BLOB NOT NULL,
    fetched REAL NOT NULL                    -- seconds since 1970
) STRICT, WITHOUT ROWID;
"""
_SECOND = """
CREATE TABLE result (
    day TEXT NOT NULL,                       -- UTC, "2026-11-26"
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,                    -- JSON: kind, lines, hosts
    successes INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy)
) STRICT, WITHOUT ROWID;
CREATE TABLE failure (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,
    detail TEXT NOT NULL,                    -- JSON: result_type, sending_ip, mx, ip, reason
    sessions INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, detail)
) STRICT, WITHOUT ROWID;
CREATE TABLE report (                        -- that was sent, or will not be
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    state TEXT NOT NULL,                     -- sent, unwanted, waiting, failed
    uri TEXT NOT NULL,                       -- where it went
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL,                  -- seconds since 1970
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE TABLE received (                      -- a report of somebody else on us
    organization TEXT NOT NULL,
    report_id TEXT NOT NULL,
    begins REAL NOT NULL,
    ends REAL NOT NULL,
    arrived REAL NOT NULL,
    report BLOB NOT NULL,                    -- its JSON, compressed
    PRIMARY KEY (organization, report_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE reading (                       -- how far a mailbox has been read
    mailbox TEXT PRIMARY KEY,
    uid_validity INTEGER NOT NULL,
    uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
MIGRATIONS = {1: _FIRST, 2: _SECOND}  # version reached: what takes the version before it there
SCHEMA_VERSION = max(MIGRATIONS)


class TlsDatabaseFailure(MailError):
    """SQLite or the disk refuses."""


class TlsDatabase:
    """`run` work on the connection, one after another. `path` None: in memory, for tests."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "tls-db")
        try:
            if path is not None:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = apsw.Connection(":memory:" if path is None else str(path))
            self._db.set_busy_timeout(_BUSY_MILLISECONDS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "FULL")
        except (apsw.Error, OSError) as error:
            raise self._failure(error) from error
        if self._db.pragma("user_version") != SCHEMA_VERSION or self._db.pragma("application_id") != APPLICATION_ID:
            self.now(self._prepare)

    def _prepare(self, db: apsw.Connection) -> None:
        found = int(db.pragma("user_version"))
        if db.pragma("application_id") not in (0, APPLICATION_ID) or found > SCHEMA_VERSION:
            text = f"{self._path} is not a TLS database of this version"
            raise TlsDatabaseFailure(text, text=text)
        for version in range(found + 1, SCHEMA_VERSION + 1):
            db.execute(MIGRATIONS[version])
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", SCHEMA_VERSION)

    def _failure(self, error: Exception) -> TlsDatabaseFailure:
        return TlsDatabaseFailure(f"{self._path}: {type(error).__name__}: {error}")

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """In a transaction, in the thread; durable when it returns. Raises TlsDatabaseFailure."""
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
