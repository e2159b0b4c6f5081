"""On which line of a TOML file each key stands, which tomllib does not tell.

Owns: that look-up. Never: decides whether the file is TOML (tomllib does, first). Raises: nothing; what it can't find
it leaves out.
"""

import json
import re

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_PARTS = re.compile(_PART)
# What may hide brackets or "=": multi-line strings first, then strings of one line, then a comment.
_HIDDEN = re.compile(r'''"""|\'\'\'|"(?:[^"\\]|\\.)*"|'[^']*'|\#.*|[\[\]{}]''')

Place = tuple[str, ...]


def locate(text: str) -> dict[Place, int]:
    """Line numbers, from 1, by path: ("smtp", "max_message_octets"). A table's own line is that of its header."""
    places: dict[Place, int] = {}
    table: Place = ()
    depth, fence = 0, ""  # open brackets of a value; the quotes that end an open multi-line string
    for number, line in enumerate(text.split("\n"), 1):
        start = 0
        if not fence and depth == 0:
            if header := _HEADER.match(line):
                table = _names(header[1])
                places.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                place = table + _names(key[1])
                for end in range(len(table) + 1, len(place) + 1):
                    places.setdefault(place[:end], number)
                start = key.end()
        depth, fence = _follow(line, start, depth, fence)
    return places


def _follow(line: str, start: int, depth: int, fence: str) -> tuple[int, str]:
    """Brackets and strings still open at the end of the line."""
    while True:
        if fence:
            end = line.find(fence, start)
            if end < 0:
                return depth, fence
            start, fence = end + 3, ""
        match = _HIDDEN.search(line, start)
        if match is None:
            return max(0, depth), ""
        start = match.end()
        if match[0] in ('"""', "'''"):
            fence = match[0]
        elif match[0] in ("[", "{"):
            depth += 1
        elif match[0] in ("]", "}"):
            depth -= 1


def _names(dotted: str) -> Place:
    return tuple(_name(part) for part in _PARTS.findall(dotted))


def _name(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] == '"':
        try:
            return str(json.loads(part))
        except ValueError:
            return part[1:-1]
    return part
