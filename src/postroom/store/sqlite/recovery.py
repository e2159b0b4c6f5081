"""Making, finding again, and tidying up what is on disk.

Owns: how an account's folder comes into being and goes, what start-up does about leftovers (docs/storage.md). Never:
touches what a row names. Raises: OSError, apsw.Error, FolderInUse, NoSuchAccount.
"""

import contextlib
import fcntl
import logging
import os
from pathlib import Path

import apsw

from postroom.store.api import FolderInUse
from postroom.store.books import Books
from postroom.store.states import DiskState, Probe

from . import ledger
from .disk import Disk
from .files import AccountFiles

_log = logging.getLogger("postroom.store")
_BUILDING = ".new-"
_GOING = ".gone-"
_STALE_SECONDS = 3600


class FolderLock:
    """One server at a time on a data folder. The operating system drops it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise FolderInUse(f"another Postroom has {path.parent} open") from None

    def release(self) -> None:
        os.close(self._fd)


def tidy_folders(accounts: Path, spool: Path, disk: Disk, now: float) -> None:
    """At start-up, with the lock held: drafts of the last process, folders half made or half gone."""
    for path in spool.iterdir():
        if path.name.startswith("spool-"):
            disk.remove(path)
    for path in accounts.iterdir():
        if path.name.startswith(_GOING):
            disk.remove_folder(path)
        elif path.name.startswith(_BUILDING):
            # Another process may be making it just now.
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime > _STALE_SECONDS:
                    disk.remove_folder(path)


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


def open_account(files: AccountFiles, *, first_time: bool) -> tuple[apsw.Connection, Books, dict[int, tuple[int, int]]]:
    """The writing connection, the books, the \\Recent marks. `first_time` in this process: look for orphans too."""
    db = files.connect_writer()
    try:
        books, recent = ledger.load(db)
        if first_time:
            sweep_blobs(db, files)
    except BaseException:
        db.close(True)
        raise
    return db, books, recent


def sweep_blobs(db: apsw.Connection, files: AccountFiles) -> int:
    """Remove files that no row names: a crash came between the link and the commit, or between a purge and its end."""
    try:
        present = {entry.name for entry in os.scandir(files.blobs)}
    except FileNotFoundError:
        files.blobs.mkdir(mode=0o700)
        present = set()
    named: set[str] = {name for (name,) in db.execute("SELECT blob FROM contents WHERE blob IS NOT NULL")}
    for name in present - named:
        files.disk.remove(files.blob(name))
    if lost := named - present:
        _log.error("%s: %d stored messages have lost their file, the first %s", files.folder, len(lost), min(lost))
    return len(present - named)
