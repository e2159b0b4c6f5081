"""Which of several server processes this one is.

Owns: that value. Never: starts processes (cli does). Raises: nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """A worker among its like. Where there are several, their parent holds the locks of the data folder."""

    number: int = 0  # from 0; a successor of a dead worker has its number
    count: int = 1
    started_at: float = 0.0  # seconds since 1970: when the parent began, before any worker; 0: nothing is that old

    @property
    def alone(self) -> bool:
        """One process is the whole server."""
        return self.count == 1

    @property
    def first(self) -> bool:
        """Does what only one may do: takes mail out of the queue."""
        return self.number == 0

    def others(self) -> list[int]:
        """The numbers of the other workers."""
        return [number for number in range(self.count) if number != self.number]


ALONE = WorkerPlace()
