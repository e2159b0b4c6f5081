"""One number for how much speaks against a message, and the words for each part of it.

Owns: the values that whoever looks at a stranger or at a message hands on. Never: decides what follows from a score.
Raises: nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One thing that speaks for the message (points below zero) or against it."""

    name: str  # a short name in lower case with dots, "dnsbl.zen.example", for settings, journal and header
    points: float
    words: str  # for people: what was seen, in one line


@dataclass(frozen=True, slots=True)
class Score:
    """All of them."""

    parts: tuple[ScorePart, ...] = ()

    @property
    def total(self) -> float:
        """The sum of the points."""
        return sum(part.points for part in self.parts)

    def without(self, prefix: str) -> float:
        """The sum, but for what parts whose names begin so hold against it."""
        return sum(part.points for part in self.parts if part.points < 0 or not part.name.startswith(prefix))

    def with_parts(self, parts: tuple[ScorePart, ...]) -> "Score":
        """This one and more."""
        return Score(self.parts + parts)

    @property
    def words(self) -> str:
        """The parts for people, the weightiest first."""
        told = sorted(self.parts, key=lambda part: -abs(part.points))
        return "; ".join(f"{part.points:+.1f} {part.name}: {part.words}" for part in told)


NO_SCORE = Score()  # nobody has looked
