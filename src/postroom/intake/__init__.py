"""What happens to a message that arrives: where each recipient leads, what is added, when it is committed."""

from .authorship import ImproperAddress, NotTheAuthor
from .pipeline import Intake, MailLoop, NoSpace, Reception
from .routing import MailboxDisabled, RelayDenied, Route, UnknownUser
from .settings import IntakeSettings
from .trace import Source

__all__ = [
    "ImproperAddress",
    "Intake",
    "IntakeSettings",
    "MailLoop",
    "MailboxDisabled",
    "NoSpace",
    "NotTheAuthor",
    "Reception",
    "RelayDenied",
    "Route",
    "Source",
    "UnknownUser",
]
