"""Group commit: what waits when the writer starts goes into one transaction with one fsync.

Owns: an account's writing connection and the books as of its last commit. Never: tells anybody (the account does, on
the loop), is called twice at a time. Raises: nothing from `prepare`, `finish` and `commit`: each write's refusal is in
its outcome.

A transaction has two halves. `prepare` makes the changes, which is SQLite's work in memory: a few of them are quicker
made on the event loop than handed to a thread, where each statement would let go of the interpreter's lock and wait for
it again. `finish` writes the log and waits for the disk, always in a thread.

Where several processes have the account (`lock` is given), whoever calls takes the lock first and asks for the `news`,
so that a transaction is always made upon the latest state; `finish` lets the lock go.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from postroom.base import FileLock
from postroom.store.api import StoreError, StoreFailure
from postroom.store.books import Books, Box
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import Effect

from . import feed, ledger
from .files import AccountFiles, refusal
from .index_reading import indexed_to

_log = logging.getLogger("postroom.store")
_NEWS_ON_LOOP_OCTETS = 65_536  # a few milliseconds' work at most
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


class Write(ABC):
    """One change of an account."""

    __slots__ = ()
    durable = True  # must outlive a power loss

    def light_octets(self, books: Books) -> int | None:
        """How much it writes, when it is so little work that it may be made on the event loop; None: it is not."""
        return None

    @abstractmethod
    def apply(self, scope: Scope) -> Any:
        """Make it, within the transaction; what the caller gets. Whatever it raises undoes this change alone."""

    def settle(self, files: AccountFiles, committed: bool, probe: Probe) -> None:
        """After the transaction: remove the files that are not needed (any more)."""
        return  # most have none


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


Columns = Sequence[Sequence[int]]  # of a view, in order


@dataclass(slots=True)
class Anew:
    """An account at one moment."""

    books: Books
    recent: dict[int, tuple[int, int]]  # as ledger.load has them
    rows: dict[int, Columns]  # by mailbox


class Writer:
    """The writing side of one account."""

    def __init__(
        self, files: AccountFiles, db: apsw.Connection, books: Books, probe: Probe, lock: FileLock | None = None
    ) -> None:
        self.lock = lock  # None: no other process has the account
        self._files = files
        self._settings = files.settings
        self._db = db
        self._probe = probe
        self._suspect = False  # the last transaction was lost: look before the next one
        self._relaxed = False  # commits do not wait for the disk
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
        try:
            prepared = self.prepare(writes, claimed, now)
        except BaseException:
            self._unlock()
            raise
        return self.finish(prepared)

    def refuse(self, writes: Sequence[Write], error: BaseException) -> list[Outcome]:
        """None of it can be done."""
        self._unlock()
        self._settle(writes, outcomes := [Outcome(error=refusal(error)) for _ in writes])
        return outcomes

    def prepare(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> "Prepared":
        """The first half: the transaction is open until `finish`."""
        prepared = Prepared(writes, now, self.books)
        try:
            if self.poisoned:
                raise StoreFailure(f"{self._files.database} has moved on: open it again")
            if self._suspect:
                self._look_again()
            self._relax(bool(writes) and not any(write.durable for write in writes))
            self._db.execute("BEGIN IMMEDIATE")
            prepared.books, touched, prepared.outcomes = self._apply(writes, claimed, now)
            if prepared.books is self.books:
                self._db.execute("ROLLBACK")  # nothing to keep: no fsync
            else:
                ledger.save(self._db, prepared.books, touched, self.books.modseq)
                self._probe(DiskState.ROWS_WRITTEN)
        except (apsw.Error, OSError, StoreFailure) as error:
            prepared.error = error
        return prepared

    def _relax(self, relaxed: bool) -> None:
        if relaxed != self._relaxed:
            self._db.pragma("synchronous", "normal" if relaxed else "full")
            self._relaxed = relaxed

    def prepare_at_once(self, writes: Sequence[Write], claimed: Mapping[int, int], now: int) -> "Prepared | None":
        """The same where nobody may wait; None when that would be needed."""
        if self._suspect:
            return None
        self._db.set_busy_timeout(0)
        try:
            prepared = self.prepare(writes, claimed, now)
        except BaseException:
            self._lose()
            raise
        finally:
            self._db.set_busy_timeout(self._files.busy_timeout_milliseconds)
        return None if isinstance(prepared.error, apsw.BusyError) and not self._db.in_transaction else prepared

    def finish(self, prepared: "Prepared") -> list[Outcome]:
        """The second half: commit, and put away the files that are not needed (any more)."""
        try:
            outcomes = self._end(prepared)
            if outcomes is None:  # one of them took the transaction with it: each for itself
                outcomes = []
                for write in prepared.writes:
                    outcomes += self._end(self.prepare((write,), {}, prepared.now)) or ()
        finally:
            self._unlock()
        self._settle(prepared.writes, outcomes)
        return outcomes

    def _unlock(self) -> None:
        if self.lock is not None:
            self.lock.release()

    def _settle(self, writes: Sequence[Write], outcomes: Sequence[Outcome]) -> None:
        for write, outcome in zip(writes, outcomes, strict=True):
            try:
                write.settle(self._files, outcome.error is None, self._probe)
            except OSError:
                _log.exception("a file of %s was left behind; the next start removes it", self._files.folder)

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
                if self.lock is not None and scope.books.modseq != books.modseq:
                    feed.record(db, books, scope.books, scope.touched, scope.effects, settings)
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
        self._relaxed = False
        books, _ = ledger.load_at_once(self._db)
        ahead = books.modseq > self.books.modseq and self.lock is not None  # the next `news` tell
        if not ahead and (books.modseq, books.content_next) != (self.books.modseq, self.books.content_next):
            self.poisoned = True
            raise StoreFailure(f"{self._files.database} has moved on: open it again")
        self._suspect = False
        if ahead:
            raise StoreFailure(f"{self._files.database} has moved on")

    # ---- what other processes do, where there are any
    def news_at_once(self) -> "feed.News | None":
        """What they have done since the last commit known here. Raises TooMuch when that is nothing for the loop."""
        if self._suspect:
            raise feed.TooMuch
        self._db.set_busy_timeout(0)
        try:
            return self._read_news(_NEWS_ON_LOOP_OCTETS)
        except apsw.BusyError:
            raise feed.TooMuch from None
        finally:
            self._db.set_busy_timeout(self._files.busy_timeout_milliseconds)

    def news(self) -> "feed.News | None":
        """The same, however much it is. Raises FeedGap."""
        if self._suspect:
            try:
                self._look_again()
            except StoreFailure:
                if self.poisoned:
                    raise
        return self._read_news(None)

    def _read_news(self, limit: int | None) -> "feed.News | None":
        try:
            news = feed.news(self._db, self.books, limit)
        except StoreFailure:
            self.poisoned = True
            raise
        if news is not None:
            self.books = news.books
        return news

    def look_at_all(self, mailbox_ids: Sequence[int], rows_of: Callable[[apsw.Connection, int], Columns]) -> Anew:
        """When the news don't reach back far enough: everything, as it is at one moment."""
        self._db.execute("BEGIN")
        try:
            books, recent = ledger.load(self._db)
            rows = {at: rows_of(self._db, at) for at in mailbox_ids if at in books.boxes}
        finally:
            self._db.execute("ROLLBACK")
        self.books = books
        return Anew(books, recent, rows)

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database, between two transactions, so that the log starts over."""
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            pass  # another process is at it, beside its writer
        except apsw.Error:
            _log.exception("%s: a checkpoint failed; the next one may not", self._files.folder)
        finally:
            self._unlock()
        self._probe(DiskState.CHECKPOINTED)

    def close(self, claimed: Mapping[int, int], now: int, *, keep_log: bool = False) -> None:
        """Keep the last \\Recent marks and close the file; the last connection to close empties the log.

        `keep_log`: it stays as it is, since emptying it costs two fsyncs, and somebody may soon be back.
        """
        if claimed and not self.poisoned:
            self._end(self.prepare((), claimed, now))
        try:
            self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep_log))
            self._db.close(True)
        finally:
            if self.lock is not None:
                self.lock.close()
