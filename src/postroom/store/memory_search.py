"""SEARCH in the store in memory.

Owns: what it means for a text to match, in plain Python: what the SQL of the other store is held to. Raises: nothing.
"""

from postroom.message.casemap import fold
from postroom.message.facts import SearchText

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
