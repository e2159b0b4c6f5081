"""What each person calls junk, learnt from what they move there and back, and what follows for their mail."""

from .books import Books
from .database import HAM, SPAM, TrainingFailure, WordBook
from .files import learn_file
from .judging import Judged
from .settings import TrainingSettings
from .training import FOLDER, Training

__all__ = [
    "FOLDER",
    "HAM",
    "SPAM",
    "Books",
    "Judged",
    "Training",
    "TrainingFailure",
    "TrainingSettings",
    "WordBook",
    "learn_file",
]
