"""Numbers that all workers of one server see: a small file that each of them maps.

Owns: the file's layout. Never: knows what is counted. Raises: OSError; ValueError for a file of another layout.

A row has one cell for each worker, a signed 64-bit number that only its worker writes: so there is nothing to lock. The
kernel shows a change to the other processes at once. What a row says may be summed (how many connections have all of
us?) or remembered and compared (has anybody changed that account since I looked?).
"""

import contextlib
import hashlib
import mmap
import os
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .place import WorkerPlace

_MAGIC = b"PoRboard"
_HEADER = struct.Struct("<8sqq16s")  # magic, workers, rows, key of the hash
_FIRST_CELL = 64
_CELL = 8


@dataclass(frozen=True, slots=True)
class Rows:
    """A section of the board."""

    count: int
    held: bool = False  # counts what a worker has: nothing any more, once it is dead. Else its cells stay as they are


class Section:
    """Rows of one purpose. A key is any number; keys with the same remainder by `count` share a row."""

    __slots__ = ("_cells", "_count", "_first", "_map", "_number", "_workers")

    def __init__(self, cells: "memoryview[int]", mapped: mmap.mmap, first: int, count: int, workers: int, number: int):
        self._cells = cells
        self._map = mapped
        self._first = first  # row
        self._count = count
        self._workers = workers
        self._number = number

    def add(self, key: int, amount: int = 1) -> None:
        """Change this worker's cell."""
        self._cells[(self._first + key % self._count) * self._workers + self._number] += amount

    def own(self, key: int) -> int:
        """What this worker's cell says."""
        return self._cells[(self._first + key % self._count) * self._workers + self._number]

    def total(self, key: int) -> int:
        """The sum of all workers' cells."""
        start = (self._first + key % self._count) * self._workers
        return sum(self._cells[start : start + self._workers])

    def row(self, key: int) -> bytes:
        """All workers' cells as octets, to be remembered and compared: different when anybody has added since."""
        start = _FIRST_CELL + (self._first + key % self._count) * self._workers * _CELL
        return self._map[start : start + self._workers * _CELL]

    def others(self, key: int) -> bytes:
        """The cells of all workers but this one."""
        start = _FIRST_CELL + (self._first + key % self._count) * self._workers * _CELL
        own = start + self._number * _CELL
        return self._map[start:own] + self._map[own + _CELL : start + self._workers * _CELL]

    def stir(self) -> None:
        """Add one to this worker's cell of every row."""
        start, end = self._first * self._workers + self._number, (self._first + self._count) * self._workers
        own = self._cells[start : end : self._workers]
        own[:] = memoryview(array("q", [cell + 1 for cell in own]))

    def clear(self, number: int) -> None:
        """Zero a dead worker's cells."""
        start, end = self._first * self._workers + number, (self._first + self._count) * self._workers
        self._cells[start : end : self._workers] = memoryview(bytes(self._count * _CELL)).cast("q")


class Board:
    """`create` it once, then each worker opens it; `board["name"]` is a section."""

    def __init__(self, path: Path, sections: Mapping[str, Rows], place: WorkerPlace) -> None:
        size = _size(sections, place.count)
        with open(path, "r+b", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != size:
                raise ValueError(f"{path} has another layout")
            self._map = mmap.mmap(file.fileno(), size)
        magic, workers, rows, self._key = _HEADER.unpack_from(self._map)
        if (magic, workers, rows) != (_MAGIC, place.count, _rows(sections)):
            raise ValueError(f"{path} has another layout")
        self._cells = memoryview(self._map)[_FIRST_CELL:].cast("q")
        self._sections: dict[str, Section] = {}
        self._held = [name for name, row in sections.items() if row.held]
        first = 0
        for name, row in sections.items():
            self._sections[name] = Section(self._cells, self._map, first, row.count, place.count, place.number)
            first += row.count

    @classmethod
    def create(cls, path: Path, sections: Mapping[str, Rows], workers: int, key: bytes) -> None:
        """A new file of zeros in place of any other; whoever has mapped that one keeps it. `key`: 16 octets."""
        header = _HEADER.pack(_MAGIC, workers, _rows(sections), key)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, header)
            os.ftruncate(descriptor, _size(sections, workers))
        finally:
            os.close(descriptor)

    def __getitem__(self, name: str) -> Section:
        return self._sections[name]

    def key(self, text: str) -> int:
        """A number for a text, the same in all workers; nobody outside can tell which texts share one."""
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=self._key).digest(), "big")

    def forget(self, number: int) -> None:
        """A worker has died: it holds nothing any more. For whoever knows that it is dead."""
        for name in self._held:
            self._sections[name].clear(number)

    def close(self) -> None:
        """Unmap; the sections are of no use after it."""
        for section in self._sections.values():
            section._cells = memoryview(b"").cast("q")
        self._cells.release()
        with contextlib.suppress(BufferError):  # somebody still looks at a row: the map goes with that
            self._map.close()


def _rows(sections: Mapping[str, Rows]) -> int:
    return sum(row.count for row in sections.values())


def _size(sections: Mapping[str, Rows], workers: int) -> int:
    return _FIRST_CELL + _rows(sections) * workers * _CELL
