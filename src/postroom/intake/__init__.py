"""What happens to a message that arrives: where each recipient leads, what is added, when it is committed."""

from .authentication import Authentication
from .authentication_settings import AuthenticationSettings
from .authorship import ImproperAddress, NotTheAuthor
from .judgement import NotAuthentic
from .list_posts import PostingRefused
from .pipeline import Intake, NoSpace, Reception
from .routing import MailboxDisabled, RelayDenied, Route, UnknownUser
from .scoring import TooManyPoints
from .scoring_settings import ScoringSettings
from .settings import IntakeSettings
from .stopped_accounts import StoppedAccounts
from .trace import MailLoop, Source

__all__ = [
    "Authentication",
    "AuthenticationSettings",
    "ImproperAddress",
    "Intake",
    "IntakeSettings",
    "MailLoop",
    "MailboxDisabled",
    "NoSpace",
    "NotAuthentic",
    "NotTheAuthor",
    "PostingRefused",
    "Reception",
    "RelayDenied",
    "Route",
    "ScoringSettings",
    "Source",
    "StoppedAccounts",
    "TooManyPoints",
    "UnknownUser",
]
