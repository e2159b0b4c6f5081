"""What a mailbox remembers beside what it holds: what has gone from it, when each message came into it.

Owns: the SQL behind QRESYNC, SAVEDATE and DELETED-STORAGE. Never: changes anything, runs on a writing connection.
Raises: apsw.Error (the account turns it into StoreFailure).
"""

from collections.abc import Sequence

import apsw

from postroom.store.api import DELETED

from .query import columns, fetch
from .selecting import among


def expunged(db: apsw.Connection, mailbox_id: int, since: int, known: int) -> tuple[int, ...] | None:
    """Uids expunged by the changes after `since` up to `known`; None when some of them may have been forgotten."""
    db.execute("BEGIN")  # a purge between the two questions would be missed
    try:
        found = fetch(db, "SELECT purged_modseq FROM mailboxes WHERE id = ?", (mailbox_id,))
        if not found or found[0][0] > since:
            return None
        # The index has all that is asked for: only what went since, from all mailboxes, is passed over.
        source = "expunged INDEXED BY expunged_by_modseq WHERE modseq > ? AND modseq <= ? AND mailbox_id = ?"
        (uids,) = columns(db, ("uid",), source, (since, known, mailbox_id))
    finally:
        db.execute("ROLLBACK")
    return tuple(sorted(uids))


def save_dates(db: apsw.Connection, mailbox_id: int, uids: Sequence[int] | None) -> dict[int, int]:
    """When messages came into this mailbox, where it is known (RFC 8514 §2)."""
    where, args = among(db, mailbox_id, uids)
    source = f"messages WHERE {where} AND saved_at IS NOT NULL ORDER BY uid"
    found, dates = columns(db, ("uid", "saved_at"), source, args)
    return dict(zip(found, dates, strict=True))


def deleted_octets(db: apsw.Connection, mailbox_id: int) -> int:
    """Of messages with \\Deleted (RFC 9208 §5.4)."""
    (total,) = fetch(
        db, "SELECT coalesce(sum(size), 0) FROM messages_now WHERE mailbox_id = ? AND flags & ?", (mailbox_id, DELETED)
    )[0]
    return int(total)
