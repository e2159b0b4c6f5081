"""The file operations of the store, in one place so that tests can make the N-th one fail.

Owns: how a file or folder is made durable, linked and removed, how a database is opened. Never: decides when.
Raises: OSError, apsw.Error.
"""

import errno
import os
import shutil
from pathlib import Path

import apsw

from postroom.base import Spool

_CHUNK = 1 << 20


class Disk:
    """The machine's own file system. `vfs` names the SQLite VFS to use; None is the default one."""

    vfs: str | None = None

    def connect(self, path: Path, *, create: bool = False) -> apsw.Connection:
        if create:  # SQLite would let others read it where the umask does
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        return apsw.Connection(str(path), flags=flags, vfs=self.vfs, statementcachesize=64)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_spool(self, spool: Spool) -> None:
        spool.sync()

    def link_spool(self, spool: Spool, target: Path) -> None:
        spool.link_to(target)

    def write_file(self, path: Path, data: bytes) -> None:
        """A new file with these octets, durable but for its name."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)

    def read_at(self, path: Path, start: int, length: int) -> bytes:
        """Octets of a file; short at its end."""
        fd = os.open(path, os.O_RDONLY)
        try:
            pieces: list[bytes] = []
            while length > 0 and (piece := os.pread(fd, min(length, _CHUNK), start)):
                pieces.append(piece)
                start += len(piece)
                length -= len(piece)
        finally:
            os.close(fd)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def rename_folder(self, source: Path, target: Path) -> bool:
        """False when the target is there already."""
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise
        return True

    def remove_folder(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
