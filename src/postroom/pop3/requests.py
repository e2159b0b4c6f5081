"""What the engine can't do by itself: the session carries it out and answers.

Owns: the values. Never: anything else. Raises: nothing.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class SignIn:
    """By USER and PASS: is this so, and is the maildrop free? Answer: `signed_in` or `refuse_sign_in`."""

    username: bytes
    password: bytes = field(repr=False)


@dataclass(slots=True)
class Authenticate:
    """Begin an exchange by this mechanism (in upper case), one of those that the engine was told of. `initial`: None
    when the client sent no response with it. Answer: `challenge`, `signed_in` or `refuse_sign_in`."""

    mechanism: str
    initial: bytes | None = field(repr=False)


@dataclass(slots=True)
class AuthResponse:
    """Go on with the exchange. Answer: as to Authenticate."""

    response: bytes = field(repr=False)


@dataclass(slots=True)
class StartTls:
    """Send the output, shake hands. Answer: `tls_started`."""


@dataclass(slots=True)
class Retrieve:
    """Send the response to RETR or (with `lines`) TOP. Answer: `retrieved`, or `fail` when nothing was sent."""

    number: int
    position: int
    lines: int | None


@dataclass(slots=True)
class Send:
    """Send the output, then each of these pieces, waiting for the peer in between. Answer: `sent`."""

    pieces: Iterator[bytes]


@dataclass(slots=True)
class Update:
    """Remove these messages (RFC 1939 §6), and what has expired of those retrieved. Answer: `updated`."""

    uids: tuple[int, ...]
    retrieved: tuple[int, ...] = ()  # in this session and left; told where messages expire (RFC 2449 §6.7)


@dataclass(slots=True)
class Close:
    """Send the output and close. No answer."""


Request = SignIn | Authenticate | AuthResponse | StartTls | Retrieve | Send | Update | Close


class Refusal(enum.Enum):
    """Why nobody was signed in: the response code and text."""

    WRONG = b"[AUTH] Wrong user name or password"  # RFC 3206 §5
    IN_USE = b"[IN-USE] The maildrop is open in another POP3 session"  # RFC 2449 §8.1.2
    LOGIN_DELAY = b"[LOGIN-DELAY] Too soon after the last sign-in"  # RFC 2449 §8.1.1
    LATER = b"[SYS/TEMP] Too many failed sign-ins, please try again later"  # counts as a wrong one
    TEMPORARY = b"[SYS/TEMP] The maildrop can't be opened now, please try again later"  # RFC 3206 §4
    PERMANENT = b"[SYS/PERM] The account has no maildrop"
