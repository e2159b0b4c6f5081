"""LANGUAGE (RFC 5255 §3): which languages are asked for, and which of ours that means.

Owns: the command, its row, matching ranges with tags (RFC 4647). Never: translates. Raises: BadSyntax.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .syntax import BadSyntax
from .table import ANY, CommandInfo, Does
from .tokens import Cursor
from .types import Command

DEFAULT = b"i-default"  # RFC 5255 §3.1: until the client asks for another
# RFC 4647 §2.1 language-range
_RANGE = re.compile(rb"\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Language(Command):
    ranges: tuple[bytes, ...]  # lower case; none: what is there to choose from?


def language(cursor: Cursor) -> Language:
    """LANGUAGE *(SP lang-range-quoted) (RFC 5255 §3.5)."""
    ranges: list[bytes] = []
    while cursor.take(b" "):
        # Strictly "*" has to be quoted
        one = b"*" if cursor.take(b"*") else cursor.astring("Expected a language range")
        if not _RANGE.fullmatch(one):
            raise BadSyntax("Expected a language range")
        ranges.append(one.lower())
        if len(ranges) > cursor.settings.max_language_ranges:
            raise BadSyntax("Too many language ranges")
    cursor.end()
    return Language(tuple(ranges))


def chosen(ranges: Sequence[bytes], tags: Sequence[bytes], preferred: bytes) -> bytes | None:
    """The tag of the first range that means one; `preferred` for "*" and "default" (RFC 5255 §3.2)."""
    for one in ranges:
        if one in (b"*", b"default"):
            return preferred
        # RFC 4647 §3.3.1: a range means every tag that it begins
        if found := next((tag for tag in tags if tag.lower() == one or tag.lower().startswith(one + b"-")), None):
            return found
        # RFC 4647 §3.4: and if there is none, a less specific language is better than no answer
        if found := _looked_up(one, tags):
            return found
    return None


def _looked_up(one: bytes, tags: Sequence[bytes]) -> bytes | None:
    subtags = one.split(b"-")
    while len(subtags) > 1:
        subtags.pop()
        if len(subtags[-1]) == 1:  # it only announces what followed
            subtags.pop()
        shorter = b"-".join(subtags)
        if found := next((tag for tag in tags if tag.lower() == shorter), None):
            return found
    return None


ROWS = (CommandInfo(b"LANGUAGE", language, ANY, Does.MAY_EXPUNGE),)
