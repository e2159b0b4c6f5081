"""Workers as processes: forks them, replaces those that die, ends them all (docs/workers.md).

Owns: the processes, the pipes to them, the parent's signals. Never: an event loop, a thread or a database, which a fork
would tear apart; what a worker does is handed in. Raises: WorkerFailed.
"""

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

from postroom.base import Clock
from postroom.config import ProcessSettings

_log = logging.getLogger("postroom.supervisor")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_UP, _RELOADED = b"\x01", b"\x02"  # what a worker says to its parent; any other text is why it can't start


class WorkerFailed(Exception):
    """The first workers did not come up, or ended badly; the text says why."""


class Line:
    """A worker's end of the pipe to its parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def up(self) -> None:
        """It serves."""
        os.write(self._descriptor, _UP)

    def reloaded(self) -> None:
        """It has looked at certificate and settings again."""
        os.write(self._descriptor, _RELOADED)

    def failed(self, reason: str) -> None:
        """It can't start; to be said before it ends."""
        os.write(self._descriptor, reason.encode()[:4000])


class Work(Protocol):
    def __call__(self, number: int, line: Line) -> None:
        """Be worker `number` until SIGTERM; the process ends with it."""


class Watcher(Protocol):
    """What the parent does beside keeping workers."""

    def ready(self) -> None:
        """All workers are up for the first time."""

    def gone(self, number: int) -> None:
        """A worker has ended, its successor is not there yet."""

    def reload(self) -> None:
        """SIGHUP came; the workers are told next."""

    def reloaded(self) -> None:
        """All workers have reloaded."""

    def stopping(self) -> None:
        """The workers are told to end next."""


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int = 0  # 0: none
    pipe: int = -1
    up: bool = False
    started_at: float = 0.0
    due: float = 0.0  # when it is to be started
    quick_ends: int = 0  # one after the other
    reload: int = 0  # the last SIGHUP that it need not hear of any more
    reason: str = ""


