"""What is known of a stranger: lists in the DNS, its names, its manners, whether it came before."""

from .database import Remembered, ReputationDatabase, ReputationFailure
from .settings import ListSettings, StrangersSettings
from .strangers import Strangers
from .visit import Greylisted, Unwelcome, Visit, is_always_taken

__all__ = [
    "Greylisted",
    "ListSettings",
    "Remembered",
    "ReputationDatabase",
    "ReputationFailure",
    "Strangers",
    "StrangersSettings",
    "Unwelcome",
    "Visit",
    "is_always_taken",
]
