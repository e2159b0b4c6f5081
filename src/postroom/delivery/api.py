"""What delivery needs from others, and the values it works with.

Owns: the LocalDelivery and LocalDomains protocols, Attempted. Never: does anything. Raises: Undeliverable is declared
here.
"""

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from postroom.base import MailError
from postroom.queue import Entry, Envelope
from postroom.smtp import ServerReply


class Undeliverable(MailError):
    """There is no way to this destination, and there will be none."""

    code, enhanced, text = 550, "5.4.4", "No route to this address"


class LocalDelivery(Protocol):
    """Puts messages into the mailboxes of this server; intake.Intake is one."""

    async def deliver_local(
        self, envelope: Envelope, address: str, content: AsyncIterator[bytes], delivery_id: str
    ) -> None:
        """Durable when it returns. Raises MailError: `permanent` decides between a bounce and another attempt.

        A repeated attempt has the same `delivery_id` (the queue id), and stores the message once.
        """


class LocalDomains(Protocol):
    """The part of accounts.Directory that delivery asks."""

    async def is_local_domain(self, domain: str) -> bool: ...


class Status(enum.Enum):
    """What an attempt came to, as the log says it."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Attempted:
    """One entry after one attempt."""

    entry: Entry
    reply: ServerReply
    relay: str  # "mx.example.org [192.0.2.1]:25", "local", or "none" when nobody could be asked
    delivered: bool
    is_local: bool = False
    passed_dsn_on: bool = False  # the next hop has the NOTIFY parameters and will report itself
    forgot_deadline: bool = False  # the next hop does not know by when the sender wants to hear (RFC 2852 §4.1.4.2)
    tls: str = ""  # version and cipher of the session; "" in the clear
    tls_words: str = ""  # who demanded what of the TLS session, and how that was met
    host: str = ""  # for Remote-MTA: the name of the host that said `reply`; "" when no host did
