"""Who works on what: jobs sorted into lanes, one a destination, with bounded numbers of workers.

Owns: the jobs in memory and the counts that bound concurrency. Never: runs a job. Raises: nothing.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from postroom.queue import Entry

from .destination import Destination
from .settings import DeliverySettings


@dataclass(slots=True)
class Job:
    """Recipients of one message at one destination: one transaction."""

    destination: Destination
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class Lane:
    destination: Destination
    limit: int
    jobs: deque[Job] = field(default_factory=deque)
    workers: int = 0
    busy: int = 0  # workers that have a job


class Lanes:
    """`add` jobs, ask `to_staff` which lanes should get a worker, `next_job` from a worker."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._lanes: OrderedDict[Destination, Lane] = OrderedDict()  # the front is next to get a worker
        self._remote_workers = 0

    def add(self, job: Job) -> bool:
        """False: this destination has too much waiting already."""
        lane = self._lanes.get(job.destination)
        if lane is None:
            settings = self._settings
            is_local = job.destination.is_local
            limit = settings.max_local_deliveries if is_local else settings.max_connections_per_destination
            lane = self._lanes[job.destination] = Lane(job.destination, limit)
        if len(lane.jobs) >= self._settings.max_waiting_per_destination:
            return False
        lane.jobs.append(job)
        return True

    def to_staff(self) -> list[Lane]:
        """Lanes that get one more worker now, each counted already; a lane may be in it several times."""
        staffed: list[Lane] = []
        for lane in tuple(self._lanes.values()):
            while lane.workers < min(lane.limit, lane.busy + len(lane.jobs)) and self._has_room(lane):
                lane.workers += 1
                self._remote_workers += not lane.destination.is_local
                staffed.append(lane)
        return staffed

    def _has_room(self, lane: Lane) -> bool:
        return lane.destination.is_local or self._remote_workers < self._settings.max_connections

    def next_job(self, lane: Lane, *, first: bool) -> Job | None:
        """A job for a worker of the lane; None: its work is over, or another lane needs its place more."""
        if not lane.jobs or (not first and self._others_starve(lane)):
            return None
        lane.busy += 1
        return lane.jobs.popleft()

    def _others_starve(self, lane: Lane) -> bool:
        if self._has_room(lane) or lane.destination.is_local:
            return False
        return any(other.jobs and not other.workers for other in self._lanes.values())

    def job_done(self, lane: Lane) -> None:
        lane.busy -= 1

    def worker_gone(self, lane: Lane) -> None:
        lane.workers -= 1
        self._remote_workers -= not lane.destination.is_local
        if not lane.jobs and not lane.workers:
            self._lanes.pop(lane.destination, None)
        else:
            self._lanes.move_to_end(lane.destination)  # the others first

    def drop_jobs(self) -> None:
        """Forget all jobs that nobody has begun."""
        for lane in self._lanes.values():
            lane.jobs.clear()


def grouped(entries: Sequence[tuple[Entry, Destination]], limit: int) -> list[Job]:
    """One job a message and destination, up to `limit` recipients each (RFC 5321 §4.5.4.1: one copy for all)."""
    groups: dict[tuple[str, Destination], list[Entry]] = {}
    for entry, destination in entries:
        groups.setdefault((entry.message.message_id, destination), []).append(entry)
    return [
        Job(destination, tuple(group[at : at + limit]))
        for (_, destination), group in groups.items()
        for at in range(0, len(group), limit)
    ]
