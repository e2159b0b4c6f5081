"""An account's mail, read by another process than the one that serves it.

Owns: the questions of an export. Never: writes, takes the folder's lock, keeps a transaction open for long (the log
could not be copied meanwhile). Raises: NoSuchAccount, NoSuchContent, StoreFailure, apsw.Error, OSError.
"""

from dataclasses import dataclass
from typing import NamedTuple

from postroom.store.api import NoSuchAccount, StoreFailure, flag_names
from postroom.store.names import listing_key

from . import runs
from .files import AccountFiles
from .query import fetch
from .reading import read_range
from .schema import VERSION

_MAILBOXES = "SELECT id, name, messages, octets FROM mailboxes WHERE deleted_at IS NULL"
_KEYWORDS = "SELECT name FROM keywords WHERE mailbox_id = ? ORDER BY bit"
_MESSAGES = """
SELECT uid, flags, content_id, size, internal_date FROM messages WHERE mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class KeptMailbox:
    """A mailbox at one moment."""

    mailbox_id: int
    name: str
    messages: int
    octets: int


class KeptMessage(NamedTuple):
    """A message at one moment."""

    uid: int
    flags: tuple[str, ...]
    content_id: int
    size: int
    internal_date: int


class MailReader:
    """Blocks: for processes without an event loop. `close` it."""

    def __init__(self, files: AccountFiles) -> None:
        if not files.database.exists():
            raise NoSuchAccount(f"no {files.database}")
        self._files = files
        self._db = files.connect_reader()
        version = int(self._db.pragma("user_version"))
        if version != VERSION:
            self._db.close()
            raise StoreFailure(f"{files.database} has version {version}, this program reads {VERSION}")

    def mailboxes(self) -> list[KeptMailbox]:
        """INBOX first, then by name."""
        found = [KeptMailbox(*row) for row in fetch(self._db, _MAILBOXES)]
        return sorted(found, key=lambda box: listing_key(box.name))

    def messages(self, mailbox_id: int, after_uid: int, limit: int) -> list[KeptMessage]:
        """The next ones, in uid order."""
        self._db.execute("BEGIN")  # all of one moment
        try:
            rows = fetch(self._db, _MESSAGES, (mailbox_id, after_uid, limit))
            keywords = [name for (name,) in fetch(self._db, _KEYWORDS, (mailbox_id,))]
            pending = runs.read(self._db, mailbox_id)
        finally:
            self._db.execute("ROLLBACK")
        return [
            KeptMessage(uid, flag_names(runs.mask_after(pending, uid, mask), keywords), *rest)
            for uid, mask, *rest in rows
        ]

    def read(self, content_id: int, start: int, end: int) -> bytes:
        """Octets of a message."""
        return read_range(self._db, self._files, content_id, start, end)

    def close(self) -> None:
        self._db.close()
