"""Comparing text the way a person who searches means it (RFC 6203): words in any order, accents, a slip of the finger.

Owns: FuzzyNeedle, which scores folded text. Never: reads messages; knows a field. Raises: nothing.

A word of the needle is there when the text has it as a word, at the beginning of one or within one, or has a word that
differs from it by one slip: a letter too many, too few, wrong, or two exchanged. Every step is linear in the text, and
the words of a text are looked at once however many words the needle has.
"""

import re
from itertools import pairwise

from .casemap import fold

WHOLE_WORD, WORD_START, WITHIN_WORD, ONE_SLIP = 100, 80, 65, 45  # what one word of the needle is worth
_SCATTERED = 0.85  # of that, when the words do not stand side by side as in the needle
_SLIP_LETTERS = 5  # the shortest word that may have a slip
_ACCENTS = re.compile("[\u0300-\u036f]+")  # folded text is decomposed
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_WITHIN = re.compile("(?<=\\w)['’‘\u00ad\u2010\u2011-](?=\\w)")  # don't, e-mail
_WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """Folded text without accents and without the punctuation that stands within words."""
    if not text.isascii():
        text = _ACCENTS.sub("", text).translate(_LETTERS)
    return _WITHIN.sub("", text)


def one_slip(word: str, other: str) -> bool:
    """Whether two different words differ by one letter added, left out or wrong, or by two neighbours exchanged."""
    longer, shorter = (word, other) if len(word) >= len(other) else (other, word)
    if len(longer) - len(shorter) > 1:
        return False
    at, end = 0, len(shorter)
    while at < end and longer[at] == shorter[at]:
        at += 1
    if len(longer) > end:
        return longer[at + 1 :] == shorter[at:]
    rest = longer[at + 1 :]
    if rest == shorter[at + 1 :]:
        return True
    return longer[at : at + 2] == shorter[at : at + 2][::-1] and longer[at + 2 :] == shorter[at + 2 :]


class FuzzyNeedle:
    """What is searched for; no word of it means that nothing can be found fuzzily."""

    def __init__(self, needle: str, max_words: int) -> None:
        self.words = tuple(dict.fromkeys(_WORD.findall(plain(fold(needle)))))[:max_words]
        self._phrase = " ".join(self.words)
        self._pieces = [_pieces(word) for word in self.words]

    def pieces(self) -> list[tuple[str, ...]]:
        """For each word, parts of it. A text in ASCII that has none of a word's parts does not have the word: one slip
        or one hyphen leaves one of them whole. Other text may have accents anywhere."""
        return self._pieces

    def score(self, text: str) -> int:
        """How well folded `text` fits, 1 to 100; 0 when a word is missing."""
        if text.isascii() and not all(any(piece in text for piece in pieces) for pieces in self._pieces):
            return 0
        text = plain(text)
        total = 0
        others: list[str] | None = None
        for word in self.words:
            worth = _worth(word, text)
            if not worth and len(word) >= _SLIP_LETTERS:
                if others is None:
                    others = list(set(_WORD.findall(text)))
                size = len(word)
                if any(-2 < len(other) - size < 2 and one_slip(word, other) for other in others):
                    worth = ONE_SLIP
            if not worth:
                return 0
            total += worth
        if not self.words:
            return 0
        worth = total // len(self.words)
        if len(self.words) > 1 and self._phrase not in text:
            worth = int(worth * _SCATTERED)
        return worth


def _worth(word: str, text: str) -> int:
    """Of a word that the text has, wherever; 0 for none."""
    best, at, tries = 0, text.find(word), 0
    while at >= 0 and tries < 100:
        end = at + len(word)
        if at and (text[at - 1].isalnum() or text[at - 1] == "_"):
            best = best or WITHIN_WORD
        elif end < len(text) and (text[end].isalnum() or text[end] == "_"):
            best = WORD_START
        else:
            return WHOLE_WORD
        at = text.find(word, end)
        tries += 1
    return best


def _pieces(word: str) -> tuple[str, ...]:
    count = 3 if len(word) >= _SLIP_LETTERS else min(len(word), 2)  # an exchange may damage two neighbours of three
    cuts = [len(word) * k // count for k in range(count + 1)]
    return tuple(dict.fromkeys(word[start:end] for start, end in pairwise(cuts)))
