"""Making, finding again, and tidying up what is on disk.

Owns: how an account's folder comes into being and goes, what start-up does about leftovers (docs/storage.md). Never:
touches what a row names. Raises: OSError, apsw.Error, FolderInUse, NoSuchAccount.
"""

import contextlib
import logging
import math
import os
from pathlib import Path
from typing import NamedTuple

import apsw

from postroom.base import FileLock
from postroom.store.api import FolderInUse, NoSuchAccount
from postroom.store.books import Books
from postroom.store.states import DiskState, Probe

from . import ledger
from .disk import Disk
from .files import AccountFiles

_log = logging.getLogger("postroom.store")
_BUILDING = ".new-"
_GOING = ".gone-"
_STALE_SECONDS = 3600
_CLOCK_SECONDS = 1.0  # a file system's clock may be late by some milliseconds


class FolderLock:
    """One server at a time on a data folder. The operating system drops it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)
        if not self._lock.try_take():
            self._lock.close()
            raise FolderInUse(f"another Postroom has {path.parent} open")

    def close(self) -> None:
        self._lock.close()


def hold_folder(directory: Path, now: float, disk: Disk | None = None) -> FolderLock:
    """Take the data folder for a server, and tidy it up. Raises StoreFailure when another server has it."""
    accounts, spool = directory / "accounts", directory / "spool"
    make_folders(directory, accounts, spool)
    lock = FolderLock(directory / "store.lock")
    tidy_folders(accounts, spool, disk or Disk(), now)
    return lock


def make_folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def tidy_folders(accounts: Path, spool: Path, disk: Disk, now: float) -> None:
    """At start-up, with the lock held: drafts of the last processes, folders half made or half gone."""
    tidy_spool(spool, disk)
    for path in accounts.iterdir():
        if path.name.startswith(_GOING):
            disk.remove_folder(path)
        elif path.name.startswith(_BUILDING):
            # Another process may be making it just now.
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime > _STALE_SECONDS:
                    disk.remove_folder(path)


def tidy_spool(spool: Path, disk: Disk) -> None:
    """Drafts of processes that are gone, with those of workers in folders of their own."""
    for path in spool.rglob("spool-*"):
        disk.remove(path)


def build_account(files: AccountFiles, token: str, uid_validity: int, probe: Probe) -> None:
    """Make an account's folder under another name, whole and durable, then give it its own."""
    if files.database.exists():
        return
    disk, accounts = files.disk, files.folder.parent
    building = AccountFiles(accounts / f"{_BUILDING}{files.folder.name}-{token}", disk, files.settings)
    building.folder.mkdir(mode=0o700)
    try:
        building.blobs.mkdir(mode=0o700)
        db = building.connect_writer(create=True)
        try:
            ledger.found_account(db, uid_validity)
        finally:
            db.close()
        disk.sync_folder(building.folder)
        probe(DiskState.ACCOUNT_BUILDING)
        if not disk.rename_folder(building.folder, files.folder):
            disk.remove_folder(building.folder)  # somebody else was quicker
    except BaseException:
        disk.remove_folder(building.folder)
        raise
    disk.sync_folder(accounts)
    probe(DiskState.ACCOUNT_READY)


def remove_account(files: AccountFiles, token: str, probe: Probe) -> None:
    """Out of sight in one step, then away."""
    accounts = files.folder.parent
    going = accounts / f"{_GOING}{files.folder.name}-{token}"
    try:
        files.disk.rename_folder(files.folder, going)
    except FileNotFoundError:
        return
    files.disk.sync_folder(accounts)
    probe(DiskState.ACCOUNT_GONE)
    files.disk.remove_folder(going)


class Opened(NamedTuple):
    """An account's writing side."""

    db: apsw.Connection
    books: Books
    recent: dict[int, tuple[int, int]]
    lock: FileLock | None


def open_account(files: AccountFiles, *, sweep: bool, shared: bool = False, older_than: float = math.inf) -> Opened:
    """The writing connection, the books, the \\Recent marks; the lock, where the account is shared with other
    processes. `sweep`: look for orphans older than that, too."""
    lock: FileLock | None = None
    if shared:  # before the database: should the folder be replaced meanwhile, the lock is not in place any more
        try:
            lock = FileLock(files.lock)
        except FileNotFoundError:
            raise NoSuchAccount(f"no {files.folder}") from None
    try:
        db = files.connect_writer()
        try:
            books, recent = ledger.load_at_once(db)
            if sweep:
                sweep_blobs(db, files, older_than)
        except BaseException:
            db.close(True)
            raise
    except BaseException:
        if lock is not None:
            lock.close()
        raise
    return Opened(db, books, recent, lock)


def sweep_blobs(db: apsw.Connection, files: AccountFiles, older_than: float = math.inf) -> int:
    """Remove files that no row names: a crash came between the link and the commit, or between a purge and its end.

    Where other processes write meanwhile, what they are about to name is younger than the server.
    """
    try:
        present = {entry.name for entry in os.scandir(files.blobs)}
    except FileNotFoundError:
        files.blobs.mkdir(mode=0o700, exist_ok=True)
        present = set()
    named: set[str] = {name for (name,) in db.execute("SELECT blob FROM contents WHERE blob IS NOT NULL")}
    orphans = {name for name in present - named if _is_older(files.blob(name), older_than)}
    for name in orphans:
        files.disk.remove(files.blob(name))
    lost = {name for name in named - present if not files.blob(name).exists()}  # it may have come since
    if lost:
        _log.error("%s: %d stored messages have lost their file, the first %s", files.folder, len(lost), min(lost))
    return len(orphans)


def _is_older(path: Path, than: float) -> bool:
    """Whether a file got its name before that time: linking and renaming it count as a change of it."""
    if than == math.inf:
        return True
    try:
        return path.stat().st_ctime < than - _CLOCK_SECONDS
    except FileNotFoundError:
        return False
