"""One thread that writes: changes that wait together become one transaction and one fsync.

Owns: the writing connection and its thread. Never: knows what is written. Raises: QueueFailure, QueueFull (SQLite's
refusals), and whatever the work itself raises; a work that raises takes back its own changes only.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
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
    __slots__ = ("afterwards", "durable", "error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Transaction], T], durable: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.work = work
        self.durable = durable
        self.result: T | None = None
        self.error: BaseException | None = None
        self.afterwards: list[Callable[[], None]] = []


def translate(error: apsw.Error | OSError) -> QueueError:
    """SQLite's and the disk's refusals in the queue's words."""
    if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == 28):  # ENOSPC
        return QueueFull(f"disk full: {error}")
    return QueueFailure(f"{type(error).__name__}: {error}")


class GroupWriter:
    """`await run(work)`; the work has been committed when it returns."""

    def __init__(
        self, db: apsw.Connection, max_batch: int, on_rollback: Callable[[], None], turns: FileLock | None = None
    ) -> None:
        """`turns`: a lock of this object's own, which all processes that write here hold while they do."""
        self._db = db
        self._turns = turns
        self._max_batch = max_batch
        self._on_rollback = on_rollback  # in the thread: forget what was remembered about a transaction that failed
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._closed = False
        self.commits = 0
        self._thread = threading.Thread(target=self._main, name="postroom-queue-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Do `work` in the thread within a transaction; `durable=False` does not need the fsync."""
        return await self.start(work, durable=durable)

    def start(self, work: Callable[[Transaction], T], *, durable: bool = True) -> "asyncio.Future[T]":
        """`run` for who does not wait."""
        if self._closed:
            raise QueueFailure("the queue is closed")
        job = _Job(work, durable)
        self._jobs.put(job)
        return job.future

    async def close(self) -> None:
        """Finish what was handed in, then end the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        if self._turns is not None:
            self._turns.close()

    # ---- in the thread

    def _main(self) -> None:
        while True:
            job = self._jobs.get()
            batch: list[_Job[Any]] = []
            while job is not None:
                batch.append(job)
                if len(batch) >= self._max_batch:
                    break
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
            if batch:
                self._take_turn(batch)
                _report(batch)
            if job is None:
                return

    def _take_turn(self, batch: Sequence[_Job[Any]]) -> None:
        if self._turns is None:
            self._commit(batch)
            return
        try:
            self._turns.take()
        except OSError as error:
            for job in batch:
                job.error = translate(error)
            return
        try:
            self._commit(batch)
        finally:
            self._turns.release()

    def _commit(self, batch: Sequence[_Job[Any]]) -> None:
        db = self._db
        try:
            # NORMAL appends to the log without an fsync; the next FULL commit brings it to the disk in order.
            db.execute(f"PRAGMA synchronous={'FULL' if any(job.durable for job in batch) else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._work(job)
            db.execute("COMMIT")
            self.commits += 1
        except apsw.Error as error:
            self._on_rollback()
            if db.in_transaction:
                try:
                    db.execute("ROLLBACK")
                except apsw.Error:
                    _log.exception("rollback failed")
            _log.error("the queue could not be written: %s", error)
            for job in batch:
                job.error = job.error or translate(error)
            return
        for job in batch:
            if job.error is None:
                for action in job.afterwards:
                    _carry_out(action)

    def _work(self, job: _Job[Any]) -> None:
        transaction = Transaction(self._db)
        self._db.execute("SAVEPOINT job")
        try:
            job.result = job.work(transaction)
        except (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.BusyError, apsw.NoMemError):
            raise  # the whole transaction is in doubt
        except Exception as error:  # handed to whoever asked, who logs it
            self._on_rollback()
            self._db.execute("ROLLBACK TO job")
            job.error = translate(error) if isinstance(error, apsw.Error) else error
        else:
            job.afterwards = transaction.afterwards
        self._db.execute("RELEASE job")


def _carry_out(action: Callable[[], None]) -> None:
    try:
        action()
    except OSError as error:
        _log.warning("after a commit: %s", error)


def _report(batch: Sequence[_Job[Any]]) -> None:
    """Wake the callers: one call into each loop, usually one in all."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job[Any]]] = {}
    for job in batch:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, jobs)
        except RuntimeError:
            _log.warning("%d callers of the queue left before they had their answer", len(jobs))


def _settle(jobs: Sequence[_Job[Any]]) -> None:
    for job in jobs:
        if job.future.done():  # cancelled
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
