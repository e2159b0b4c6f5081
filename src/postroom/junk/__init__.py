"""What speaks for and against a message, in points with words; words and their weights. Pure."""

from .bayes import Seen, Verdict, judge
from .letter import MAX_OCTETS, Letter, read_letter
from .score import NO_SCORE, Score, ScorePart
from .words import words_of

__all__ = [
    "MAX_OCTETS",
    "NO_SCORE",
    "Letter",
    "Score",
    "ScorePart",
    "Seen",
    "Verdict",
    "judge",
    "read_letter",
    "words_of",
]
