"""Where an account's mail lies, and how its database is opened.

Owns: the layout of an account's folder, the settings of a connection, the idle reading connections. Never: SQL on mail.
Raises: NoSuchAccount, StoreFailure, OSError, apsw.Error.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from postroom.store.api import NoSuchAccount, StoreError, StoreFailure
from postroom.store.settings import StoreSettings

from .disk import Disk
from .schema import migrate

_KEPT_READERS = 2


def refusal(error: BaseException) -> BaseException:
    """What a caller is told: our own refusals as they are, trouble with disk or database as StoreFailure."""
    if isinstance(error, (apsw.Error, OSError)) and not isinstance(error, StoreError):
        failure = StoreFailure(f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure
    return error


class AccountFiles:
    """One account's folder."""

    def __init__(self, folder: Path, disk: Disk, settings: StoreSettings) -> None:
        self.folder = folder
        self.disk = disk
        self.settings = settings
        self.database = folder / "mail.db"
        self.blobs = folder / "blobs"
        self.busy_timeout_milliseconds = int(settings.busy_timeout_seconds * 1000)

    def connect_writer(self, *, create: bool = False) -> apsw.Connection:
        """The one connection that changes the account."""
        if not create and not self.database.exists():
            raise NoSuchAccount(f"no {self.database}")
        db = self.disk.connect(self.database, create=create)
        try:
            self._prepare(db)
            if create:
                db.pragma("journal_mode", "wal")
            migrate(db, new=create)
        except BaseException:
            db.close()
            raise
        return db

    def connect_reader(self) -> apsw.Connection:
        """A connection that sees what has been committed."""
        db = self.disk.connect(self.database)
        self._prepare(db)
        if self.settings.mmap_octets:
            db.pragma("mmap_size", self.settings.mmap_octets)
        db.pragma("query_only", True)
        return db

    def _prepare(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(self.busy_timeout_milliseconds)
        db.pragma("synchronous", "full")  # a commit returns after the fsync
        db.pragma("cache_size", -self.settings.cache_kib)
        db.pragma("journal_size_limit", self.settings.checkpoint_hard_octets)
        db.pragma("temp_store", "memory")
        db.wal_autocheckpoint(0)  # a checkpoint in a commit would make somebody wait; see Writer.checkpoint

    def blob(self, name: str) -> Path:
        return self.blobs / name


class Readers:
    """Reading connections that lie idle. Taken and given back from any thread."""

    def __init__(self, files: AccountFiles) -> None:
        self._files = files
        self._idle: deque[apsw.Connection] = deque()
        self._closed = False

    @property
    def ready(self) -> bool:
        """True when taking one costs nothing."""
        return bool(self._idle)

    @contextmanager
    def one(self) -> Iterator[apsw.Connection]:
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._files.connect_reader()
        try:
            yield db
        except BaseException:
            db.close(True)  # whatever state it is in, the next reader starts afresh
            raise
        if self._closed or len(self._idle) >= _KEPT_READERS:
            db.close()
        else:
            self._idle.append(db)

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()
