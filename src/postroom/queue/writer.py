"""Changes that wait together become one transaction and one fsync.

Owns: the writing connection, the thread that waits for the disk. Never: knows what is written. Raises: QueueFailure,
QueueFull (SQLite's refusals), and whatever the work itself raises; a work that raises takes back its own changes only.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import apsw

from postroom.base import FileLock

from .api import QueueError, QueueFailure, QueueFull

_log = logging.getLogger("postroom.queue")
T = TypeVar("T")


class Transaction:
    """What one work may use: the connection, and a list of things to do once its change is on disk."""

    __slots__ = ("afterwards", "db")

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db
        self.afterwards: list[Callable[[], None]] = []


class _Job(Generic[T]):
    __slots__ = ("afterwards", "durable", "error", "future", "light", "loop", "result", "work")

    def __init__(self, work: Callable[[Transaction], T], durable: bool, light: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.work = work
        self.durable = durable
        self.light = light
        self.result: T | None = None
        self.error: BaseException | None = None
        self.afterwards: list[Callable[[], None]] = []


def translate(error: Exception) -> QueueError:
    """SQLite's and the disk's refusals in the queue's words; anything else is a failure."""
    if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == 28):  # ENOSPC
        return QueueFull(f"disk full: {error}")
    return QueueFailure(f"{type(error).__name__}: {error}")


class GroupWriter:
    """`await run(work)`; the work has been committed when it returns.

    One batch is under way at a time; what comes meanwhile is the next. Its works run in the thread, or, when all of
    them are light, on the event loop: a thread would wait for the interpreter at each statement of theirs, for as long
    as the loop is busy. The commit, which waits for the disk, is always the thread's.
    """

    def __init__(
        self,
        db: apsw.Connection,
        max_batch: int,
        on_rollback: Callable[[], None],
        turns: FileLock | None = None,
        busy_timeout_milliseconds: int = 10_000,
    ) -> None:
        """`turns`: a lock of this object's own, which all processes that write here hold while they do.
        `busy_timeout_milliseconds`: how long the thread waits for another process that writes."""
        self._db = db
        self._turns = turns
        self._max_batch = max_batch
        self._busy_timeout = busy_timeout_milliseconds
        self._on_rollback = on_rollback  # forget what was remembered about a transaction that failed
        self._waiting: deque[_Job[Any]] = deque()
        self._busy = False  # a batch is under way
        self._batches: SimpleQueue[tuple[Sequence[_Job[Any]], bool] | None] = SimpleQueue()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.commits = 0
        self._thread = threading.Thread(target=self._main, name="postroom-queue-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T], *, durable: bool = True, light: bool = False) -> T:
        """Do `work` within a transaction; `durable=False` does not need the fsync, `light` takes microseconds."""
        return await self.start(work, durable=durable, light=light)

    def start(
        self, work: Callable[[Transaction], T], *, durable: bool = True, light: bool = False
    ) -> "asyncio.Future[T]":
        """`run` for who does not wait."""
        if self._closed:
            raise QueueFailure("the queue is closed")
        job = _Job(work, durable, light)
        self._waiting.append(job)
        if not self._busy:
            self._begin_soon(job.loop)
        return job.future

    async def close(self) -> None:
        """Finish what was handed in, then end the thread."""
        if not self._closed:
            self._closed = True
            await self._idle.wait()
            self._batches.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        if self._turns is not None:
            self._turns.close()

    # ---- on the loop

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the next turn of the loop: what other tasks of this turn write comes along."""
        self._busy = True
        self._idle.clear()
        loop.call_soon(self._begin)

    def _begin(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
        made = False
        if self._turns is None and all(job.light for job in batch):
            try:
                made = self._make_here(batch)
            except Exception as error:  # a bug, too: who waits is told, and the queue goes on
                self._fail(batch, error)
                made = True
        self._batches.put((batch, made))

    def _make_here(self, batch: Sequence[_Job[Any]]) -> bool:
        """False when another process is writing: then the thread waits for it."""
        db = self._db
        timeout = self._busy_timeout
        db.set_busy_timeout(0)
        try:
            self._open(batch)
        except apsw.BusyError:
            return False
        finally:
            db.set_busy_timeout(timeout)
        self._work_all(batch)
        return True

    def _settle(self, batch: Sequence[_Job[Any]]) -> None:
        """The batch is over; the next one, if there is any."""
        self._busy = False
        for job in batch:
            if job.future.done():  # cancelled
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        if self._waiting:
            self._begin_soon(self._waiting[0].loop)
        else:
            self._idle.set()

    # ---- in the thread

    def _main(self) -> None:
        while (item := self._batches.get()) is not None:
            batch, made = item
            if made:
                self._commit(batch)
            else:
                self._take_turn(batch)
            try:
                batch[0].loop.call_soon_threadsafe(self._settle, batch)
            except RuntimeError:
                _log.warning("%d callers of the queue left before they had their answer", len(batch))

    def _take_turn(self, batch: Sequence[_Job[Any]]) -> None:
        if self._turns is None:
            self._write(batch)
            return
        try:
            self._turns.take()
        except OSError as error:
            for job in batch:
                job.error = translate(error)
            return
        try:
            self._write(batch)
        finally:
            self._turns.release()

    def _write(self, batch: Sequence[_Job[Any]]) -> None:
        """Works and commit, one after the other."""
        try:
            self._open(batch)
            self._work_all(batch)
        except Exception as error:
            self._fail(batch, error)
        self._commit(batch)

    def _commit(self, batch: Sequence[_Job[Any]]) -> None:
        """Of what has been made; of nothing when that has failed."""
        if self._db.in_transaction:
            try:
                self._db.execute("COMMIT")
                self.commits += 1
            except apsw.Error as error:
                self._fail(batch, error)
                return
            for job in batch:
                if job.error is None:
                    for action in job.afterwards:
                        _carry_out(action)

    def _fail(self, batch: Sequence[_Job[Any]], error: Exception) -> None:
        """Nothing of this batch happens."""
        self._on_rollback()
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except apsw.Error:
                _log.exception("rollback failed")
        _log.error("the queue could not be written: %s", error, exc_info=not isinstance(error, apsw.Error))
        for job in batch:
            job.error = job.error or translate(error)

    # ---- on the loop or in the thread

    def _open(self, batch: Sequence[_Job[Any]]) -> None:
        # NORMAL appends to the log without an fsync; the next FULL commit brings it to the disk in order.
        self._db.execute(f"PRAGMA synchronous={'FULL' if any(job.durable for job in batch) else 'NORMAL'}")
        self._db.execute("BEGIN IMMEDIATE")

    def _work_all(self, batch: Sequence[_Job[Any]]) -> None:
        alone = len(batch) == 1  # what it takes back is the whole transaction
        for job in batch:
            self._work(job, alone=alone)

    def _work(self, job: _Job[Any], *, alone: bool) -> None:
        transaction = Transaction(self._db)
        if not alone:
            self._db.execute("SAVEPOINT job")
        try:
            job.result = job.work(transaction)
        except (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.BusyError, apsw.NoMemError):
            raise  # the whole transaction is in doubt
        except Exception as error:  # handed to whoever asked, who logs it
            self._on_rollback()
            self._db.execute("ROLLBACK" if alone else "ROLLBACK TO job")
            job.error = translate(error) if isinstance(error, apsw.Error) else error
        else:
            job.afterwards = transaction.afterwards
        if not alone:
            self._db.execute("RELEASE job")


def _carry_out(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as error:  # what has been committed stays so
        _log.warning("after a commit: %s", error)
