"""What a step of a server mechanism leads to.

Owns: the values. Never: anything else. Raises: nothing.
"""

from dataclasses import dataclass, field

from .scram_keys import HashName


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this (base64-encoded) and hand the answer to the next step."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """The exchange is over: ask the directory whether this is so. Both strings are prepared (preparation.py).

    `typed`: the password as it came. Who compares it with what another server has hashed needs that form, as that
    server may have prepared nothing; who keeps passwords prepares them again, with the same result.
    """

    username: str
    password: str = field(repr=False)  # keeps it out of logs and tracebacks
    typed: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ScramNeeded:
    """Hand the keys of this person to the mechanism's `keys`."""

    username: str
    hash_name: HashName


@dataclass(frozen=True, slots=True)
class ScramProven:
    """The client has one of the person's passwords. `final` goes out as a last challenge, whose answer is empty
    (RFC 5802 §5), unless the protocol sends it with the success. `authzid`: as whom the person wants to act; "":
    as themselves."""

    username: str
    credential_id: int
    final: bytes
    authzid: str = ""


@dataclass(frozen=True, slots=True)
class TokenOffered:
    """Ask the issuer whose token it is; refuse it by the mechanism's `refuse`. `username`: as whom the client wants to
    act; "": as the token's owner."""

    username: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateOffered:
    """Ask whom the client's certificate names (RFC 4422 §A). `authzid`: as whom the client wants to act; "": as the
    certificate says."""

    authzid: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over and nobody was named. `reason` is for the log; `credentials` are those of a person who wants
    to act as somebody else, for protocols that tell this failure from others (RFC 5530 §3 AUTHORIZATIONFAILED)."""

    reason: str
    credentials: Credentials | None = None


Outcome = Challenge | Credentials | ScramNeeded | ScramProven | TokenOffered | CertificateOffered | Failed
