"""What a driver and the client engine say to each other: stages, transactions, events.

Owns: their names. Never: does anything. Raises: nothing.
"""

import enum
from dataclasses import dataclass

from .client_reply import Extensions, ServerReply
from .delivery_wishes import By


class Stage(enum.Enum):
    """What the engine waits for, so that a driver can choose its patience (RFC 5321 §4.5.3.2)."""

    GREETING = "greeting"
    HELLO = "EHLO"
    STARTTLS = "STARTTLS"
    HANDSHAKE = "TLS handshake"
    AUTH = "AUTH"
    IDLE = "idle"
    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"
    END = "end of DATA"
    QUIT = "QUIT"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SendTo:
    """One RCPT TO with its DSN parameters."""

    address: str
    notify: frozenset[str] | None = None
    orcpt: str | None = None  # "rfc822;user@host", as received: already xtext or unitext


@dataclass(frozen=True, slots=True)
class SendMail:
    """A transaction to carry out."""

    mail_from: str  # "" is the null reverse-path
    recipients: tuple[SendTo, ...]
    size: int = 0
    body_8bit: bool = False  # the content has octets over 127
    binary: bool = False  # … and lines of any length, CR, LF and NUL anywhere (RFC 3030 §3)
    smtputf8: bool = False  # addresses or header need RFC 6531
    ret: str | None = None
    envid: str | None = None  # decoded
    require_tls: bool = False  # RFC 8689 §2; whoever calls has seen to it that this server offers it
    deliver_by: By | None = None  # RFC 2852 §4
    priority: int = 0  # RFC 6710 §4


@dataclass(frozen=True, slots=True)
class Ready:
    """The server greeted and said what it can; also after STARTTLS."""

    extensions: Extensions
    name: str  # what the server calls itself


@dataclass(frozen=True, slots=True)
class Refused:
    """No session with this server: it said so at `stage`."""

    stage: Stage
    reply: ServerReply


@dataclass(frozen=True, slots=True)
class BeginTls:
    """Shake hands now, then call tls_started()."""


@dataclass(frozen=True, slots=True)
class TlsRefused:
    reply: ServerReply


@dataclass(frozen=True, slots=True)
class Authenticated:
    reply: ServerReply


@dataclass(frozen=True, slots=True)
class AuthRefused:
    reply: ServerReply


@dataclass(frozen=True, slots=True)
class SendContent:
    """The server waits for the message: call content() with each piece, then end_content()."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient."""

    reply: ServerReply
    stage: Stage  # what the reply answered; IDLE: nothing was sent for it

    @property
    def delivered(self) -> bool:
        return self.reply.positive and self.stage is Stage.END


@dataclass(frozen=True, slots=True)
class Done:
    """The transaction is over: one outcome a recipient, in the order they were given."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """No more commands: the answer to QUIT, or a 421 out of turn."""

    reply: ServerReply


ClientEvent = Ready | Refused | BeginTls | TlsRefused | Authenticated | AuthRefused | SendContent | Done | Closed
