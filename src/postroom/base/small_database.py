"""A small SQLite file beside the mail: opened, brought up to date, changed in one thread.

Owns: how such a file is made (0600) and opened, its version, transactions, the thread they run in. Never: knows a
table. Raises: the failure it was made with, for all that SQLite or the disk refuses.

For what may be lost without a message being lost: reports, bans, what is known of strangers. People, mail and the queue
have files and rules of their own.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import apsw

from .errors import MailError

T = TypeVar("T")
_BUSY_MILLISECONDS = 10_000


class SmallDatabase:
    """`run` work on the connection, one after another. Several processes may have the file open.

    `path` None: in memory, for tests. `migrations`: version reached, and what takes the version before it there.
    `kind`: for people. `synchronous`: "FULL" when a commit waits for the disk.
    """

    def __init__(
        self,
        path: Path | None,
        migrations: Mapping[int, str],
        *,
        application_id: int,
        kind: str,
        failure: type[MailError],
        synchronous: Literal["FULL", "NORMAL"],
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._application_id = application_id
        self._kind = kind
        self._raised = failure
        self._synchronous = synchronous
        self._thread = ThreadPoolExecutor(1, f"{kind.lower()}-db")
        try:
            if path is not None:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = self._open(_BUSY_MILLISECONDS)
            current = self._db.pragma("user_version"), self._db.pragma("application_id")
        except (apsw.Error, OSError) as error:
            raise self._failure(error) from error
        if current != (max(migrations), application_id):
            self.now(self._prepare)

    def _open(self, busy_milliseconds: int) -> apsw.Connection:
        """One more connection."""
        db = apsw.Connection(":memory:" if self._path is None else str(self._path))
        db.set_busy_timeout(busy_milliseconds)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", self._synchronous)
        return db

    def _prepare(self, db: apsw.Connection) -> None:
        found, wanted = int(db.pragma("user_version")), max(self._migrations)
        if db.pragma("application_id") not in (0, self._application_id) or found > wanted:
            text = f"{self._path} is not a {self._kind} database of this version"
            raise self._raised(text, text=text)
        for version in range(found + 1, wanted + 1):  # none, if another process was faster
            db.execute(self._migrations[version])
        db.pragma("application_id", self._application_id)
        db.pragma("user_version", wanted)

    def _failure(self, error: Exception) -> MailError:
        return self._raised(f"{self._path}: {type(error).__name__}: {error}")

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """In a transaction, in the thread; committed when it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.now, work)

    def now(self, work: Callable[[apsw.Connection], T]) -> T:
        """The same here, for commands and at start."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                found = work(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite may have ended it by itself: a full disk
                    self._db.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise self._failure(error) from error
        return found

    def close(self) -> None:
        """After what is under way."""
        self._thread.shutdown()
        self._db.close()
