"""What a step of a server mechanism leads to.

Owns: the values. Never: anything else. Raises: nothing.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this (base64-encoded) and hand the answer to the next step."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange is over: ask the directory whether this is so. Both strings are SASLprepped."""

    username: str
    password: str = field(repr=False)  # keeps it out of logs and tracebacks


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over and nobody was named. `reason` is for the log; `credentials` are those of a person who wants
    to act as somebody else, for protocols that tell this failure from others (RFC 5530 §3 AUTHORIZATIONFAILED)."""

    reason: str
    credentials: Credentials | None = None


Outcome = Challenge | Credentials | Failed
