"""Contents too large for the database: one file each in data/queue/.

Owns: those files and their names. Never: knows which messages exist (its caller says). Raises: OSError.
All methods block; call them off the loop.
"""

import os
from collections.abc import Container
from pathlib import Path

from postroom.base import Spool

from .states import DiskState, Probe


class Contents:
    """`put` makes a file durable under its final name."""

    def __init__(self, directory: Path, probe: Probe) -> None:
        self._directory = directory
        self._probe = probe
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, message_id: str) -> Path:
        return self._directory / f"{message_id}.msg"

    def put(self, message_id: str, spool: Spool) -> None:
        """The spool's octets, fsynced, under the final name, and the name fsynced too. Raises FileExistsError."""
        final = self.path(message_id)
        if spool.in_memory or not self._link(spool, final):
            self._copy(spool, final)
        try:
            self._sync_directory()
        except OSError:
            final.unlink(missing_ok=True)
            raise
        self._probe(DiskState.STORED)

    def _link(self, spool: Spool, final: Path) -> bool:
        spool.sync()
        try:
            spool.link_to(final)
        except FileExistsError:
            raise
        except OSError:
            return False  # another file system, or one without links
        return True

    def _copy(self, spool: Spool, final: Path) -> None:
        part = final.with_suffix(".part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for piece in spool.pieces(1 << 20):
                    file.write(piece)
                file.flush()
                self._probe(DiskState.COPYING)
                os.fsync(file.fileno())
            os.link(part, final)  # unlike a rename it refuses to replace another message
        finally:
            part.unlink(missing_ok=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, message_id: str, start: int, end: int) -> bytes:
        """Octets of the file from `start` up to `end`; short at its end."""
        descriptor = os.open(self.path(message_id), os.O_RDONLY)
        try:
            return os.pread(descriptor, max(0, end - start), start)
        finally:
            os.close(descriptor)

    def remove(self, message_id: str) -> None:
        self.path(message_id).unlink(missing_ok=True)

    def sweep(self, known: Container[str], before: float | None = None) -> int:
        """Delete the files of messages that are not `known`; how many there were.

        `before`: only those that got their name earlier (seconds since 1970); others may be somebody's who is at it.
        """
        swept = 0
        for path in self._directory.iterdir():
            if path.suffix == ".part" or (path.suffix == ".msg" and path.stem not in known):
                try:
                    if before is not None and path.stat().st_ctime >= before:
                        continue
                except FileNotFoundError:
                    continue
                path.unlink(missing_ok=True)
                swept += 1
        return swept
