"""When an account's search index is made: behind everything else.

Owns: waiting for a quiet moment, the way of a segment from a thread through the account's writer. Never: knows what is
in a segment; makes anybody wait (a step is one of the writer's ordinary changes, and a small one). Raises: nothing.

One segment at a time is made in the whole store, and between two of an account lies a pause, so that whoever opens an
account that was never indexed hardly notices.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import apsw

from postroom.store.books import Books
from postroom.store.settings import StoreSettings

from .index_writing import BeginSegment, Draft, RemoveReplaced, draft_next, writes_of
from .pool import Pool
from .writer import Write

_log = logging.getLogger("postroom.store")
Future = asyncio.Future[Any]


class Turn:
    """Whose segment is being made, of all accounts'."""

    def __init__(self) -> None:
        self.of: object = None


class Host(Protocol):
    """The account, as its indexer sees it."""

    account_id: int

    @property
    def books(self) -> Books: ...

    @property
    def closed(self) -> bool: ...

    def read_behind(self, job: Callable[[apsw.Connection], Any]) -> Callable[[], Any]:
        """The job with a reading connection, for a thread."""

    def write_behind(self, write: Write, done: Callable[[Future], None]) -> None:
        """A change that nobody waits for."""

    def rested(self) -> None:
        """The indexer has stopped, for now."""


class Indexer:
    """Of one account. All methods run on the event loop."""

    def __init__(self, host: Host, pool: Pool, settings: StoreSettings, turn: Turn, indexed_to: int) -> None:
        self._host = host
        self._pool = pool
        self._settings = settings
        self._turn = turn
        self.indexed_to = indexed_to
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0  # content_next when the timer was set
        self._begun_at = 0  # the same when it began
        self.running = False

    def look(self) -> None:
        """Something may have been delivered."""
        if self.running or self._host.closed:
            return
        tail = self._host.books.content_next - self.indexed_to
        if tail >= self._settings.index_segment_messages:
            self._begin()
        elif tail >= self._settings.index_tail_messages and self._timer is None:
            self._wait()

    def look_for_room(self) -> None:
        """Texts may have been purged."""
        if not self.running and not self._host.closed and self.indexed_to > 1:
            self._begin()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self.stop()
        self._seen = self._host.books.content_next
        self._timer = asyncio.get_running_loop().call_later(self._settings.index_quiet_seconds, self._quiet)

    def _quiet(self) -> None:
        self._timer = None
        if self._seen == self._host.books.content_next and not self._host.closed:
            self._begin()
        else:
            self.look()

    def _begin(self) -> None:
        self.stop()
        if self.running:
            return
        if self._turn.of is not None:
            self._wait()
            return
        self.running, self._turn.of = True, self
        self._begun_at = self._host.books.content_next
        self._pool.run(
            self._host.read_behind(lambda db: draft_next(db, self._settings, lambda: self._host.closed)), self._drafted
        )

    def _drafted(self, draft: Draft | None, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d: its texts were not indexed", self._host.account_id, exc_info=error)
            self._rest()
        elif draft is None or self._host.closed:
            self._remove_replaced()
        else:
            found: Draft = draft
            self._then(BeginSegment(found), lambda segment_id: self._add(self._steps(found, segment_id)))

    def _steps(self, draft: Draft, segment_id: int) -> Iterator[Write]:
        return writes_of(draft, segment_id, self._settings.index_step_octets)

    def _add(self, steps: Iterator[Write], result: int | None = None) -> None:
        write = next(steps, None)
        if write is not None:
            self._then(write, lambda result: self._add(steps, result))
            return
        moved = result is not None and result > self.indexed_to
        self.indexed_to = result or self.indexed_to
        self._remove_replaced(again=moved)

    def _remove_replaced(self, *, again: bool = False) -> None:
        def removed(more: bool) -> None:
            if more:
                self._remove_replaced(again=again)
            else:
                self._rest(again=again)

        self._then(RemoveReplaced(), removed)

    def _then(self, write: Write, go_on: Callable[[Any], None]) -> None:
        """The next step; after a failure (which the writer has logged) the index waits for another occasion."""

        def done(future: Future) -> None:
            if future.cancelled() or future.exception() is not None or self._host.closed:
                self._rest()
            else:
                go_on(future.result())

        if self._host.closed:
            self._rest()
        else:
            self._host.write_behind(write, done)

    def _rest(self, *, again: bool = False) -> None:
        self.running, self._turn.of = False, None
        if again and not self._host.closed:
            self._wait()  # for there may be more of the same
        elif self._host.books.content_next != self._begun_at:
            self.look()  # nobody could say so while it was running
        self._host.rested()
