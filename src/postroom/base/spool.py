"""Octets on their way in: in memory up to a limit, then in a temporary file.

Owns: the temporary file of one incoming message. Never: knows what the octets mean, makes them durable under a final
name (the store and the queue do). Raises: OSError when the disk refuses, ValueError after close
and for what is written after `rest`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class Spool:
    """Append with `write`, then read any range; `close` removes the file."""

    def __init__(self, directory: Path, memory_limit: int) -> None:
        self._directory = directory
        self._memory_limit = memory_limit
        self._chunks: list[bytes] = []
        self._fd = -1
        self.path: Path | None = None  # set once the octets are in a file
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append octets."""
        if not data:
            return
        if self.path is not None and self._fd < 0:
            raise ValueError("this spool rests")
        self.size += len(data)
        if self._fd < 0:
            self._chunks.append(data)
            if self.size > self._memory_limit:
                self._to_file()
            return
        _write_all(self._fd, data)

    def _to_file(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd, name = tempfile.mkstemp(prefix="spool-", dir=self._directory)
        self.path = Path(name)
        for chunk in self._chunks:
            _write_all(self._fd, chunk)
        self._chunks.clear()

    def read(self, start: int, end: int) -> bytes:
        """The octets from `start` up to `end` (or the end of the spool)."""
        end = min(end, self.size)
        if start >= end:
            return b""
        if self.path is None:
            return self.getvalue()[start:end]
        with self._file() as fd:
            return os.pread(fd, end - start, start)

    def getvalue(self) -> bytes:
        """All octets at once; only for spools known to be small."""
        if self.path is not None:
            return self.read(0, self.size)
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    @property
    def in_memory(self) -> bool:
        """True while no file was needed."""
        return self.path is None

    def rest(self) -> None:
        """No more will be written: keep no file open for it, which one command may have a thousand of."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @contextmanager
    def _file(self) -> Iterator[int]:
        """The file, opened anew when it rests."""
        if self._fd >= 0:
            yield self._fd
            return
        if self.path is None:
            raise ValueError("this spool is in memory")
        fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)

    def pieces(self, piece_size: int = 65536) -> Iterator[bytes]:
        """The content in order, in pieces of bounded size."""
        for start in range(0, self.size, piece_size):
            yield self.read(start, start + piece_size)

    def sync(self) -> None:
        """Flush the file's octets to the disk (fsync); nothing to do in memory. Blocks: call it off the loop."""
        if self.path is not None:
            with self._file() as fd:
                os.fsync(fd)

    def link_to(self, target: Path) -> None:
        """Give the file (already in a file, same file system) a second, final name."""
        if self.path is None:
            raise ValueError("this spool is in memory")
        os.link(self.path, target)

    def close(self) -> None:
        """Forget the octets and remove the temporary file."""
        self._chunks.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
