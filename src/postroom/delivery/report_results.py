"""What is to be reported, counted in memory for some seconds, then in a database.

Owns: when it is written. Never: knows what is counted. Raises: nothing; what can't be written is counted no more.
"""

import datetime
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

import apsw

from postroom.base import Clock, TaskOwner

from .report_database import ReportDatabase, ReportDatabaseFailure
from .report_settings import ReportSettings

_log = logging.getLogger("postroom.delivery")
_DAY = 86_400


def day_of(at: float) -> str:
    """Of UTC (RFC 8460 §4.1)."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date().isoformat()


class ReportResults(ABC):
    """`start`, and `close` at the end."""

    def __init__(self, kind: str, database: ReportDatabase, clock: Clock, settings: ReportSettings) -> None:
        self._kind = kind
        self._database = database
        self._clock = clock
        self._settings = settings
        self._tasks = TaskOwner(f"{kind.lower()}-results")

    def start(self) -> None:
        """Write what was noted, from time to time."""
        self._tasks.spawn(self._run(), name="flush")

    async def close(self) -> None:
        await self._tasks.close()
        await self.flush()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(self._settings.flush_seconds)
            await self.flush()

    @abstractmethod
    def _taken(self) -> Callable[[apsw.Connection], None] | None:
        """What writes all that was noted, which is forgotten here; None: nothing was."""

    async def flush(self) -> None:
        """Durable when it returns."""
        save = self._taken()
        if save is None:
            return
        oldest = day_of(self._clock.now() - _DAY * self._settings.keep_days)

        def write(db: apsw.Connection) -> None:
            save(db)
            for table in self.tables:
                db.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))

        try:
            await self._database.run(write)
        except ReportDatabaseFailure as error:
            _log.error("results of %s could not be kept: %s", self._kind, error)

    tables: tuple[str, ...] = ("result", "report")  # that have days
