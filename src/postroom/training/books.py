"""The files of all accounts: which there are, and those that are open.

Owns: data/training, where an account's file lies in it, how many are open. Never: knows what is in them.
Raises: TrainingFailure.

Each thread that works with them has a `Books` of its own.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from .database import TrainingFailure, WordBook

_MOST_OPEN = 24
_ENDING = ".db"


class Books:
    """For one thread."""

    def __init__(self, folder: Path, new_key: Callable[[], bytes]) -> None:
        self._folder = folder
        self._new_key = new_key
        self._open: OrderedDict[int, tuple[WordBook, int]] = OrderedDict()  # with the file's inode

    def path(self, account_id: int) -> Path:
        return self._folder / f"{account_id}{_ENDING}"

    def exists(self, account_id: int) -> bool:
        """Whether the account has taught anything; the file is not opened."""
        return self.path(account_id).exists()

    def accounts(self) -> list[int]:
        """Those that have a file."""
        if not self._folder.is_dir():
            return []
        names = [path.stem for path in self._folder.glob(f"*{_ENDING}")]
        return sorted(int(name) for name in names if name.isdecimal())

    def book(self, account_id: int) -> WordBook:
        """Open it, or have it made; the one least recently used is closed for it."""
        if account_id in self._open and self._open[account_id][1] != self._inode(account_id):
            self._open.pop(account_id)[0].close()  # somebody has removed the file, and perhaps there is another
        if account_id not in self._open:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)[1][0].close()
            book = WordBook(self.path(account_id), self._new_key())
            self._open[account_id] = book, self._inode(account_id)
        self._open.move_to_end(account_id)
        return self._open[account_id][0]

    def _inode(self, account_id: int) -> int:
        """0: there is no file."""
        try:
            return self.path(account_id).stat().st_ino
        except FileNotFoundError:
            return 0

    def remove(self, account_id: int) -> None:
        """Forget all that the account has taught."""
        if account_id in self._open:
            self._open.pop(account_id)[0].close()
        path = self.path(account_id)
        try:
            for ending in ("", "-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
        except OSError as error:
            raise TrainingFailure(f"{path}: {error}") from error

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1][0].close()
