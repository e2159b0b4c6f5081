"""Who is kept out for a while, and how much of what each address, network and account may do."""

from .database import GuardDatabase
from .guard import Guard, name_digest
from .origins import network_of
from .settings import GuardSettings
from .types import AccountStopped, Ban, BudgetSpent, GuardFailure, Kind, Refusal, Stop, Unknown, Who

__all__ = [
    "AccountStopped",
    "Ban",
    "BudgetSpent",
    "Guard",
    "GuardDatabase",
    "GuardFailure",
    "GuardSettings",
    "Kind",
    "Refusal",
    "Stop",
    "Unknown",
    "Who",
    "name_digest",
    "network_of",
]
