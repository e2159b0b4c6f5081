"""Group commit: what waits when the writer starts goes into one transaction with one fsync.

Owns: an account's writing connection and the books as of its last commit. Never: tells anybody (the account does, on
the loop), is called twice at a time. Raises: nothing from `prepare`, `finish` and `commit`: each write's refusal is in
its outcome.

A transaction has two halves. `prepare` makes the changes, which is SQLite's work in memory: a few of them are quicker
made on the event loop than handed to a thread, where each statement would let go of the interpreter's lock and wait for
it again. `finish` writes the log and waits for the disk, always in a thread.
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
from .index_reading import indexed_to

_log = logging.getLogger("postroom.store")
LIGHT_CHANGE_OCTETS = 4096  # what a change counts for beside its octets: writing so many takes about as long


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

    def light_octets(self, books: Books) -> int | None:
        """How much it writes, when it is so little work that it may be made on the event loop; None: it is not."""
        return None

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


class Prepared:
    """A transaction between its two halves."""

    __slots__ = ("books", "error", "now", "outcomes", "writes")

    def __init__(self, writes: Sequence[Write], now: int, books: Books) -> None:
        self.writes = writes
        self.now = now
        self.books = books  # as of the last write; those of before when nothing is to be kept
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None  # took the whole transaction with it


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
        self.indexed_to = indexed_to(db)  # when the account was opened
        self._page_size = int(db.pragma("page_size"))
        db.set_wal_hook(self._note_log)

    def _note_log(self, db: apsw.Connection, name: str, pages: int) -> int:
        self.log_octets = pages * self._page_size
        return apsw.SQLITE_OK

    def commit(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> list[Outcome]:
        """Carry out the writes in their order; `claimed` are \\Recent marks that may as well be kept now."""
        return self.finish(self.prepare(writes, claimed, now))

    def prepare(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> "Prepared":
        """The first half: the transaction is open until `finish`."""
        prepared = Prepared(writes, now, self.books)
        try:
            if self._suspect:
                self._look_again()
            self._db.execute("BEGIN IMMEDIATE")
            prepared.books, touched, prepared.outcomes = self._apply(writes, claimed, now)
            if prepared.books is self.books:
                self._db.execute("ROLLBACK")  # nothing to keep: no fsync
            else:
                ledger.save(self._db, prepared.books, touched)
                self._probe(DiskState.ROWS_WRITTEN)
        except (apsw.Error, OSError, StoreFailure) as error:
            prepared.error = error
        return prepared

    def prepare_at_once(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> "Prepared | None":
        """The same where nobody may wait; None when that would be needed."""
        if self._suspect:
            return None
        self._db.set_busy_timeout(0)
        try:
            prepared = self.prepare(writes, claimed, now)
        finally:
            self._db.set_busy_timeout(self._files.busy_timeout_milliseconds)
        return None if isinstance(prepared.error, apsw.BusyError) and not self._db.in_transaction else prepared

    def finish(self, prepared: "Prepared") -> list[Outcome]:
        """The second half: commit, and put away the files that are not needed (any more)."""
        outcomes = self._end(prepared)
        if outcomes is None:  # one of them took the transaction with it: each for itself
            outcomes = []
            for write in prepared.writes:
                outcomes += self._end(self.prepare((write,), {}, prepared.now)) or ()
        for write, outcome in zip(prepared.writes, outcomes, strict=True):
            try:
                write.settle(self._files, outcome.error is None, self._probe)
            except OSError:
                _log.exception("a file of %s was left behind; the next start removes it", self._files.folder)
        return outcomes

    def _end(self, prepared: "Prepared") -> list[Outcome] | None:
        """None: the whole transaction was lost, though it may not have been everybody's fault."""
        error = prepared.error
        if error is None and prepared.books is not self.books:
            try:
                self._db.execute("COMMIT")
            except (apsw.Error, OSError) as failure:
                error = failure
        if error is not None:
            self._lose()
            if len(prepared.writes) > 1 and not isinstance(error, StoreFailure):
                return None
            _log.error("%s: a transaction failed: %s", self._files.folder, error)
            return [Outcome(error=refusal(error)) for _ in prepared.writes]
        if prepared.books is not self.books:
            self.books = prepared.books
            self._probe(DiskState.COMMITTED)
        return prepared.outcomes

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
            self._end(self.prepare((), claimed, now))
        self._db.close(True)
