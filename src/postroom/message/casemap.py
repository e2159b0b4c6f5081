"""Comparing text the way SEARCH does.

Owns: `fold`, a simplified i;unicode-casemap (RFC 5051): case folding, then compatibility decomposition, so that two
texts that a reader takes for the same compare equal, and substrings can be found by plain comparison. Raises: nothing.
"""

from unicodedata import normalize


def fold(text: str) -> str:
    """The comparison form of `text`. Folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    # RFC 5051 §2: map case, then decompose. Decomposition can bring out capitals (U+1D400 …), so case is mapped again.
    folded = normalize("NFKD", text.casefold())
    again = folded.casefold()
    return folded if again == folded else normalize("NFKD", again)
