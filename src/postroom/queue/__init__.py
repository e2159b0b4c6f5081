"""The outbound queue: messages, their recipients, when each is due. Knows no DNS and no SMTP."""

from .api import (
    BOUNCE,
    RETRY,
    DeliverBy,
    DestinationSummary,
    Entry,
    EntryState,
    Envelope,
    HeldMail,
    NoSuchEntry,
    Queue,
    QueuedMessage,
    QueueError,
    QueueFailure,
    QueueFull,
    Recipient,
    Share,
    Suppression,
    Wake,
    destination_for,
    destination_of,
)
from .memory import MemoryQueue
from .names import sent_by
from .settings import QueueSettings
from .sqlite import SqliteQueue, hold_queue
from .states import DiskState

__all__ = [
    "BOUNCE",
    "RETRY",
    "DeliverBy",
    "DestinationSummary",
    "DiskState",
    "Entry",
    "EntryState",
    "Envelope",
    "HeldMail",
    "MemoryQueue",
    "NoSuchEntry",
    "Queue",
    "QueueError",
    "QueueFailure",
    "QueueFull",
    "QueueSettings",
    "QueuedMessage",
    "Recipient",
    "Share",
    "SqliteQueue",
    "Suppression",
    "Wake",
    "destination_for",
    "destination_of",
    "hold_queue",
    "sent_by",
]
