"""What the outbound queue offers, whoever implements it.

Owns: the value types and the Queue protocol. Never: knows DNS, SMTP or when to try again (delivery decides; the queue
remembers). Raises: the QueueError family.

One QueuedMessage has one content and one entry per recipient; an entry moves through its states by itself. `enqueue`
returns only when the message would survive a power loss. A crash between an attempt's success and `delivered` leads to
a second attempt, never to a loss.
"""

import enum
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
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


@dataclass(slots=True)
class Share:
    """How many more entries are wanted: of one destination, or of all those together that have the same Share."""

    left: int  # claiming takes from it


NO_SHARES: Mapping[str, Share] = MappingProxyType({})


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
    way: str = ""  # "lmtp:/run/app.sock": where it goes, whatever its address says; a destination of its own
    mail_from: str | None = None  # its own reverse-path, instead of the envelope's
    lead: bytes = b""  # header lines for it alone, before all others


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
    long_lines: bool = False  # some are longer than RFC 5321 §4.5.3.1.6 allows
    holder: int | None = None  # the account that sent it, whose quota it fills while it is held (RFC 4865 §5)


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    message_id: str  # the queue id, as shown to people
    envelope: Envelope
    size: int  # octets with prefix and lead
    arrived: float
    lead: bytes = b""  # of the recipient whose entry this is


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
    route: str = ""  # the way an operator chose; "" for the usual one
    wish: str = ""  # of an operator for the next attempt: RETRY, or BOUNCE and the words for the sender

    @property
    def destination(self) -> str:
        """What it waits for."""
        return destination_for(self.recipient)


RETRY, BOUNCE = "retry", "bounce:"  # Entry.wish


def destination_of(address: str) -> str:
    """What waits together: the domain after the last @, lower case; "" when there is none (postmaster)."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def destination_for(recipient: Recipient) -> str:
    """The same for a recipient, which may have a way of its own."""
    return recipient.way.lower() if recipient.way else destination_of(recipient.address)


def message_for(message: QueuedMessage, recipient: Recipient) -> QueuedMessage:
    """The message as this recipient gets it."""
    if recipient.mail_from is not None:
        message = replace(message, envelope=replace(message.envelope, mail_from=recipient.mail_from))
    if recipient.lead:
        message = replace(message, lead=recipient.lead, size=message.size + len(recipient.lead))
    return message


@dataclass(frozen=True, slots=True)
class DestinationSummary:
    """What waits for one destination."""

    name: str
    waiting: int
    sending: int
    held: int
    due: float | None  # the earliest
    paused: bool
    oldest: float  # arrival of its oldest message; 0.0 when it has none


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that was refused for good, time after time."""

    address: str
    bounces: int
    reply: str
    refused: float  # the last time
    until: float | None  # not asked before then; None: still asked


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
        once: str = "",
    ) -> str:
        """Keep prefix + the spool's octets for these recipients; the queue id. The caller still closes the spool.

        Raises QueueFull, or QueueFailure when the disk refuses; then nothing was kept. `message_id` is letters, digits
        and "-._", new to the queue (ValueError otherwise). What was enqueued with the same `once` before, over a crash
        too, is not enqueued again; then the id is "".
        """

    async def claim(
        self, now: float, limit: int, *, share: int | None = None, shares: Mapping[str, Share] = NO_SHARES
    ) -> list[Entry]:
        """Up to `limit` WAITING entries due at `now`, now SENDING; destinations take turns.

        Of each destination at most `share`, or what `shares` has left for it (0: none), by priority, then in turns of
        its senders. Paused destinations are left out.
        """

    async def next_due(self, full: Container[str] = ()) -> float | None:
        """When the earliest WAITING entry is due, paused and `full` destinations apart; None when there is none."""

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

    async def entries(self, *, limit: int | None = None, destination: str | None = None) -> list[Entry]:
        """Entries, by arrival; the first `limit`, those for one destination."""

    async def message_entries(self, message_id: str) -> list[Entry]:
        """Entries of one message. Raises NoSuchEntry."""

    # A hold or remove during an attempt wins: finish, defer and release never revive a held or removed entry.
    # for operators: each takes queue ids, entry ids as text, `sent_by` an account, "all"; returns how many entries it
    # touched
    async def retry_now(self, which: Sequence[str], now: float) -> int: ...

    async def hold(self, which: Sequence[str]) -> int: ...

    async def unhold(self, which: Sequence[str], now: float) -> int: ...

    async def remove(self, which: Sequence[str]) -> int: ...

    async def bounce(self, which: Sequence[str], now: float, text: str) -> int:
        """Give them up as soon as they are claimed, and tell the sender `text`; held ones too."""

    async def move(self, which: Sequence[str], route: str, now: float) -> int:
        """Send them by this route from now on, the usual one when ""; those that wait are due now."""

    async def prioritize(self, which: Sequence[str], priority: int) -> int:
        """Their messages have this priority from now on: -9 to 9 (RFC 6710)."""

    async def pause(self, destinations: Sequence[str]) -> None:
        """Claim nothing for these domains until they are resumed; over a restart too."""

    async def resume(self, destinations: Sequence[str]) -> int:
        """How many of them were paused."""

    async def paused(self) -> list[str]:
        """The domains that are."""

    async def summaries(self) -> list[DestinationSummary]:
        """All destinations that have entries or are paused, those with the most entries first."""

    # addresses that bounced for good
    async def held_against(self, addresses: Collection[str]) -> dict[str, Suppression]:
        """Those among `addresses` that were refused for good, by the address as given here."""

    async def note_refused(self, addresses: Sequence[str], reply: str, now: float) -> None:
        """Refused for good once more: from the settings' number of times on they are suppressed for a while."""

    async def note_accepted(self, addresses: Sequence[str]) -> None:
        """Forget what was held against them."""

    async def suppressions(self) -> list[Suppression]: ...

    async def suppress(self, address: str, reply: str, now: float, until: float) -> None: ...

    async def unsuppress(self, addresses: Sequence[str]) -> int: ...

    def on_new_work(self, wake: "Wake") -> None:
        """Call `wake` (on the loop) whenever an entry may have become due."""

    async def close(self) -> None: ...


class HeldMail(Protocol):
    """What people have the queue hold for them."""

    async def held(self, holder: int, now: float) -> tuple[int, int]:
        """Messages, and their octets, that this account has in the queue for a moment after `now` (RFC 4865 §5)."""


class Wake(Protocol):
    def __call__(self) -> None: ...
