"""The states mail can be in on disk; docs/storage.md is the table whose rows they are.

Owns: the enum that the crash tests run through, and the probe they are told by. Never: touches a disk. Raises: nothing.
"""

import enum
from collections.abc import Callable


class DiskState(enum.Enum):
    """Where a crash can catch the store."""

    # an account's folder
    ACCOUNT_BUILDING = "account building"
    ACCOUNT_READY = "account ready"
    ACCOUNT_GONE = "account gone"
    # octets on their way in
    BLOB_SYNCED = "blob synced"
    BLOB_LINKED = "blob linked"
    BLOB_DURABLE = "blob durable"
    # a change: message, flags, expunge, mailbox
    ROWS_WRITTEN = "rows written"
    COMMITTED = "committed"
    ACKNOWLEDGED = "acknowledged"
    # a mailbox that is about to be shared
    SHARE_RECORDED = "share recorded"
    # what is kept for undo, and its end
    PURGE_COMMITTED = "purge committed"
    PURGED = "purged"
    # the write-ahead log
    CHECKPOINTED = "checkpointed"


Probe = Callable[[DiskState], None]  # told when a state has been reached; the crash test ends the process in it


def no_probe(state: DiskState) -> None:
    """What runs outside of crash tests."""
