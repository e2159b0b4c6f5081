"""The few threads that do the store's blocking work, for all accounts.

Owns: the threads, and the way back to the event loop: however many jobs end between two turns of the loop, it is woken
once. Never: knows what a job does. Raises: what a job raises, in who waits for it.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

_log = logging.getLogger("postroom.store")

T = TypeVar("T")
Job = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Pool:
    """`run` from the event loop; `done` is called there, with the job's result or its exception."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._ended: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._waking = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = 0
        self._idle: asyncio.Future[None] | None = None

    def run(self, job: Job, done: Done) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if len(self._threads) < self._count and self._running >= len(self._threads):
            thread = threading.Thread(target=self._work, name=f"store-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._running += 1
        self._jobs.put((job, done))

    async def call(self, job: Callable[[], T]) -> T:
        """The job's result. A cancelled caller leaves at once; the job ends by itself."""
        return await self._start(job)

    async def call_through(self, job: Callable[[], T]) -> T:
        """The same for a job that uses what the caller owns: a cancelled caller leaves when the job has ended."""
        future = self._start(job)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait((future,))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            future.exception()  # looked at
            raise cancelled
        return future.result()

    def _start(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.run(job, done)
        return future

    async def close(self) -> None:
        """Wait for what is under way, then end the threads."""
        while self._running:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._loop = None

    # ---- in a thread
    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            result: Any = None
            failure: BaseException | None = None
            try:
                result = job()
            except BaseException as error:  # handed to who waits
                failure = error
            self._ended.append((done, result, failure))
            del job, done, item, result, failure
            if not self._waking:
                self._waking = True
                try:
                    assert self._loop is not None
                    self._loop.call_soon_threadsafe(self._drain)
                except RuntimeError:
                    return  # the loop was closed without closing the store: nobody waits any more

    # ---- on the loop
    def _drain(self) -> None:
        self._waking = False  # before the first look: what ends from now on wakes us again
        ended = self._ended
        while ended:
            done, result, error = ended.popleft()
            self._running -= 1
            try:
                done(result, error)
            except Exception:  # one caller's bug must not keep the others waiting
                _log.exception("a completion failed")
        if not self._running and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
