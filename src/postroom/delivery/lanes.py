"""Who works on what: jobs sorted into lanes, one a destination, with bounded numbers of workers.

Owns: the jobs in memory, and the counts that bound concurrency. Never: runs a job. Raises: nothing.

Lanes come from three pools: our own mailboxes; destinations; destinations from which nothing has been heard since
something failed. Each pool has its own room, so those that are down, however many, never hold the connections of the
others. Within a pool a lane without a worker comes before one that wants another.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from postroom.queue import RETRY, Entry, QueuedMessage, Share
from postroom.smtp import ServerReply

from .destination import Destination
from .settings import DeliverySettings
from .sites import Site, Sites

_MAX_ANSWERING = 1000  # domains
_MAX_DOMAINS = 100_000  # of one lane; what is forgotten is claimed once in vain
_JOBS_A_CONNECTION = 10  # that wait in memory: enough to keep it busy while more are fetched


@dataclass(slots=True)
class Job:
    """Recipients of one message at one destination: one transaction."""

    destination: Destination
    entries: tuple[Entry, ...]
    answer: ServerReply | None = None  # known already: nobody is called

    @property
    def wants_attempt(self) -> bool:
        """An operator has asked for one."""
        return any(entry.wish == RETRY for entry in self.entries)


@dataclass(slots=True)
class Lane:
    destination: Destination
    site: Site
    ceiling: int  # workers at most, whatever the site can take
    jobs: deque[Job] = field(default_factory=deque)
    workers: int = 0
    busy: int = 0  # workers that have a job
    capped: bool = False  # nothing more was wanted for it: there may be some in the queue
    domains: set[str] = field(default_factory=set)  # of the queue, whose entries are here
    pool: "_Pool | None" = None  # where its workers are counted

    @property
    def limit(self) -> int:
        return self.ceiling if self.destination.is_local else min(self.ceiling, int(self.site.limit))

    @property
    def wants_worker(self) -> bool:
        return self.workers < min(self.limit, self.busy + len(self.jobs))


@dataclass(slots=True)
class _Pool:
    """Lanes that share a room."""

    room: int  # workers
    workers: int = 0
    idle: OrderedDict[Destination, Lane] = field(default_factory=OrderedDict)  # with jobs, without a worker
    short: OrderedDict[Destination, Lane] = field(default_factory=OrderedDict)  # want another one

    def forget(self, lane: Lane) -> None:
        self.idle.pop(lane.destination, None)
        self.short.pop(lane.destination, None)

    def note(self, lane: Lane) -> None:
        """The lane stands where it has to; behind the others when it is new there."""
        where, other = (self.short, self.idle) if lane.workers else (self.idle, self.short)
        other.pop(lane.destination, None)
        if lane.wants_worker:
            where.setdefault(lane.destination, lane)
        else:
            where.pop(lane.destination, None)

    def next_lane(self) -> Lane | None:
        if self.workers >= self.room:
            return None
        return next(iter(self.idle.values()), None) or next(iter(self.short.values()), None)


class Lanes:
    """`add` jobs, ask `to_staff` which lanes should get a worker, `next_job` from a worker."""

    def __init__(self, settings: DeliverySettings, sites: Sites) -> None:
        self._settings = settings
        self._sites = sites
        self._lanes: dict[Destination, Lane] = {}
        self._answering = OrderedDict[str, int]()  # domains without a lane that answered lately: their window then
        self._local = _Pool(1 << 30)
        self._remote = _Pool(settings.max_connections)
        self._suspect = _Pool(settings.max_suspect_connections)

    def __len__(self) -> int:
        return len(self._lanes)

    # ---- what may come

    def window(self, lane: Lane) -> int:
        """Jobs that may wait in memory."""
        most = self._settings.max_waiting_per_destination
        return most if lane.destination.is_local else min(most, _JOBS_A_CONNECTION * max(2, lane.limit))

    def shares(self) -> dict[str, Share]:
        """How many more entries of a domain are wanted, where that is not the usual share.

        Domains whose mail goes the same way, to one relay, have one Share together.
        """
        found = {domain: Share(window) for domain, window in self._answering.items()}
        for lane in self._lanes.values():
            share = Share(max(0, self.window(lane) - len(lane.jobs)))
            lane.capped = lane.capped or not share.left  # its window may have shrunk meanwhile
            for domain in lane.domains:
                other = found.get(domain)
                if other is None or share.left < other.left:
                    found[domain] = share
        return found

    def full(self) -> set[str]:
        """Domains of which nothing is wanted now."""
        return {name for name, share in self.shares().items() if not share.left}

    def add(self, job: Job) -> bool:
        """False: this destination has too much waiting already, so that nothing more of these domains is wanted."""
        lane = self._lanes.get(job.destination)
        if lane is None:
            settings = self._settings
            is_local = job.destination.is_local
            ceiling = settings.max_local_deliveries if is_local else settings.max_connections_per_destination
            lane = Lane(job.destination, self._sites.of(job.destination), ceiling)
            self._lanes[job.destination] = lane
        for entry in job.entries:
            lane.domains.add(entry.destination)
            if len(lane.domains) > _MAX_DOMAINS:
                lane.domains.pop()
            self._answering.pop(entry.destination, None)
        if len(lane.jobs) >= self._settings.max_waiting_per_destination:
            return False
        lane.jobs.append(job)
        self._note(lane)
        return True

    # ---- workers

    def _note(self, lane: Lane) -> None:
        """The lane's state has changed."""
        pool = self._local if lane.destination.is_local else self._suspect if lane.site.suspect else self._remote
        if lane.pool is not pool:
            if lane.pool is not None:
                lane.pool.forget(lane)
                lane.pool.workers -= lane.workers
            pool.workers += lane.workers
            lane.pool = pool
        pool.note(lane)

    def to_staff(self) -> list[Lane]:
        """Lanes that get one more worker now, each counted already; a lane may be in it several times."""
        staffed: list[Lane] = []
        for pool in (self._local, self._remote, self._suspect):
            while (lane := pool.next_lane()) is not None:
                lane.workers += 1
                pool.workers += 1
                pool.forget(lane)  # the others first
                pool.note(lane)
                staffed.append(lane)
        return staffed

    def next_job(self, lane: Lane, *, first: bool) -> Job | None:
        """A job for a worker of the lane; None: its work is over, or another lane needs its place more."""
        pool = lane.pool
        assert pool is not None
        crowded = pool.workers > pool.room or (pool.workers == pool.room and bool(pool.idle))
        if not lane.jobs or (not first and (crowded or lane.workers > lane.limit)):
            return None
        lane.busy += 1
        return lane.jobs.popleft()

    def more_jobs(self, lane: Lane, limit: int) -> list[Job]:
        """Up to so many further jobs, for a worker that knows the answer to all of them.

        Not beyond one for which an operator wants an attempt.
        """
        jobs: list[Job] = []
        while lane.jobs and len(jobs) < limit and not lane.jobs[0].wants_attempt:
            jobs.append(lane.jobs.popleft())
        return jobs

    def runs_low(self, lane: Lane) -> bool:
        """It is time to fetch more for it; said once."""
        if not lane.capped or len(lane.jobs) * 4 >= self.window(lane):
            return False
        lane.capped = False
        return True

    def job_done(self, lane: Lane) -> None:
        lane.busy -= 1
        self._note(lane)

    def worker_gone(self, lane: Lane) -> None:
        lane.workers -= 1
        assert lane.pool is not None
        lane.pool.workers -= 1
        lane.pool.forget(lane)  # the others first
        if not lane.jobs and not lane.workers:
            self._lanes.pop(lane.destination, None)
            self._remember(lane)
        else:
            self._note(lane)

    def _remember(self, lane: Lane) -> None:
        """Who answers is not to wait in small steps among those of whom nothing is known."""
        if lane.destination.is_local or lane.site.suspect:
            return
        for domain in lane.domains:
            self._answering[domain] = max(1, self.window(lane) // len(lane.domains))
        while len(self._answering) > _MAX_ANSWERING:
            self._answering.popitem(last=False)

    def drop_jobs(self) -> None:
        """Forget all jobs that nobody has begun."""
        for lane in self._lanes.values():
            lane.jobs.clear()
            self._note(lane)


def grouped(entries: Sequence[tuple[Entry, Destination]], limit: int) -> list[Job]:
    """One job a message and destination, up to `limit` recipients each (RFC 5321 §4.5.4.1: one copy for all).

    Recipients with a sender or header lines of their own have their own message.
    """
    groups: dict[tuple[QueuedMessage, Destination], list[Entry]] = {}
    for entry, destination in entries:
        groups.setdefault((entry.message, destination), []).append(entry)
    return [
        Job(destination, tuple(group[at : at + limit]))
        for (_, destination), group in groups.items()
        for at in range(0, len(group), limit)
    ]
