"""Pokes: one worker tells another that something has happened, so that it looks at once.

Owns: a named pipe for each worker. Never: carries what must not be lost. A poke says "look", not what is to be seen; to
a worker that does not read them, and so has its pipe full, none are added. Raises: OSError from `create` and `start`.

Pipes, not datagram sockets: a Unix datagram socket holds ten that were not read, a pipe four thousand.
"""

import asyncio
import contextlib
import logging
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

from .place import WorkerPlace

_log = logging.getLogger("postroom.pokes")
_POKE = struct.Struct("<c7xq")  # kind, number. A write of so few octets is never mixed with another's
_READ = 256 * _POKE.size


class Pokes:
    """One worker's: `when` a kind comes, do that; `tell` others. Kinds are single octets."""

    def __init__(self, folder: Path, place: WorkerPlace) -> None:
        self._folder = folder
        self._place = place
        self._actions: dict[bytes, Callable[[int], None]] = {}
        self._pipes: dict[int, int] = {}  # worker: descriptor
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @staticmethod
    def create(folder: Path, workers: int) -> None:
        """Fresh pipes, before any worker starts."""
        for number in range(workers):
            path = _path(folder, number)
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)

    def when(self, kind: bytes, action: Callable[[int], None]) -> None:
        """Call `action` with the number, on the loop; once for pokes of the same number that came together."""
        self._actions[kind] = action

    def start(self) -> None:
        """Listen on this loop. What came for a predecessor that died is heard too."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pipe(self._place.number), self._read)

    def _pipe(self, number: int) -> int:
        """Open for both: so writing works before the reader is there, and reading goes on when a writer ends."""
        descriptor = self._pipes.get(number)
        if descriptor is None:
            descriptor = os.open(_path(self._folder, number), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._pipes[number] = descriptor
        return descriptor

    def tell(self, worker: int, kind: bytes, number: int = 0) -> None:
        """Poke one worker. Never waits, never fails."""
        if self._closed:
            return
        with contextlib.suppress(OSError):  # its pipe is full: it has enough to look at
            os.write(self._pipe(worker), _POKE.pack(kind, number))

    def tell_others(self, kind: bytes, number: int = 0) -> None:
        """Poke all but this one."""
        for other in self._place.others():
            self.tell(other, kind, number)

    def _read(self) -> None:
        try:
            octets = os.read(self._pipe(self._place.number), _READ)
        except BlockingIOError:
            return
        self._act(dict.fromkeys(_POKE.iter_unpack(octets)))

    def _act(self, pokes: Iterable[tuple[bytes, int]]) -> None:
        for kind, number in pokes:
            action = self._actions.get(kind)
            if action is None:
                continue
            try:
                action(number)
            except Exception:
                _log.exception("poke %r %d", kind, number)

    def close(self) -> None:
        """Hear no more, tell no more."""
        self._closed = True
        if self._loop is not None:
            self._loop.remove_reader(self._pipe(self._place.number))
            self._loop = None
        for descriptor in self._pipes.values():
            os.close(descriptor)
        self._pipes.clear()


def _path(folder: Path, number: int) -> Path:
    return folder / f"pokes-{number}"