class Supervisor:
    """`run` it; it returns when all have ended."""

    def __init__(self, count: int, work: Work, watcher: Watcher, settings: ProcessSettings, clock: Clock) -> None:
        self._workers = [_Worker(number) for number in range(count)]
        self._work = work
        self._watcher = watcher
        self._settings = settings
        self._clock = clock
        self._ready = False  # all were up
        self._stop_by: float | None = None  # the workers have been told to end
        self._killed = False  # since they had not by then
        self._failure = ""
        self._reloads = 0
        self._reloading = False

    def run(self) -> None:
        """Keep the workers until SIGTERM or SIGINT. Raises WorkerFailed when they can't start or don't end."""
        self._wakeups, self._wakeup = os.pipe()
        self._life, self._own_life = os.pipe()  # at its end workers see that their parent has died
        for descriptor in (self._wakeups, self._wakeup):
            os.set_blocking(descriptor, False)
        for number in _SIGNALS:
            signal.signal(number, _noted)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        try:
            while self._stop_by is None or any(worker.pid for worker in self._workers):
                self._start_due()
                self._wait()
                for caught in self._caught():
                    self._signalled(caught)
                self._kill_late()
        finally:
            signal.set_wakeup_fd(-1)
            for descriptor in (self._wakeups, self._wakeup, self._life, self._own_life):
                os.close(descriptor)
        if self._failure:
            raise WorkerFailed(self._failure)

    # ---- starting

    def _start_due(self) -> None:
        """The first one alone at first: it makes the databases, and what it can't do the others need not try."""
        if self._stop_by is not None:
            return
        candidates = self._workers if self._workers[0].up or self._ready else self._workers[:1]
        for worker in candidates:
            if not worker.pid and worker.due <= self._clock.monotonic():
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        pipe, end = os.pipe()
        os.set_blocking(pipe, False)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        gc.collect()
        gc.freeze()  # what is there now is shared with the worker as long as nobody writes it, the collector included
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # none of ours is to arrive in the child
        worker.started_at = self._clock.monotonic()
        try:
            worker.pid = os.fork()
            if worker.pid == 0:
                self._be_worker(worker.number, end, pipe)
        except OSError as error:
            os.close(pipe)
            self._try_again(worker, f"it can't be forked: {error.strerror}")
        else:
            worker.pipe, worker.up, worker.reason, worker.reload = pipe, False, "", self._reloads
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(end)

    def _be_worker(self, number: int, end: int, pipe: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for caught in _SIGNALS:  # SIGHUP: until the worker can, the parent tells it again once it is up
                signal.signal(caught, signal.SIG_IGN if caught == signal.SIGHUP else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            others = [worker.pipe for worker in self._workers if worker.pipe >= 0]
            for descriptor in (pipe, self._own_life, self._wakeups, self._wakeup, *others):
                os.close(descriptor)
            threading.Thread(target=_end_with_parent, args=(self._life,), name="parent", daemon=True).start()
            self._work(number, Line(end))
            status = 0
        except Exception:
            _log.exception("worker %d failed", number)
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    # ---- watching

    def _wait(self) -> None:
        """Until a signal, a word of a worker, or the moment for the next thing to do."""
        if self._stop_by is not None:
            moments = [] if self._killed else [self._stop_by]
        else:
            moments = [worker.due for worker in self._workers if self._ready and not worker.pid]
        timeout = max(0.0, min(moments) - self._clock.monotonic()) * 1000 if moments else None
        pipes = {worker.pipe: worker for worker in self._workers if worker.pipe >= 0}
        poll = select.poll()
        for descriptor in (self._wakeups, *pipes):
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(timeout):
            if descriptor in pipes:
                self._hear(pipes[descriptor])

    def _caught(self) -> Iterable[int]:
        """Each once; SIGCHLD last: those whom whoever ends us has ended too are not to be started again."""
        with contextlib.suppress(BlockingIOError):
            return sorted(set(os.read(self._wakeups, 4096)), key=int(signal.SIGCHLD).__eq__)
        return ()

    def _hear(self, worker: _Worker) -> None:
        said = os.read(worker.pipe, 4096)
        if not said:  # it has ended: its SIGCHLD is there or comes
            os.close(worker.pipe)
            worker.pipe = -1
        if _UP in said:
            self._is_up(worker)
        if _RELOADED in said:
            worker.reload = self._reloads
            self._look_whether_reloaded()
        worker.reason += said.translate(None, _UP + _RELOADED).decode("utf-8", "replace")

    def _is_up(self, worker: _Worker) -> None:
        worker.up = True
        if not self._ready and all(other.up for other in self._workers):
            self._ready = True
            self._watcher.ready()
        if worker.reload != self._reloads:
            self._tell(worker, signal.SIGHUP)

    def _signalled(self, caught: int) -> None:
        if caught == signal.SIGCHLD:
            self._bury()
        elif caught == signal.SIGHUP:
            self._reload()
        else:
            self._stop()

    def _bury(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: _Worker, code: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while worker.pipe >= 0:  # what it said last
                self._hear(worker)
        how = worker.reason or (f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
        worker.pid, worker.up = 0, False
        self._watcher.gone(worker.number)
        if self._stop_by is not None:
            if code not in (0, -signal.SIGTERM) and not self._failure:
                self._failure = f"worker {worker.number} did not end well: {how}"
            return
        self._try_again(worker, how)
        self._look_whether_reloaded()

    def _try_again(self, worker: _Worker, how: str) -> None:
        """One that has ended; but when not all have been up yet, something is wrong with the whole."""
        if not self._ready:
            self._failure = worker.reason or f"worker {worker.number} could not start: {how}"
            self._stop()
            return
        now = self._clock.monotonic()
        quick = now - worker.started_at < self._settings.steady_after_seconds
        worker.quick_ends = worker.quick_ends + 1 if quick else 0
        worker.due = now + self._pause(worker.quick_ends)
        _log.error("worker %d ended: %s; starting it again in %g s", worker.number, how, worker.due - now)

    def _pause(self, quick_ends: int) -> float:
        if quick_ends < 2:
            return 0.0
        settings = self._settings
        return min(settings.max_restart_pause_seconds, settings.restart_pause_seconds * 2.0 ** min(quick_ends - 2, 30))

    # ---- reloading

    def _reload(self) -> None:
        if self._stop_by is not None:
            return
        self._reloads += 1
        self._reloading = True
        self._watcher.reload()
        for worker in self._workers:
            if worker.up:
                self._tell(worker, signal.SIGHUP)
        self._look_whether_reloaded()

    def _look_whether_reloaded(self) -> None:
        if self._reloading and all(worker.reload == self._reloads for worker in self._workers if worker.up):
            self._reloading = False
            self._watcher.reloaded()

    # ---- stopping

    def _stop(self) -> None:
        if self._stop_by is not None:
            return
        self._watcher.stopping()
        self._stop_by = self._clock.monotonic() + self._settings.stop_timeout_seconds
        for worker in self._workers:
            self._tell(worker, signal.SIGTERM)

    def _kill_late(self) -> None:
        if self._stop_by is not None and not self._killed and self._clock.monotonic() >= self._stop_by:
            for worker in self._workers:
                if worker.pid:
                    _log.error("worker %d has not ended in time and is killed", worker.number)
                    self._tell(worker, signal.SIGKILL)
            self._killed = True

    def _tell(self, worker: _Worker, number: signal.Signals) -> None:
        if worker.pid:
            os.kill(worker.pid, number)  # it exists, be it as a zombie, until we have waited for it


def _noted(number: int, frame: FrameType | None) -> None:
    """The wakeup pipe has it."""


def _end_with_parent(life: int) -> None:
    """In a thread, so that a worker whose loop hangs ends too. What was acknowledged is on disk."""
    os.read(life, 1)
    os._exit(1)
