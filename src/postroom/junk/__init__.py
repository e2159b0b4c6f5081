"""What speaks for and against a message, in points with words. Pure."""

from .score import Score, ScorePart

__all__ = ["Score", "ScorePart"]
