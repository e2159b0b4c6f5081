"""Messages and entries as rows of queue.db and as values.

Owns: both directions of that. Never: decides what is inserted or selected. Raises: ValueError for a queue id in use.
"""

from collections.abc import Iterable
from typing import Any

import apsw

from .api import DeliverBy, Entry, EntryState, Envelope, QueuedMessage, Recipient, message_for

_INSERT_MESSAGE = (
    "INSERT INTO messages(id, mail_from, body_8bit, smtputf8, ret, envid, binary, require_tls, deliver_by, by_mode,"
    " hold_until, priority, long_lines, holder, size, arrived, is_file, prefix, data)"
    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
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
                envelope.long_lines,
                envelope.holder,
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


def insert_entry(
    db: apsw.Connection,
    message: int,
    recipient: Recipient,
    state: EntryState,
    due: float,
    destination: int,
    place: tuple[int, float],
) -> None:
    """One recipient's row; `place` is its rank and turn."""
    notify = None if recipient.notify is None else ",".join(sorted(recipient.notify))
    db.execute(
        "INSERT INTO entries(message, address, notify, original, way, mail_from, lead, state, next_attempt,"
        " destination, rank, turn) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            message,
            recipient.address,
            notify,
            recipient.original,
            recipient.way,
            recipient.mail_from,
            recipient.lead,
            state.value,
            due,
            destination,
            *place,
        ),
    )


def is_first(db: apsw.Connection, name: str, now: float, kept: float) -> bool:
    """True when nothing of this name was enqueued within the last `kept` seconds; from now on it was."""
    db.execute("DELETE FROM once WHERE at<?", (now - kept,))
    db.execute("INSERT OR IGNORE INTO once(name, at) VALUES(?,?)", (name, now))
    return db.changes() > 0


def entries(rows: Iterable[tuple[Any, ...]], state: EntryState | None = None) -> list[Entry]:
    """Rows of ENTRY_COLUMNS as values; entries of one message share it."""
    messages: dict[str, QueuedMessage] = {}
    found: list[Entry] = []
    for row in rows:
        (entry_id, address, notify, original, stored_state, attempts, next_attempt, last_reply, warned) = row[:9]
        message = messages.get(row[14])
        if message is None:
            message = messages[row[14]] = _message(row[14:])
        recipient = Recipient(address, None if notify is None else frozenset(notify.split(",")), original, *row[11:14])
        found.append(
            Entry(
                entry_id,
                message_for(message, recipient),
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
    (hold_until, priority, long_lines, holder, size, arrived) = row[10:]
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
        bool(long_lines),
        holder,
    )
    return QueuedMessage(queue_id, envelope, size, arrived)
