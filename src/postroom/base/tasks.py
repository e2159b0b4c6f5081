"""Background work with an owner.

Owns: the only create_task. A task belongs to a TaskOwner that keeps it alive, logs its failure and ends it at close.
Never: restarts a failed task. Raises: nothing of its own.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("postroom.tasks")


class TaskOwner:
    """Holds the tasks of one component; `close()` cancels and awaits them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._live: set[asyncio.Task[None]] = set()
        self.failures = 0

    def __len__(self) -> int:
        return len(self._live)

    def spawn(self, coro: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start `coro` as a task of this owner."""
        task = asyncio.get_running_loop().create_task(coro, name=f"{self.name}:{name}")
        self._live.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._live.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures += 1
            _log.error("task %s failed", task.get_name(), exc_info=error)

    async def wait(self) -> None:
        """Return when no task is left, without cancelling any."""
        while self._live:
            await asyncio.wait(tuple(self._live))

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        while self._live:
            tasks = tuple(self._live)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
