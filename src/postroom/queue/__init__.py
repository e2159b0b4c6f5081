"""The outbound queue: messages, their recipients, when each is due. Knows no DNS and no SMTP."""

from .api import (
    DeliverBy,
    Entry,
    EntryState,
    Envelope,
    NoSuchEntry,
    Queue,
    QueuedMessage,
    QueueError,
    QueueFailure,
    QueueFull,
    Recipient,
    Wake,
)
from .memory import MemoryQueue
from .settings import QueueSettings
from .sqlite import SqliteQueue, hold_queue
from .states import DiskState

__all__ = [
    "DeliverBy",
    "DiskState",
    "Entry",
    "EntryState",
    "Envelope",
    "MemoryQueue",
    "NoSuchEntry",
    "Queue",
    "QueueError",
    "QueueFailure",
    "QueueFull",
    "QueueSettings",
    "QueuedMessage",
    "Recipient",
    "SqliteQueue",
    "Wake",
    "hold_queue",
]
