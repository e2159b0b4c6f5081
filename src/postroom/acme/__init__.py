"""Certificates from an authority, and their renewal."""

from .answer_service import AnswerService
from .answers import Answers
from .kept import Kept, KeptTrouble, State
from .ordering import OrderFailed
from .service import CertificateKeeper
from .settings import AcmeSettings
from .wishes import Wish, due_at

__all__ = [
    "AcmeSettings",
    "AnswerService",
    "Answers",
    "CertificateKeeper",
    "Kept",
    "KeptTrouble",
    "OrderFailed",
    "State",
    "Wish",
    "due_at",
]
