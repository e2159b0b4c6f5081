"""Group commit: what waits when the writer starts goes into one transaction with one fsync.

Owns: an account's writing connection and the books as of its last commit. Never: runs on the event loop (all of this
is called in a thread, one call at a time), tells anybody (the account does, on the loop). Raises: nothing from
`commit`: each write's refusal is in its outcome.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from postroom.store.api import StoreError, StoreFailure
from postroom.store.books import Books, Box
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import Effect

from . import ledger
from .files import AccountFiles, refusal

_log = logging.getLogger("postroom.store")


class Scope:
    """What one write works on: the transaction's connection and its own copy of the books."""

    __slots__ = ("books", "changed", "db", "effects", "now", "settings", "touched")

    def __init__(self, db: apsw.Connection, books: Books, settings: StoreSettings, now: int) -> None:
        self.db = db
        self.books = books
        self.settings = settings
        self.now = now
        self.touched: set[int] = set()
        self.effects: list[Effect] = []
        self.changed = False  # something must be committed

    def touch(self, mailbox_id: int) -> Box:
        """A mailbox, for changing."""
        if mailbox_id in self.touched:
            return self.books.numbered(mailbox_id)
        box = self.books.touch(mailbox_id)
        self.touched.add(mailbox_id)
        return box

    def next_modseq(self, *boxes: Box) -> int:
        """The number of this change, marked in the mailboxes it touches."""
        self.changed = True
        modseq = self.books.next_modseq()
        for box in boxes:
            box.highest_modseq = modseq
        return modseq

    def add_keywords(self, box: Box, keywords: tuple[str, ...], first_bit: int) -> None:
        """Give a touched mailbox the keywords it lacks."""
        known = len(box.keywords)
        for at in range(known, len(keywords)):
            self.db.execute("INSERT INTO keywords VALUES (?, ?, ?)", (box.mailbox_id, first_bit + at, keywords[at]))
        box.keywords = keywords


class Write:
    """One change of an account."""

    __slots__ = ()

    def apply(self, scope: Scope) -> Any:
        """Make it, within the transaction; what the caller gets. Whatever it raises undoes this change alone."""
        raise NotImplementedError

    def settle(self, files: AccountFiles, committed: bool, probe: Probe) -> None:
        """After the transaction: remove the files that are not needed (any more)."""


@dataclass(slots=True)
class Outcome:
    """What became of one write."""

    result: Any = None
    error: BaseException | None = None
    effects: Sequence[Effect] = ()
    books: Books | None = None  # as of this write; None when it changed nothing


class Writer:
    """The writing side of one account."""

    def __init__(self, files: AccountFiles, db: apsw.Connection, books: Books, probe: Probe) -> None:
        self._files = files
        self._settings = files.settings
        self._db = db
        self._probe = probe
        self._suspect = False  # the last transaction was lost: look before the next one
        self.books = books
        self.poisoned = False  # the file has moved on without us: nothing more can be written through this object
        self.log_octets = 0  # of the write-ahead log
        self._page_size = int(db.pragma("page_size"))
        db.set_wal_hook(self._note_log)

    def _note_log(self, db: apsw.Connection, name: str, pages: int) -> int:
        self.log_octets = pages * self._page_size
        return apsw.SQLITE_OK

    def commit(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> list[Outcome]:
        """Carry out the writes in their order; `claimed` are \\Recent marks that may as well be kept now."""
        outcomes = self._transact(writes, claimed, now)
        if outcomes is None:  # one of them took the transaction with it: each for itself
            outcomes = []
            for write in writes:
                outcomes += self._transact((write,), {}, now) or ()
        for write, outcome in zip(writes, outcomes, strict=True):
            try:
                write.settle(self._files, outcome.error is None, self._probe)
            except OSError:
                _log.exception("a file of %s was left behind; the next start removes it", self._files.folder)
        return outcomes

    def _transact(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> list[Outcome] | None:
        """None: the whole transaction was lost, though it may not have been everybody's fault."""
        try:
            if self._suspect:
                self._look_again()
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            books, touched, outcomes = self._apply(writes, claimed, now)
            if books is self.books:
                db.execute("ROLLBACK")  # nothing to keep: no fsync
                return outcomes
            ledger.save(db, books, touched)
            self._probe(DiskState.ROWS_WRITTEN)
            db.execute("COMMIT")
        except (apsw.Error, OSError, StoreFailure) as error:
            self._lose()
            if len(writes) > 1 and not isinstance(error, StoreFailure):
                return None
            _log.error("%s: a transaction failed: %s", self._files.folder, error)
            return [Outcome(error=refusal(error)) for _ in writes]
        self.books = books
        self._probe(DiskState.COMMITTED)
        return outcomes

    def _apply(
        self, writes: Sequence[Write], claimed: Mapping[int, int], now: int
    ) -> tuple[Books, set[int], list[Outcome]]:
        db, books, settings = self._db, self.books, self._settings
        touched: set[int] = set()
        outcomes: list[Outcome] = []
        if claimed:
            books = books.copy()
            for mailbox_id, uid in claimed.items():
                if mailbox_id in books.boxes:
                    books.touch(mailbox_id).recent_uid = uid
                    touched.add(mailbox_id)
        several = len(writes) > 1
        for write in writes:
            scope = Scope(db, books.copy(), settings, now)
            if several:
                db.execute("SAVEPOINT one")
            try:
                result = write.apply(scope)
            except Exception as error:  # this write's caller gets it; the others go on
                trouble = isinstance(error, (apsw.Error, OSError))
                if trouble and not (several and db.in_transaction):
                    raise
                if not trouble and not isinstance(error, StoreError):
                    _log.exception("%s: a write failed", self._files.folder)
                db.execute("ROLLBACK TO one; RELEASE one" if several else "ROLLBACK; BEGIN IMMEDIATE")
                outcomes.append(Outcome(error=refusal(error)))
                continue
            if several:
                db.execute("RELEASE one")
            if scope.changed:
                books = scope.books
                touched |= scope.touched
                outcomes.append(Outcome(result, None, scope.effects, books))
            else:
                outcomes.append(Outcome(result))
        return books, touched, outcomes

    def _lose(self) -> None:
        self._suspect = True
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except apsw.Error:
            _log.exception("%s: rolling back failed", self._files.folder)

    def _look_again(self) -> None:
        """After a lost transaction: a new connection, and is the file as we think it is?"""
        self._db.close(True)
        self._db = self._files.connect_writer()
        self._db.set_wal_hook(self._note_log)
        books, _ = ledger.load(self._db)
        if (books.modseq, books.content_next) != (self.books.modseq, self.books.content_next):
            self.poisoned = True
            raise StoreFailure(f"{self._files.database} has moved on: open it again")
        self._suspect = False

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database, between two transactions, so that the log starts over."""
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            _log.exception("%s: a checkpoint failed; the next one may not", self._files.folder)
        self._probe(DiskState.CHECKPOINTED)

    def close(self, claimed: Mapping[int, int], now: int) -> None:
        """Keep the last \\Recent marks and close the file; the last connection to close empties the log."""
        if claimed and not self.poisoned:
            self._transact((), claimed, now)
        self._db.close(True)
