"""What the outbound queue offers, whoever implements it.

Owns: the value types and the Queue protocol. Never: knows DNS, SMTP or when to try again (delivery decides; the queue
remembers). Raises: the QueueError family.

One QueuedMessage has one content and one entry per recipient; an entry moves through its states by itself. `enqueue`
returns only when the message would survive a power loss. A crash between an attempt's success and `delivered` leads to
a second attempt, never to a loss.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from postroom.base import MailError, Spool


class QueueError(MailError):
    """A refusal by the queue."""


class NoSuchEntry(QueueError):
    code, enhanced, text = 550, "5.0.0", "No such queue entry"


class QueueFull(QueueError):
    code, enhanced, text = 452, "4.3.1", "Queue is full, please try again later"


class QueueFailure(QueueError):
    """The disk or the database refused; nothing was changed."""

    code, enhanced, text = 451, "4.3.0", "Queue trouble, please try again later"


class EntryState(enum.Enum):
    WAITING = "waiting"  # due at next_attempt
    SENDING = "sending"  # claimed by an attempt; start-up turns it back into WAITING
    HELD = "held"  # an operator put it on hold
    # a finished entry (delivered, failed, expired, removed) is deleted; its message goes with its last entry


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO with its DSN parameters (RFC 3461 §4.1, §4.2)."""

    address: str
    notify: frozenset[str] | None = None  # {"NEVER"} or of SUCCESS, FAILURE, DELAY; None: not given
    original: str | None = None  # ORCPT as received: "rfc822;user@host"


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """The sender's BY parameter (RFC 2852 §4), with its moment as an absolute one."""

    at: float  # seconds since 1970
    notify_only: bool  # by-mode N: tell the sender, and go on; R: return the message
    trace: bool = False  # by-trace T: report relaying


@dataclass(frozen=True, slots=True)
class Envelope:
    """The transport envelope of a queued message (RFC 5321 §2.3.1)."""

    mail_from: str  # "" is the null reverse-path
    body_8bit: bool = False  # BODY=8BITMIME given, or 8-bit octets seen
    smtputf8: bool = False
    ret: str | None = None  # "FULL" | "HDRS" (RFC 3461 §4.3)
    envid: str | None = None  # decoded xtext (RFC 3461 §4.4)
    binary: bool = False  # BODY=BINARYMIME (RFC 3030 §3): lines of any length, CR, LF and NUL anywhere in the body
    require_tls: bool = False  # REQUIRETLS (RFC 8689 §2)
    deliver_by: DeliverBy | None = None
    hold_until: float | None = None  # FUTURERELEASE (RFC 4865 §4): not sent before; seconds since 1970
    priority: int = 0  # MT-PRIORITY (RFC 6710 §4): -9 to 9, the higher the sooner


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    message_id: str  # the queue id, as shown to people
    envelope: Envelope
    size: int  # octets with the prefix
    arrived: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One recipient's place in the queue."""

    entry_id: int
    message: QueuedMessage
    recipient: Recipient
    state: EntryState
    attempts: int
    next_attempt: float
    last_reply: str  # of the last attempt, for people: "451 4.7.1 greylisted (mx.example.org [192.0.2.1])"
    delay_warned: bool


class Queue(Protocol):
    async def enqueue(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        spool: Spool,
        *,
        prefix: bytes = b"",
        message_id: str | None = None,
        hold: bool = False,
    ) -> str:
        """Keep prefix + the spool's octets for these recipients; the queue id. The caller still closes the spool.

        Raises QueueFull, or QueueFailure when the disk refuses; then nothing was kept. `message_id` is letters, digits
        and "-._", new to the queue (ValueError otherwise).
        """

    async def claim(self, now: float, limit: int) -> list[Entry]:
        """Up to `limit` WAITING entries due at `now`, oldest due first, now SENDING."""

    async def next_due(self) -> float | None:
        """When the earliest WAITING entry is due; None when there is none."""

    async def read(self, message_id: str, start: int, end: int) -> bytes:
        """Octets of prefix + content; short at the end. Raises NoSuchEntry."""

    async def finish(self, entry_ids: Sequence[int]) -> None:
        """Delivered, failed or expired and reported: forget these entries."""

    async def defer(
        self, entry_ids: Sequence[int], next_attempt: float, reply: str, *, delay_warned: bool = False
    ) -> None:
        """Back to WAITING with one attempt more; `delay_warned` marks that a delay DSN went out."""

    async def release(self, entry_ids: Sequence[int], *, not_before: float | None = None) -> None:
        """SENDING back to WAITING without counting an attempt (shutdown); `not_before`: due then (destination busy)."""

    async def entries(self) -> list[Entry]:
        """All entries, by arrival."""

    async def message_entries(self, message_id: str) -> list[Entry]:
        """Entries of one message. Raises NoSuchEntry."""

    # A hold or remove during an attempt wins: finish, defer and release never revive a held or removed entry.
    # for operators: each takes queue ids or entry ids as text, "all" included; returns how many entries it touched
    async def retry_now(self, which: Sequence[str], now: float) -> int: ...

    async def hold(self, which: Sequence[str]) -> int: ...

    async def unhold(self, which: Sequence[str], now: float) -> int: ...

    async def remove(self, which: Sequence[str]) -> int: ...

    def on_new_work(self, wake: "Wake") -> None:
        """Call `wake` (on the loop) whenever an entry may have become due."""

    async def close(self) -> None: ...


class Wake(Protocol):
    def __call__(self) -> None: ...
