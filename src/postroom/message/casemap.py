"""Comparing text the way SEARCH does.

Owns: `fold`, i;unicode-casemap (RFC 5051) and a little more: case folding, then compatibility decomposition, so that
two texts that a reader takes for the same compare equal, and substrings can be found by plain comparison. What RFC 5051
finds equal is equal; so are some more, as "ss" and "ß". Raises: nothing.
"""

from unicodedata import normalize

_RUN = 256
_PIECE = 32768  # characters folded at a time, so that long texts do not exist in several forms at once


def fold(text: str) -> str:
    """The comparison form of `text`. Folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    if len(text) <= _PIECE:
        return _fold_lines(text)
    pieces: list[str] = []
    at, end = 0, len(text)
    while at < end:
        # Cut where nothing combines across: before a line feed, or at least before a space.
        cut = min(at + _PIECE, end)
        if cut < end:
            space = max(text.rfind("\n", at + 1, cut), text.rfind(" ", at + 1, cut))
            cut = space if space > 0 else cut
        pieces.append(_fold_lines(text[at:cut]))
        at = cut
    return "".join(pieces)


def _fold_lines(text: str) -> str:
    """Lines in ASCII, most of them in most mail, go the short way."""
    return "\n".join([line.lower() if line.isascii() else _fold_line(line) for line in text.split("\n")])


def _fold_line(line: str) -> str:
    """Decomposing sorts runs of combining marks in quadratic time, so a hostile line is taken in small pieces."""
    if len(line) <= _RUN:
        return _fold(line)
    pieces: list[str] = []
    at, end = 0, len(line)
    while at < end:
        cut = at + _RUN
        if cut < end and (space := line.rfind(" ", at + 1, cut)) > 0:
            cut = space
        pieces.append(_fold(line[at:cut]))
        at = cut
    return "".join(pieces)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    # RFC 5051 §2: map case, then decompose. Decomposition can bring out capitals (U+1D400 …), so case is mapped again.
    folded = normalize("NFKD", text.casefold())
    again = folded.casefold()
    if again != folded:
        folded = normalize("NFKD", again)
    return folded.replace("ı", "i")  # the dotless i's title case is I; case folding alone keeps the two apart
