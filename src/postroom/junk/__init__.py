"""What speaks for and against a message, in points with words. Pure."""

from .score import NO_SCORE, Score, ScorePart

__all__ = ["NO_SCORE", "Score", "ScorePart"]
