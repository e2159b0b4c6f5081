"""A stranger's message on its way in: the header as it came for who verifies it, without forged results for the rest.

Owns: setting the two apart, which fields only we may write, telling the body from the header. Never: reads a result,
keeps a body. Raises: HeaderTooLarge.
"""

import re
from collections.abc import Callable
from typing import Protocol

from postroom.message import iter_fields

from .completion import HeaderCompleter, HeaderSeparator, HeaderTooLarge

MAX_RESULTS = 50  # Authentication-Results fields of one message that are read
# White space before the colon is obsolete, but read (RFC 5322 §4.5).
_OURS = re.compile(rb"^(?:authentication-results|postroom-[!-9;-~]*)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_RESULTS = b"authentication-results"
_MARKS = b"postroom-"  # begins the names of fields that this server alone writes


class Witness(Protocol):
    """Sees a message as its sender sent it."""

    def header(self, header: bytes) -> None:
        """Whole, with the empty line behind it; once, before the body."""

    def body(self, piece: bytes) -> None: ...


class Arrival:
    """`feed` pieces of a message; what comes out has no field in our name: no Authentication-Results that `forged` says
    is one, no Postroom-Score."""

    __slots__ = ("_completer", "_forged", "_max_lines", "_separator", "_whole", "_witness")

    def __init__(
        self, forged: Callable[[bytes], bool], limit: int, witness: Witness | None = None, *, max_lines: int = 10_000
    ) -> None:
        self._max_lines = max_lines
        self._forged = forged
        self._witness = witness
        self._separator = HeaderSeparator()
        self._completer = HeaderCompleter(self._arrived, limit)
        self._whole = False  # the header is

    def feed(self, piece: bytes) -> bytes:
        """The octets that can go on now."""
        if self._whole:
            if self._witness is not None:
                self._witness.body(piece)
            return piece
        return self._completer.feed(self._separator.feed(piece), self._body)

    def finish(self) -> bytes:
        """The message is over."""
        if self._whole:
            return b""
        return self._completer.feed(self._separator.finish(), self._body) + self._completer.finish()

    def _body(self, rest: bytes) -> None:
        if rest and self._witness is not None:
            self._witness.body(rest)

    def _arrived(self, header: bytes) -> bytes:
        self._whole = True
        if (lines := header.count(b"\n")) > self._max_lines:  # each costs a step of everybody who reads the header
            raise HeaderTooLarge(f"{lines} lines")
        if self._witness is not None:
            self._witness.header(header)
        return without_forged(header, self._forged)


def without_forged(header: bytes, forged: Callable[[bytes], bool]) -> bytes:
    """RFC 8601 §5: the header without the Authentication-Results fields whose values `forged` knows as such, and
    without the marks of this server.

    Of very many results all after the first MAX_RESULTS go: an honest message has a few.
    """
    if _OURS.search(header) is None:
        return header
    kept, at, seen = [], 0, 0
    for field in iter_fields(header):
        name = field.name.lower()
        if name == _RESULTS:
            seen += 1
            if seen <= MAX_RESULTS and not forged(field.value):
                continue
        elif not name.startswith(_MARKS):
            continue
        kept.append(header[at : field.start])
        at = field.end
    return b"".join((*kept, header[at:])) if at else header
