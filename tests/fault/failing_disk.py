"""A disk for the store that counts what is asked of it, and fails when told to."""

import errno
import itertools
from pathlib import Path

import apsw

from postroom.base import Spool
from postroom.store import Disk

_NUMBERS = itertools.count()


class FailingDisk(Disk):
    """Call `fail(n)`: the n-th operation from now fails; with `lasting`, all after it too. `fail(0)`: none."""

    def __init__(self) -> None:
        self.vfs = f"postroom-store-{next(_NUMBERS)}"
        self.calls = 0
        self.writes = 0
        self.log_syncs = 0  # of a write-ahead log
        self.syncs = 0  # of anything else
        self._fail_at = 0
        self._lasting = False
        self._shim = _Shim(self)

    def unregister(self) -> None:
        self._shim.unregister()

    def fail(self, number: int, *, lasting: bool = False) -> None:
        self.calls = 0
        self._fail_at = number
        self._lasting = lasting

    def count(self) -> None:
        self.calls += 1
        if self._fail_at and (self.calls == self._fail_at or (self._lasting and self.calls > self._fail_at)):
            raise OSError(errno.ENOSPC, "told to fail")

    def sync_folder(self, folder: Path) -> None:
        self.count()
        self.syncs += 1
        super().sync_folder(folder)

    def sync_spool(self, spool: Spool) -> None:
        self.count()
        self.syncs += 1
        super().sync_spool(spool)

    def link_spool(self, spool: Spool, target: Path) -> None:
        self.count()
        super().link_spool(spool, target)

    def write_file(self, path: Path, data: bytes) -> None:
        self.count()
        super().write_file(path, data)

    def remove(self, path: Path) -> None:
        self.count()
        super().remove(path)

    def rename_folder(self, source: Path, target: Path) -> bool:
        self.count()
        return super().rename_folder(source, target)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)

    def _count(self) -> None:
        try:
            self._disk.count()
        except OSError as error:
            raise apsw.FullError("told to fail") from error

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._count()
        self._disk.writes += 1
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._count()
        if self._is_log:
            self._disk.log_syncs += 1
        else:
            self._disk.syncs += 1
        super().xSync(flags)


class _Shim(apsw.VFS):
    def __init__(self, disk: FailingDisk) -> None:
        super().__init__(disk.vfs or "", "unix")
        self._disk = disk

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> _File:  # noqa: N802
        return _File(self._disk, name, flags)
