"""The way of an account's changes from their callers to the disk and back, and the log they are written to.

Owns: what waits to be written, the batches made of it, the times at which the write-ahead log is copied into the
database. Never: blocks the loop, knows what a change does. Raises: nothing; what became of a change is its future's.

Where other processes have the account too, a batch is begun in turn with them: with the account's lock, and knowing
what they have done. The lock is taken at once when it is free; else a thread waits for it that does nothing else, so
that the threads by which those who have a lock come to their end are never all waiting for one.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate, islice
from typing import Any, Protocol

import apsw

from postroom.base import Clock
from postroom.store.api import StoreError
from postroom.store.books import Books
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import Effect, OpenViews

from .company import Company
from .feed import FeedGap, News, TooMuch
from .files import Readers, refusal
from .pool import Pool
from .writer import LIGHT_CHANGE_OCTETS, Outcome, Write, Writer

_log = logging.getLogger("postroom.store")

Batch = list[tuple[Write, "asyncio.Future[Any]"]]


class Surroundings(Protocol):
    """What is needed of the store."""

    pool: Pool
    lock_pool: Pool
    clock: Clock
    settings: StoreSettings
    probe: Probe
    company: Company | None


class Host(Protocol):
    """What is needed of the account."""

    account_id: int

    def publish(self, books: Books, effects: Iterable[Effect]) -> None:
        """A change has been committed: fold it into the views, and tell."""

    def follow(self, news: News) -> None:
        """The same for what others have committed."""

    def start_anew(self) -> None:
        """The same when nobody knows any more what that was. Raises StoreFailure, apsw.Error."""

    def removed(self) -> StoreError:
        """The account has been deleted by another process; what is told to whoever wants something of it."""

    def has_work(self) -> None:
        """Call `start` soon."""

    def at_rest(self) -> None:
        """Nothing is left to do."""


class Commits:
    """Of one account. All methods run on the event loop, but for `copy_log`."""

    def __init__(
        self, store: Surroundings, host: Host, writer: Writer, readers: Readers, views: OpenViews, known: bytes
    ) -> None:
        """`known`: how the account's row of the board was before its books were read."""
        self._store = store
        self._host = host
        self._account_id = host.account_id
        self._writer = writer
        self._readers = readers
        self._views = views
        self._company = store.company
        self.known = known
        self._looking: asyncio.Future[None] | None = None  # somebody wants to know what others have done
        self._waiting: deque[tuple[Write, asyncio.Future[Any]]] = deque()
        self.busy = False  # a batch or a checkpoint is under way, or about to start
        self._copying_log = False
        self._held = False  # writing goes on when the log has been copied
        self._log_left = False  # the log was copied while it grew: the writer copies the rest

    @property
    def active(self) -> bool:
        """Something is under way."""
        return bool(self.busy or self._waiting or self._copying_log)

    @property
    def behind(self) -> bool:
        """Whether other processes have changed the account since."""
        company = self._company
        return company is not None and company.state(self._account_id) != self.known

    def put(self, write: Write) -> "asyncio.Future[Any]":
        """Have it written with the next batch."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if not self.busy:
            self.busy = True
            self._host.has_work()
        return future

    def look(self) -> "asyncio.Future[None]":
        """Done when all that was committed until now, here or by others, has been published."""
        looking = self._looking
        if looking is None:
            looking = self._looking = asyncio.get_running_loop().create_future()
            if not self.busy:
                self.busy = True
                self.start()
        return looking

    def start(self) -> None:
        """Begin with what waits."""
        lock = self._writer.lock
        if self._looking is not None:
            looking, self._looking = self._looking, None
            self._look(partial(self._looked, looking))
        elif lock is None:
            self._start_batch()
        elif lock.try_take():
            self._look(self._start_in_turn)
        else:
            self._store.lock_pool.run(lock.take, self._locked)

    # ---- in turn with other processes
    def _locked(self, result: object, error: BaseException | None) -> None:
        if error is not None:
            self._start_in_turn(error)
        else:
            self._look(self._start_in_turn)

    def _look(self, then: Callable[[BaseException | None], None]) -> None:
        """Publish what others have done, then go on."""
        company, lock = self._company, self._writer.lock
        if company is None or lock is None:
            then(None)
            return
        done = partial(self._publish_news, company.state(self._account_id), then)
        if not lock.in_place:
            then(self._host.removed())
            return
        try:
            news = self._writer.news_at_once()
        except TooMuch:
            self._store.pool.run(self._writer.news, done)
        except Exception as error:
            done(None, error)
        else:
            done(news, None)

    def _publish_news(
        self,
        state: bytes,
        then: Callable[[BaseException | None], None],
        news: News | None,
        error: BaseException | None,
    ) -> None:
        try:
            if isinstance(error, FeedGap):
                error = None
                self._host.start_anew()
            elif news is not None:
                self._host.follow(news)
        except (apsw.Error, OSError, StoreError) as failure:
            error = failure
        except Exception as failure:
            error = failure
            self._writer.poisoned = True  # half of it may have been told
        if error is None:
            self.known = state
        else:
            _log.error("account %d: what others have done is not known", self._account_id, exc_info=error)
        then(error)

    def _looked(self, looking: "asyncio.Future[None]", error: BaseException | None) -> None:
        if not looking.done():
            if error is None:
                looking.set_result(None)
            else:
                looking.set_exception(refusal(error))
                looking.exception()  # looked at: nobody need be waiting
        if self._waiting or self._looking is not None:
            self._host.has_work()
        else:
            self._rest()

    def _start_in_turn(self, error: BaseException | None) -> None:
        if error is None:
            self._start_batch()
            return
        batch, _ = self._next_batch()
        job = partial(self._writer.refuse, [write for write, _ in batch], error)
        self._store.pool.run(job, partial(self._written, batch))

    # ---- a batch
    def _start_batch(self) -> None:
        """The whole of it in a thread, or only its commit."""
        batch, light = self._next_batch()
        claimed, self._views.claimed = self._views.claimed, {}
        writes, now = [write for write, _ in batch], int(self._store.clock.now())
        job = partial(self._writer.commit, writes, claimed, now)
        try:
            if light and (prepared := self._writer.prepare_at_once(writes, claimed, now)) is not None:
                job = partial(self._writer.finish, prepared)
        except Exception as error:  # a bug; whoever waits must hear of it, and the account go on
            _log.exception("account %d: a batch failed", self._account_id)
            job = partial(self._writer.refuse, writes, error)
        self._store.pool.run(job, partial(self._written, batch))

    def _next_batch(self) -> tuple[Batch, bool]:
        """The changes to commit together, and whether they are light enough for the event loop."""
        waiting, settings = self._waiting, self._store.settings
        weights = [write.light_octets(self._writer.books) for write, _ in islice(waiting, settings.max_batch)]
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
        changed = [outcome for outcome in outcomes if outcome.books is not None]
        if self._company is not None and changed:
            self._company.changed(self._account_id)  # before anybody is told
        for outcome in changed:
            assert outcome.books is not None
            self._host.publish(outcome.books, outcome.effects)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # the caller has left
            if outcome.error is not None:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome.result)
        if self._company is not None and changed:
            self._company.poke(self._account_id)
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
        if self._waiting or self._looking is not None:
            self._host.has_work()
        else:
            self._rest()

    def _rest(self) -> None:
        self.busy = False
        self._host.at_rest()

    # ---- the log
    def _finish_log(self) -> None:
        """Between two batches, so that the next one starts the log over. Most of it has been copied already."""
        self._log_left = False
        self._writer.log_octets = 0
        lock = self._writer.lock
        if lock is None or lock.try_take():  # no other process may add to it meanwhile
            self._store.pool.run(self._writer.checkpoint, self._checkpointed)
        else:
            self._store.lock_pool.run(lock.take, self._finish_log_in_turn)

    def _finish_log_in_turn(self, result: object, error: BaseException | None) -> None:
        if error is not None:
            self._checkpointed(result, error)
        else:
            self._store.pool.run(self._writer.checkpoint, self._checkpointed)

    def _checkpointed(self, result: object, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d: a checkpoint failed", self._account_id, exc_info=error)
        self._go_on()

    def copy_log(self) -> None:
        """In a thread, beside the writer: readers and writers go on meanwhile."""
        with self._readers.one() as db, contextlib.suppress(apsw.BusyError):  # another process is at it
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
            self._host.at_rest()
