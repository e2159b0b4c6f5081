"""The store on SQLite: one mail.db an account, large contents in files beside it. See docs/storage.md."""

from .company import STORE_ROWS
from .disk import Disk
from .outside import KeptMailbox, KeptMessage, MailReader
from .recovery import FolderLock, hold_folder
from .store import SqliteStore

__all__ = [
    "STORE_ROWS",
    "Disk",
    "FolderLock",
    "KeptMailbox",
    "KeptMessage",
    "MailReader",
    "SqliteStore",
    "hold_folder",
]
