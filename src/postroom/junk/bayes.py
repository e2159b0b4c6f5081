"""How likely a message is junk, by the words it has and where they were seen before.

Owns: what one word says, how words are joined to one number, which of them are told. Never: knows where counts are
kept. Raises: nothing.

A word's share compares how much of the junk had it with how much of the other mail did. A word seen in one kind only
has a little of the other added (`_DOUBT` messages), so that few sightings say little; where far more junk was learnt
than other mail, more is added, as most words of good mail have not been seen yet then.

Shares are joined by Fisher's method, twice (the idea is G. Robinson's): the chance that shares so high come about by
themselves, and that shares so low do. A message with strong words of both kinds stands in the middle instead of at one
end. The method takes words to be independent, which words of one text are not: four count as one (`_WORTH`).
docs/junk.md has the figures by which these numbers were chosen.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_DOUBT = 0.06
_DOUBT_GROWS = 1.5  # with the junk learnt for each other message, to this power
_WORTH = 0.25
_LEAST = 0.1  # away from one half, for a word to be heard
_MOST_WORDS = 200  # that are heard, the strongest
_TOLD = 6  # words of each kind that are named


@dataclass(frozen=True, slots=True)
class Seen:
    """In how many messages of each kind something was seen."""

    spam: int
    ham: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the words say together."""

    probability: float  # 0: not junk, 1: junk, 0.5: nothing known, or as much for as against
    heard: int = 0  # words that were
    against: tuple[str, ...] = ()  # the strongest that speak for junk
    favour: tuple[str, ...] = ()  # and those against it


def judge(words: Mapping[str, tuple[int, int]], learnt: Seen) -> Verdict:
    """The verdict on a message that has these words, each with how many messages of junk and of other mail had it.

    `learnt` counts all messages that were learnt.
    """
    doubt = _DOUBT * max(1.0, learnt.spam / max(learnt.ham, 1)) ** _DOUBT_GROWS
    all_spam, all_ham = learnt.spam + 2 * _DOUBT, learnt.ham + 2 * doubt
    heard: list[tuple[float, str, float]] = []
    for word, (in_spam, in_ham) in words.items():
        spam, ham = (in_spam + _DOUBT) / all_spam, (in_ham + doubt) / all_ham
        share = spam / (spam + ham)
        if abs(share - 0.5) >= _LEAST and (in_spam or in_ham):
            heard.append((abs(share - 0.5), word, share))
    heard.sort(reverse=True)
    del heard[_MOST_WORDS:]
    if not heard:
        return Verdict(0.5)
    freedom = max(1, round(len(heard) * _WORTH))  # pairs of degrees
    by_chance_high = _chi_square_tail(-_WORTH * sum([math.log1p(-share) for _, _, share in heard]), freedom)
    by_chance_low = _chi_square_tail(-_WORTH * sum([math.log(share) for _, _, share in heard]), freedom)
    return Verdict(
        (1.0 - by_chance_high + by_chance_low) / 2.0,
        len(heard),
        tuple([word for _, word, share in heard if share > 0.5][:_TOLD]),
        tuple([word for _, word, share in heard if share < 0.5][:_TOLD]),
    )


def _chi_square_tail(half: float, pairs: int) -> float:
    """The chance that chi square with 2 × `pairs` degrees of freedom is at least 2 × `half`."""
    # A sum of terms of a Poisson distribution. By logarithms, as the first may be too small for a float.
    logarithm, total = -half, math.exp(-half)
    for at in range(1, pairs):
        logarithm += math.log(half / at) if half > 0 else -math.inf
        total += math.exp(logarithm)
    return min(total, 1.0)
