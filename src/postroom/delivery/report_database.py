"""A database file of reports: results to report on, reports sent and received.

Owns: such a file, its version, the thread that changes it, the tables that every kind of report has. Never: knows what
the rows mean. Raises: ReportDatabaseFailure.

All of it may be lost without a message being lost.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from postroom.base import MailError

T = TypeVar("T")
APPLICATION_ID = 0x506F5254  # "PoRT"
_BUSY_MILLISECONDS = 10_000
SENT_TABLES = """
CREATE TABLE report (                        -- that was sent, or will not be
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    state TEXT NOT NULL,                     -- sent, unwanted, waiting, failed
    uri TEXT NOT NULL,                       -- where it went
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL,                  -- seconds since 1970
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
"""
READING_TABLES = """
CREATE TABLE reading (                       -- how far a mailbox has been read
    mailbox TEXT PRIMARY KEY,
    uid_validity INTEGER NOT NULL,
    uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


def received_table(name: str) -> str:
    """For reports of somebody else on us."""
    return f"""
CREATE TABLE {name} (
    organization TEXT NOT NULL,
    report_id TEXT NOT NULL,
    begins REAL NOT NULL,
    ends REAL NOT NULL,
    arrived REAL NOT NULL,
    report BLOB NOT NULL,                    -- its JSON, compressed
    PRIMARY KEY (organization, report_id)
) STRICT, WITHOUT ROWID;
"""


class ReportDatabaseFailure(MailError):
    """SQLite or the disk refuses."""


class ReportDatabase:
    """`run` work on the connection, one after another. `path` None: in memory, for tests.

    `migrations`: version reached, and what takes the version before it there. `kind`: for people.
    """

    def __init__(self, path: Path | None, migrations: Mapping[int, str], kind: str) -> None:
        self._path = path
        self._migrations = migrations
        self._kind = kind
        self._thread = ThreadPoolExecutor(1, f"{kind.lower()}-db")
        try:
            if path is not None:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = apsw.Connection(":memory:" if path is None else str(path))
            self._db.set_busy_timeout(_BUSY_MILLISECONDS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "FULL")
        except (apsw.Error, OSError) as error:
            raise self._failure(error) from error
        if self._db.pragma("user_version") != max(migrations) or self._db.pragma("application_id") != APPLICATION_ID:
            self.now(self._prepare)

    def _prepare(self, db: apsw.Connection) -> None:
        found, wanted = int(db.pragma("user_version")), max(self._migrations)
        if db.pragma("application_id") not in (0, APPLICATION_ID) or found > wanted:
            text = f"{self._path} is not a {self._kind} database of this version"
            raise ReportDatabaseFailure(text, text=text)
        for version in range(found + 1, wanted + 1):
            db.execute(self._migrations[version])
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", wanted)

    def _failure(self, error: Exception) -> ReportDatabaseFailure:
        return ReportDatabaseFailure(f"{self._path}: {type(error).__name__}: {error}")

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """In a transaction, in the thread; durable when it returns. Raises ReportDatabaseFailure."""
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
