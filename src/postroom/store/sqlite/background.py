"""What an account does when nobody waits: the purge and the search index.

Owns: when each is due. Never: knows what they do (purging.py, indexer.py). Raises: nothing.
"""

import asyncio
from typing import Protocol

from postroom.base import Clock
from postroom.store.settings import StoreSettings

from .company import Company
from .indexer import Host, Indexer, Turn
from .pool import Pool
from .purging import Purge


class Surroundings(Protocol):
    """What this needs of the store."""

    pool: Pool
    clock: Clock
    settings: StoreSettings
    next_purge: dict[int, float]  # by account; outlives an account's being open
    index_turn: Turn
    company: Company | None


class Background:
    """Of one account. All methods run on the event loop."""

    def __init__(self, host: Host, store: Surroundings, indexed_to: int) -> None:
        self._host = host
        self._store = store
        self._purging = False
        self._indexer = Indexer(host, store.pool, store.settings, store.index_turn, indexed_to)

    @property
    def active(self) -> bool:
        return self._purging or self._indexer.running

    @property
    def indexed_to(self) -> int:
        """The first content id that is not in the search index, nor any after it; as far as this process knows."""
        return self._indexer.indexed_to

    def start(self) -> None:
        """Begin what is due."""
        self._purge_if_due()
        self._indexer.look()

    def stop(self) -> None:
        """Begin nothing more."""
        self._indexer.stop()

    def _purge_if_due(self) -> None:
        """Start a purge when the last one was long ago."""
        now, account_id, company = self._store.clock.now(), self._host.account_id, self._store.company
        due, interval = self._store.next_purge, self._store.settings.purge_interval_seconds
        if company is not None and account_id not in due:  # of several processes each has its time
            due[account_id] = now + interval * company.place.number / company.place.count
        if now < due.get(account_id, 0) or self._host.closed or self._purging:
            return
        due[account_id] = now + interval
        self._purging = True
        self._host.write_behind(Purge(), self._purged)

    def _purged(self, future: "asyncio.Future[bool]") -> None:
        failed = future.cancelled() or future.exception() is not None  # logged by the writer; the next interval tries
        if not failed and future.result() and not self._host.closed:
            self._host.write_behind(Purge(), self._purged)
        else:
            self._purging = False
            self._indexer.look_for_room()
            self._host.rested()
