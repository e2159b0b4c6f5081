"""The way of an account's changes from their callers to the disk and back, and the log they are written to.

Owns: what waits to be written, the batches made of it, the times at which the write-ahead log is copied into the
database. Never: blocks the loop, knows what a change does. Raises: nothing; what became of a change is its future's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, islice
from typing import Any, Protocol

import apsw

from postroom.base import Clock
from postroom.store.books import Books
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import Effect, OpenViews

from .files import Readers
from .pool import Pool
from .writer import LIGHT_CHANGE_OCTETS, Outcome, Write, Writer

_log = logging.getLogger("postroom.store")

Batch = list[tuple[Write, "asyncio.Future[Any]"]]


class Surroundings(Protocol):
    """What is needed of the store."""

    pool: Pool
    clock: Clock
    settings: StoreSettings
    probe: Probe


class Commits:
    """Of one account. All methods run on the event loop, but for `copy_log`."""

    def __init__(
        self,
        store: Surroundings,
        account_id: int,
        writer: Writer,
        readers: Readers,
        views: OpenViews,
        *,
        publish: Callable[[Books, Sequence[Effect]], None],
        has_work: Callable[[], None],
        at_rest: Callable[[], None],
    ) -> None:
        """`publish` folds and tells; `has_work` sees to it that `start` is called soon; `at_rest` hears that nothing is
        left to do."""
        self._store = store
        self._account_id = account_id
        self._writer = writer
        self._readers = readers
        self._views = views
        self._publish = publish
        self._has_work = has_work
        self._at_rest = at_rest
        self._waiting: deque[tuple[Write, asyncio.Future[Any]]] = deque()
        self.busy = False  # a batch or a checkpoint is under way, or about to start
        self._copying_log = False
        self._held = False  # writing goes on when the log has been copied
        self._log_left = False  # the log was copied while it grew: the writer copies the rest

    @property
    def active(self) -> bool:
        """Something is under way."""
        return bool(self.busy or self._waiting or self._copying_log)

    def put(self, write: Write) -> "asyncio.Future[Any]":
        """Have it written with the next batch."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if not self.busy:
            self.busy = True
            self._has_work()
        return future

    # ---- a batch
    def start(self) -> None:
        """Begin with what waits: the whole of it in a thread, or only its commit."""
        batch, light = self._next_batch()
        claimed, self._views.claimed = self._views.claimed, {}
        writes, now = [write for write, _ in batch], int(self._store.clock.now())
        prepared = self._writer.prepare_at_once(writes, claimed, now) if light else None
        if prepared is not None:
            job = partial(self._writer.finish, prepared)
        else:
            job = partial(self._writer.commit, writes, claimed, now)
        self._store.pool.run(job, partial(self._written, batch))

    def _next_batch(self) -> tuple[Batch, bool]:
        """The changes to commit together, and whether they are light enough for the event loop."""
        waiting, settings = self._waiting, self._store.settings
        weights = [write.light_octets() for write, _ in islice(waiting, settings.max_batch)]
        count, at_once = len(weights), None not in weights
        if at_once:
            sums = accumulate(LIGHT_CHANGE_OCTETS + (octets or 0) for octets in weights)
            fitting = sum(octets <= settings.write_on_loop_octets for octets in sums)
            at_once = fitting > 0 or not count
            count = fitting or count
        return [waiting.popleft() for _ in range(count)], at_once

    def _written(self, batch: Batch, outcomes: list[Outcome] | None, error: BaseException | None) -> None:
        """After the commit: fold and tell in the order of the changes, then wake the callers."""
        if outcomes is None:
            _log.error("account %d: a batch failed", self._account_id, exc_info=error)
            outcomes = [Outcome(error=error) for _ in batch]
        for outcome in outcomes:
            if outcome.books is not None:
                self._publish(outcome.books, outcome.effects)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # the caller has left
            if outcome.error is not None:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome.result)
        self._store.probe(DiskState.ACKNOWLEDGED)
        self._go_on()

    def _go_on(self) -> None:
        settings, log_octets = self._store.settings, self._writer.log_octets
        if log_octets >= settings.checkpoint_hard_octets:
            if self._copying_log:
                self._held = True  # two at once would be in each other's way
                return
            self._finish_log()
            return
        if log_octets < settings.checkpoint_octets:
            self._log_left = False
        elif not self._copying_log:
            if self._log_left:
                self._finish_log()
                return
            self._copying_log = True
            self._store.pool.run(self.copy_log, self._log_copied)
        if self._waiting:
            self._has_work()
            return
        self.busy = False
        self._at_rest()

    # ---- the log
    def _finish_log(self) -> None:
        """Between two batches, so that the next one starts the log over. Most of it has been copied already."""
        self._log_left = False
        self._writer.log_octets = 0
        self._store.pool.run(self._writer.checkpoint, self._checkpointed)

    def _checkpointed(self, result: object, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d: a checkpoint failed", self._account_id, exc_info=error)
        self._go_on()

    def copy_log(self) -> None:
        """In a thread, beside the writer: readers and writers go on meanwhile."""
        with self._readers.one() as db:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._store.probe(DiskState.CHECKPOINTED)

    def _log_copied(self, result: object, error: BaseException | None) -> None:
        self._copying_log = False
        self._log_left = True
        if error is not None:
            _log.error("account %d: a checkpoint failed", self._account_id, exc_info=error)
        if self._held:
            self._held = False
            self._go_on()
        elif not self.busy:
            self._at_rest()
