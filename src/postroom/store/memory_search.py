"""SEARCH in the store in memory.

Owns: what it means for a text to match, in plain Python: what the SQL of the other store is held to. Raises: nothing.
"""

from postroom.message.casemap import fold
from postroom.message.facts import SearchText
from postroom.message.fuzzy import FuzzyNeedle

from .api import TextField, TextQuery


def matches(text: SearchText, query: TextQuery) -> bool:
    """The definition that the SQL of the other store is held to."""
    needle = fold(query.needle)
    if query.where is TextField.TEXT:
        return needle in text.headers or needle in text.body
    if query.where is TextField.BODY:
        return needle in text.body
    name = query.name if query.where is TextField.HEADER else query.where.value.rstrip("_")
    if query.where is TextField.HEADER or not needle:
        start = fold(name) + ":"
        return any(line.startswith(start) and needle in line[len(start) :] for line in text.headers.split("\n"))
    column: str = getattr(text, query.where.value)
    return needle in column


def fuzzy_score(text: SearchText, query: TextQuery, needle: FuzzyNeedle, most: int) -> int:
    """The same for a fuzzy search: 1 to 100, 0 for no match."""
    if query.where is TextField.TEXT:
        return needle.score(text.headers[:most] + "\n" + text.body[:most])
    if query.where is TextField.BODY:
        return needle.score(text.body[:most])
    if query.where is TextField.HEADER:
        start = fold(query.name) + ":"
        lines = [line[len(start) :] for line in text.headers[:most].split("\n") if line.startswith(start)]
        return max(map(needle.score, lines), default=0)
    column: str = getattr(text, query.where.value)
    return needle.score(column[:most])
