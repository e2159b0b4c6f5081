"""What the engine tells its session. Owns: the event types. Never: behaviour. Raises: nothing.

Every event but MessageData and MessageEnd of a refused size asks for exactly one `ServerEngine.reply` (in LMTP,
MessageEnd asks for one for each recipient).
"""

from dataclasses import dataclass

from .delivery_wishes import By
from .replies import Reply


@dataclass(slots=True)
class Mail:
    """MAIL FROM: a transaction is asked for."""

    address: str  # "" is the null reverse-path
    size: int | None = None  # SIZE (RFC 1870)
    body: str = ""  # BODY: "7BIT", "8BITMIME" (RFC 6152), "BINARYMIME" (RFC 3030 §3) or ""
    smtputf8: bool = False  # RFC 6531
    ret: str | None = None  # RET: "FULL" or "HDRS" (RFC 3461 §4.3)
    envid: str | None = None  # ENVID, decoded (RFC 3461 §4.4)
    auth: str | None = None  # AUTH, as received (RFC 4954 §5); nobody is trusted with it yet

    require_tls: bool = False  # REQUIRETLS (RFC 8689 §2)
    by: By | None = None  # BY (RFC 2852 §4)
    hold_for: int | None = None  # HOLDFOR, seconds (RFC 4865 §3)
    hold_until: float | None = None  # HOLDUNTIL, seconds since 1970
    priority: int | None = None  # MT-PRIORITY (RFC 6710 §3)

    @property
    def binary(self) -> bool:
        """The body may hold any octets, and comes by BDAT alone."""
        return self.body == "BINARYMIME"


@dataclass(slots=True)
class Rcpt:
    """RCPT TO: one recipient is asked for."""

    address: str  # "Postmaster" may stand alone
    notify: frozenset[str] | None = None  # NOTIFY (RFC 3461 §4.1)
    original: str | None = None  # ORCPT as received: "rfc822;user@host" (RFC 3461 §4.2)


@dataclass(slots=True)
class MessageStart:
    """DATA, or the first BDAT: answer 354 and pieces follow, or refuse.

    Of BDAT, the 354 is not sent, and a refusal goes out behind the chunk that is there already.
    """

    chunked: bool = False


@dataclass(slots=True)
class MessageData:
    """A piece of the message, un-dotted. Asks for no reply."""

    piece: bytes


@dataclass(slots=True)
class MessageEnd:
    """The message is complete. With a `refusal`, it is not acceptable: that is the reply to give."""

    refusal: Reply | None = None
    eight_bit: bool = False  # octets above 127 were seen
    long_lines: bool = False  # one of over 998 octets was seen


@dataclass(slots=True)
class Auth:
    """AUTH: step the mechanism, then `challenge` or `reply`."""

    mechanism: str
    initial: bytes | None  # decoded; None: no initial response


@dataclass(slots=True)
class AuthResponse:
    """The answer to a challenge, decoded."""

    response: bytes


@dataclass(slots=True)
class StartTls:
    """STARTTLS: reply 220, shake hands, then `tls_started`."""


@dataclass(slots=True)
class Verify:
    """VRFY, or EXPN: answer with who it is."""

    address: str
    expand: bool = False  # EXPN
    utf8: bool = False  # the client takes UTF-8 in the reply (RFC 6531 §3.7.4.2)


Event = Mail | Rcpt | MessageStart | MessageData | MessageEnd | Auth | AuthResponse | StartTls | Verify
