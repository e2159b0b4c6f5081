"""Files below data/tls that are for this server alone.

Owns: how they are written: whole or not at all, 0600, the owner that of the data folder when root writes them.
Never: says what is in them. Raises: OSError.
"""

import contextlib
import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """It and what is above it, up to one that exists; 0700."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, folder.parent)


def write_secret(path: Path, data: bytes) -> None:
    """In place of what was there; the folder exists."""
    temporary = path.with_name(f".{path.name}.new")
    remove_file(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _give(temporary, path.parent)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_file(path: Path) -> None:
    """It need not be there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _give(path: Path, like: Path) -> None:
    """The command line runs as root, and the server has to read what it has written."""
    if os.geteuid() == 0:
        owner = os.stat(like)
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
