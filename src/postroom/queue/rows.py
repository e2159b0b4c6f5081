"""Messages and entries as rows of queue.db and as values.

Owns: both directions of that. Never: decides what is inserted or selected. Raises: ValueError for a queue id in use.
"""

from collections.abc import Iterable
from typing import Any

import apsw

from .api import DeliverBy, Entry, EntryState, Envelope, QueuedMessage, Recipient

_INSERT_MESSAGE = (
    "INSERT INTO messages(id, mail_from, body_8bit, smtputf8, ret, envid, binary, require_tls, deliver_by, by_mode,"
    " hold_until, priority, size, arrived, is_file, prefix, data) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


def insert_message(
    db: apsw.Connection,
    queue_id: str,
    envelope: Envelope,
    size: int,
    now: float,
    prefix: bytes,
    data: bytes | None,
) -> int:
    """The message's row, and its number; `data` is None when the content is a file. Raises ValueError: id in use."""
    by = envelope.deliver_by
    try:
        db.execute(
            _INSERT_MESSAGE,
            (
                queue_id,
                envelope.mail_from,
                envelope.body_8bit,
                envelope.smtputf8,
                envelope.ret,
                envelope.envid,
                envelope.binary,
                envelope.require_tls,
                None if by is None else by.at,
                "" if by is None else ("N" if by.notify_only else "R") + ("T" if by.trace else ""),
                envelope.hold_until,
                envelope.priority,
                size,
                now,
                data is None,
                prefix,
                data,
            ),
        )
    except apsw.ConstraintError as error:
        raise ValueError(f"message id {queue_id} is in use") from error
    return db.last_insert_rowid()


def entries(rows: Iterable[tuple[Any, ...]], state: EntryState | None = None) -> list[Entry]:
    """Rows of ENTRY_COLUMNS as values; entries of one message share it."""
    messages: dict[str, QueuedMessage] = {}
    found: list[Entry] = []
    for row in rows:
        (entry_id, address, notify, original, stored_state, attempts, next_attempt, last_reply, warned) = row[:9]
        message = messages.get(row[11])
        if message is None:
            message = messages[row[11]] = _message(row[11:])
        recipient = Recipient(address, None if notify is None else frozenset(notify.split(",")), original)
        found.append(
            Entry(
                entry_id,
                message,
                recipient,
                state or EntryState(stored_state),
                attempts,
                next_attempt,
                last_reply,
                bool(warned),
                row[9],
                row[10],
            )
        )
    return found


def _message(row: tuple[Any, ...]) -> QueuedMessage:
    (queue_id, mail_from, body_8bit, smtputf8, ret, envid, binary, require_tls, by, by_mode) = row[:10]
    (hold_until, priority, size, arrived) = row[10:]
    deliver_by = None if by is None else DeliverBy(by, by_mode.startswith("N"), by_mode.endswith("T"))
    envelope = Envelope(
        mail_from,
        bool(body_8bit),
        bool(smtputf8),
        ret,
        envid,
        bool(binary),
        bool(require_tls),
        deliver_by,
        hold_until,
        priority,
    )
    return QueuedMessage(queue_id, envelope, size, arrived)
