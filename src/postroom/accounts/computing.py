"""Where hashes are computed: a few threads, and so much memory.

Owns: the threads, who waits for them, the memory they may hold together, the count of what was computed. Never: knows
what a hash is for. Raises: SignInBusy when too many wait.

What hashes gives up the interpreter's lock while it computes, so the event loop goes on.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from .api import SignInBusy
from .settings import AccountSettings

T = TypeVar("T")


class Computing:
    """`run` from the event loop; `counted` and `memory` from within what it runs."""

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._pool: ThreadPoolExecutor | None = None
        self._in_pool = 0
        self._lock = threading.Lock()
        self._work: Counter[str] = Counter()
        self._held = 0
        self._freed = threading.Condition()
        self.most_held = 0  # kibibytes, so far

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Run `work` in one of the threads. Raises SignInBusy."""
        limit = self._settings.max_concurrent_hashes + self._settings.max_waiting_hashes
        if self._in_pool >= limit:
            raise SignInBusy(f"{self._in_pool} passwords are being checked")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._settings.max_concurrent_hashes, "postroom-hash")
        self._in_pool += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._left_pool)
        return future

    def _left_pool(self, _: object) -> None:
        self._in_pool -= 1

    @property
    def work(self) -> Counter[str]:
        """Computations so far, by kind."""
        with self._lock:
            return self._work.copy()

    def counted(self, kind: str, count: int = 1) -> None:
        with self._lock:
            self._work[kind] += count

    @contextmanager
    def memory(self, kibibytes: int) -> Iterator[None]:
        """Hold so much; waits until the others leave room. Raises ValueError for more than there ever is."""
        limit = max(self._settings.max_hash_memory_kibibytes, self._settings.hash_memory_kibibytes)
        if kibibytes > limit:
            raise ValueError(f"it takes {kibibytes} KiB to compute, more than accounts.max_hash_memory_kibibytes")
        with self._freed:
            self._freed.wait_for(lambda: self._held + kibibytes <= limit)
            self._held += kibibytes
            self.most_held = max(self.most_held, self._held)
        try:
            yield
        finally:
            with self._freed:
                self._held -= kibibytes
                self._freed.notify_all()

    def close(self) -> None:
        """End the threads; a computation under way is waited for (tens of milliseconds)."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
