"""Cuts what a client sends into lines, with a limit on each.

Owns: the octets not yet used. Never: knows what a line means. Raises: nothing; what is wrong with a line is its value.
"""

import enum
from collections import deque


class BadLine(enum.Enum):
    """In place of a line that can't be used."""

    TOO_LONG = "line too long"
    BARE = "lines end with CRLF, and have neither CR, LF nor NUL within"
    ENDLESS = "line too long, closing"  # nothing sensible can follow


class LineReader:
    """`feed` octets, `take` lines without their CRLF. Holds at most one unfinished line of `hold_limit` octets besides
    complete lines of what was fed."""

    __slots__ = ("_discard_limit", "_discarded", "_hold_limit", "_lines", "_rest")

    def __init__(self, hold_limit: int, discard_limit: int) -> None:
        self._hold_limit = hold_limit
        self._discard_limit = discard_limit
        self._lines: deque[bytes | BadLine] = deque()
        self._rest = b""
        self._discarded = 0  # octets of an over-long line thrown away so far

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data if self._rest else data).split(b"\n")
        if lines and self._discarded:  # the first is the end of the over-long line
            endless = self._discarded + len(lines.pop(0)) > self._discard_limit
            self._lines.append(BadLine.ENDLESS if endless else BadLine.TOO_LONG)
            self._discarded = 0
        self._lines.extend(lines)
        if self._discarded or len(rest) > self._hold_limit:
            self._discarded += len(rest)
            rest = b""
            if self._discarded > self._discard_limit:
                self._lines.append(BadLine.ENDLESS)
        self._rest = rest

    def take(self, limit: int, *, begins: bytes = b"", limit_then: int = 0) -> bytes | BadLine | None:
        """The next line; `limit` counts its line end. None: no complete line is there.

        A line that begins so, in any case, has another limit.
        """
        if not self._lines:
            return None
        line = self._lines.popleft()
        if isinstance(line, BadLine):
            return line
        if begins and line[: len(begins)].upper() == begins:
            limit = limit_then
        if len(line) + 1 > limit:
            return BadLine.ENDLESS if len(line) > self._discard_limit else BadLine.TOO_LONG
        if not line.endswith(b"\r") or line.find(b"\r", 0, -1) >= 0 or b"\0" in line:
            return BadLine.BARE
        return line[:-1]

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._rest = b""
        self._discarded = 0
