"""The store on SQLite: one mail.db an account, large contents in files beside it. See docs/storage.md."""

from .disk import Disk
from .outside import KeptMailbox, KeptMessage, MailReader
from .store import SqliteStore

__all__ = ["Disk", "KeptMailbox", "KeptMessage", "MailReader", "SqliteStore"]
