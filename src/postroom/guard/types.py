"""The words of the guard. Owns: the value types and the refusals. Never: does anything. Raises: nothing."""

from dataclasses import dataclass
from typing import Literal

from postroom.base import MailError

Kind = Literal["messages", "recipients", "octets"]
Who = Literal["address", "network", "account"]


class GuardFailure(MailError):
    """SQLite or the disk refuses."""


class BudgetSpent(MailError):
    """So much was done from there, or by this account, that more has to wait (RFC 3463 §3.8: security or policy)."""

    code, enhanced, text = 450, "4.7.1", "Too much for now from you, please try again later"


class AccountStopped(MailError):
    """The account sends far more than it ever did: perhaps somebody else has its password (RFC 6409 §6.1)."""

    code, enhanced, text = (
        450,
        "4.7.1",
        "Sending is stopped for this account, as it sent far more than usual; your postmaster can let it go on",
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in now. `words` are for the log: a peer hears those of its protocol."""

    words: str
    until: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Ban:
    """Nobody from there is let in."""

    network: str  # "192.0.2.7", "192.0.2.0/24", "2001:db8::/64"
    since: float  # seconds since 1970
    until: float
    times: int  # this one included; 0: lifted by an operator, and forgotten
    reason: str
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """An account that sends no more until an operator releases it."""

    account_id: int
    since: float  # seconds since 1970
    words: str  # what was unusual


@dataclass(frozen=True, slots=True)
class Unknown:
    """What follows from a recipient that nobody is."""

    delay: float  # seconds until the answer
    close: bool = False  # with 421
