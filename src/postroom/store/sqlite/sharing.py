"""Who may do what in a mailbox (RFC 4314), and which accounts share anything.

Owns: SETACL as one write, and shared.db, the index from identifiers to accounts. Never: knows what a right means.
Raises: NoSuchMailbox, TooManyAclEntries, AclChanged; the index StoreFailure too.

The index may say too much, never too little: its row is durable before the account's own change is begun, and goes
only when the account is opened or deleted, when nothing else is under way in it.
"""

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path

import apsw

from postroom.store.acl import with_rights
from postroom.store.api import MailboxEventKind, NoSuchAccount, StoreFailure
from postroom.store.books import Books
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import event_of, mailboxes_changed

from .disk import Disk
from .files import AccountFiles
from .query import alone, fetch
from .writer import Scope, Write

_APPLICATION_ID = 0x506F7353  # "PosS"
_VERSION = 1
_SHARED_WITH = """
SELECT DISTINCT identifier FROM acl WHERE mailbox_id IN (SELECT id FROM mailboxes WHERE deleted_at IS NULL)
"""
_SCHEMA = """
CREATE TABLE shares(
  identifier TEXT NOT NULL,
  account_id INTEGER NOT NULL,    -- may have mailboxes with this identifier in their acl
  PRIMARY KEY (identifier, account_id)
) WITHOUT ROWID
"""


class SetAcl(Write):
    """One identifier's rights in one mailbox."""

    __slots__ = ("_held", "_identifier", "_mailbox_id", "_origin", "_rights")

    def __init__(self, mailbox_id: int, identifier: str, rights: str, held: str | None, origin: object) -> None:
        self._mailbox_id = mailbox_id
        self._identifier = identifier
        self._rights = rights
        self._held = held
        self._origin = origin

    def apply(self, scope: Scope) -> None:
        old = scope.books.numbered(self._mailbox_id).acl
        new = with_rights(old, self._identifier, self._rights, scope.settings, self._held)
        if new == old:
            return
        box = scope.touch(self._mailbox_id)
        box.acl = new
        scope.db.execute(
            "DELETE FROM acl WHERE mailbox_id = ? AND identifier = ?", (self._mailbox_id, self._identifier)
        )
        for identifier, rights in new:
            if identifier == self._identifier:
                scope.db.execute("INSERT INTO acl VALUES (?, ?, ?)", (self._mailbox_id, identifier, rights))
        scope.next_modseq()
        scope.effects.append(mailboxes_changed(scope.books, self._origin, [event_of(MailboxEventKind.ACL, box)]))


def named_in(books: Books) -> set[str]:
    """All whom an account shares something with."""
    return {identifier for box in books.boxes.values() for identifier, _ in box.acl}


def shared_with(files: AccountFiles) -> set[str]:
    """The same as the disk says, in a thread."""
    if not files.database.exists():
        raise NoSuchAccount(f"no {files.database}")
    db = files.connect_reader()
    try:
        return {identifier for (identifier,) in fetch(db, _SHARED_WITH)}
    finally:
        db.close(True)


class Shares:
    """The index: shared.db and a copy of it in memory. Made at the first share, read when it is first needed.

    The methods that touch the disk are for a thread, one at a time.
    """

    def __init__(self, path: Path, disk: Disk, settings: StoreSettings, probe: Probe) -> None:
        self._path = path
        self._disk = disk
        self._settings = settings
        self._probe = probe
        self._lock = threading.Lock()
        self._db: apsw.Connection | None = None
        self._named = False  # the file's name is durable
        self._accounts: dict[str, set[int]] = {}
        self.loaded = False

    # ---- on the loop
    def sharers(self, identifiers: Iterable[str]) -> list[int]:
        """Once it has been loaded."""
        accounts = self._accounts
        return sorted(set[int]().union(*[accounts[name] for name in identifiers if name in accounts]))

    def has(self, account_id: int, identifier: str) -> bool:
        return account_id in self._accounts.get(identifier, ())

    def differs(self, account_id: int, identifiers: set[str]) -> bool:
        """Whether `correct` may have something to do."""
        return not self.loaded or identifiers != {name for name, ids in self._accounts.items() if account_id in ids}

    # ---- in a thread
    def load(self, *, again: bool = False) -> None:
        """Read all of it, unless that has been done. Where there is no file, nothing is shared."""
        with self._lock:
            self._load(again=again)

    def add(self, account_id: int, identifiers: Iterable[str], *, whatever: bool = False) -> None:
        """Durable when it returns. `whatever` the copy in memory says."""
        with self._lock:
            self._load()
            news = [name for name in identifiers if whatever or not self.has(account_id, name)]
            if not news:
                return
            db = self._connected(create=True)
            with db:
                db.executemany("INSERT OR IGNORE INTO shares VALUES (?, ?)", [(name, account_id) for name in news])
            for name in news:
                self._accounts[name] = self._accounts.get(name, set()) | {account_id}
        self._probe(DiskState.SHARE_RECORDED)

    def correct(self, account_id: int, identifiers: set[str]) -> None:
        """What an account says of itself when nothing is under way in it: add what is missing, drop what is stale."""
        self.add(account_id, identifiers)
        with self._lock:
            self._load()
            stale = [name for name, ids in self._accounts.items() if account_id in ids and name not in identifiers]
            if not stale:
                return
            db = self._connected()
            with db:
                db.executemany(
                    "DELETE FROM shares WHERE identifier = ? AND account_id = ?", [(name, account_id) for name in stale]
                )
            for name in stale:
                self._accounts[name] = self._accounts[name] - {account_id}
                if not self._accounts[name]:
                    del self._accounts[name]

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close(True)
            self._db = None
            self._accounts = {}
            self.loaded = False

    def _load(self, *, again: bool = False) -> None:
        if self.loaded and not again:
            return
        found: dict[str, set[int]] = {}
        if self._path.exists():
            for identifier, account_id in fetch(self._connected(), "SELECT identifier, account_id FROM shares"):
                found.setdefault(identifier, set()).add(account_id)
        self._accounts = found
        self.loaded = True

    def _connected(self, *, create: bool = False) -> apsw.Connection:
        if self._db is None:
            db = self._disk.connect(self._path, create=create)
            try:
                self._prepare(db)
            except BaseException:
                db.close(True)
                raise
            self._db = db
        if create and not self._named:
            self._disk.sync_folder(self._path.parent)
            self._named = True
        return self._db

    def _prepare(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(int(self._settings.busy_timeout_seconds * 1000))
        with contextlib.suppress(apsw.BusyError):  # another process is just doing the same
            db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        version = int(db.pragma("user_version"))
        if version == 0:  # new, or a crash came before its first commit
            with alone(db):
                version = int(db.pragma("user_version"))
                if version == 0:
                    db.execute(_SCHEMA)
                    db.pragma("application_id", _APPLICATION_ID)
                    db.pragma("user_version", version := _VERSION)
        if (version, db.pragma("application_id")) != (_VERSION, _APPLICATION_ID):
            raise StoreFailure(f"{self._path} has version {version}; this program knows {_VERSION}")
