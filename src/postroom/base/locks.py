"""Locks that hold between processes. The kernel frees them when their process dies, however it dies.

Owns: the descriptors of lock files. Never: removes a lock file (somebody might have just opened it). Raises: OSError.
"""

import fcntl
import os
from pathlib import Path


class FileLock:
    """One at a time, of processes and of objects in one process. A forked child has its parent's with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def in_place(self) -> bool:
        """Whether its file still has the name it was opened by: who opens that name gets the same lock."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def try_take(self) -> bool:
        """Take it; False when somebody else has it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take(self) -> None:
        """Take it, wait as long as it needs; not for the event loop. Whoever waits sleeps until the kernel wakes it."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def release(self) -> None:
        """Let the next one have it."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release it and be done."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class NumberedLocks:
    """Any number of locks in one file: number n is its octet n, which need not exist.

    A file may be open in one such object a process only: closing a file drops all locks of the process on it (POSIX).
    That is why this is not for locks between two servers in one process; FileLock is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._taken: set[int] = set()  # by this process, to which the kernel would give any of them again

    @property
    def taken(self) -> frozenset[int]:
        """Those that this object has."""
        return frozenset(self._taken)

    def try_take(self, number: int) -> bool:
        """Take lock `number`; False when somebody has it, here or in another process."""
        if number in self._taken:
            return False
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):  # EACCES or EAGAIN, as the system likes
            return False
        self._taken.add(number)
        return True

    def release(self, number: int) -> None:
        """Give it back; nothing happens when it was not taken here."""
        if number in self._taken:
            self._taken.discard(number)
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)

    def close(self) -> None:
        """Give all back."""
        self._taken.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
