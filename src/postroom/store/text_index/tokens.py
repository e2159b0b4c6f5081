"""What a text is made of, for the index: tokens and what stands between them.

Owns: that definition. It is total (nothing of a text is left out) and depends on each character alone, so that where a
needle occurs in a text, each of its inner tokens is a token there, its first one the end of a token and its last one
the beginning of one. Never: folds (texts and needles come folded). Raises: nothing.

A token is a run of letters and digits, roughly: all that is not ASCII punctuation, a space, or Unicode's general
punctuation. Characters of scripts that are written without spaces, and symbols, are each a token of their own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_SEPARATOR = 2  # characters between two tokens, up to which they are kept as a pair
_SEPARATORS = re.compile("([\\x00-/:-@\\[-`{-\xbf\u2000-\u206f\u3000-\u303f]+)")
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao; Burmese; Khmer
    "\u2190-\u2bff\U0001f000-\U0001faff"  # symbols
    "\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese
)
_PIECES = re.compile(f"[{_ALONE}]|[^{_ALONE}]+")
_IS_ALONE = re.compile(f"[{_ALONE}]")


def split(text: str) -> tuple[list[str], list[str]]:
    """Tokens, and the separators between them, one fewer. The first and the last token may be empty."""
    parts = _SEPARATORS.split(text)
    tokens, separators = parts[::2], parts[1::2]
    if text.isascii() or not _IS_ALONE.search(text):
        return tokens, separators
    all_tokens: list[str] = []
    all_separators: list[str] = []
    for token, separator in zip(tokens, [*separators, ""], strict=True):
        pieces = _PIECES.findall(token) or [""]
        all_tokens += pieces
        all_separators += [""] * (len(pieces) - 1)
        all_separators.append(separator)
    del all_separators[-1]
    return all_tokens, all_separators


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for, cut up. `before` and `after` are the separators at its ends."""

    text: str
    before: str
    tokens: Sequence[str]
    between: Sequence[str]  # one fewer than the tokens
    after: str

    @classmethod
    def of(cls, text: str) -> "Needle":
        tokens, between = split(text)
        before = after = ""
        if not tokens[0] and between:
            tokens, before, between = tokens[1:], between[0], between[1:]
        if not tokens[-1] and between:
            tokens, after, between = tokens[:-1], between[-1], between[:-1]
        return cls(text, before, tokens if tokens[0] else (), between, after)

    @property
    def bare(self) -> bool:
        """Whether it begins and ends with a token."""
        return not self.before and not self.after

    def open_before(self, at: int) -> bool:
        """Whether more may stand before this token in the text, as part of the same token."""
        return at == 0 and not self.before and not _IS_ALONE.match(self.tokens[0])

    def open_after(self, at: int) -> bool:
        """The same, behind it."""
        return at == len(self.tokens) - 1 and not self.after and not _IS_ALONE.match(self.tokens[-1])
