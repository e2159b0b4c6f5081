"""What an SPF check takes into account and what it says. Declarations only."""

import enum
from dataclasses import dataclass
from typing import Literal, TypeAlias

Identity: TypeAlias = Literal["mailfrom", "helo"]  # RFC 7208 §2.3, §2.4; the words of §9.1


class SpfResult(enum.Enum):
    """RFC 7208 §2.6; the words are those of RFC 8601 §2.7.2."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SpfLimits:
    """What one check may cost. The first three are those of RFC 7208 §4.6.4."""

    terms: int = 10  # that ask the DNS; one more is permerror
    void: int = 2  # terms whose questions find nothing; one more is permerror
    names: int = 10  # of an mx (more are permerror), and of a ptr (more are ignored)
    record_octets: int = 16_384  # of all records that are evaluated, together; more are permerror
    addresses: int = 1000  # in all answers together; more are permerror
    explanation_octets: int = 1024  # of a text that exp names; a longer one is ignored
    explanation_characters: int = 400  # of what it becomes; more are cut off

    @property
    def most_questions(self) -> int:
        """The record; each term with the hosts it leads to; then exp's text and the name for %{p} in it."""
        return 1 + self.terms * (1 + self.names) + 1 + (1 + self.names)


DEFAULT_LIMITS = SpfLimits()


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """A result and how it came about. All texts are printable ASCII, except `sender`, which is as it was given."""

    result: SpfResult
    identity: Identity
    domain: str  # in A-labels; "" if there is none that could be checked
    sender: str
    words: str  # why, for people
    explanation: str = ""  # of the domain's owner, not ours (RFC 7208 §6.2): only for FAIL
    record: str = ""  # the record that decided, or in which the error is
    mechanism: str = ""  # the directive that decided, as it is published
    questions: int = 0  # that were put to the DNS
