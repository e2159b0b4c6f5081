"""The header of a message as filters change it.

Owns: finding the field that is meant, the form of what is written. Never: reads what a field says, touches the body.
Raises: BadHeaderChange for what can be no field.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from postroom.message import iter_fields

from .types import HeaderChange

MAX_FIELD_OCTETS = 65_536  # of one field that a filter writes
MAX_NAME_OCTETS = 200
_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 §2.2: printable, no colon
_LINE_END = re.compile(rb"\r*\n|\r")
_NEXT_LINE = re.compile(rb"\r\n(?![ \t])")
_MAX_LINE_OCTETS = 998  # RFC 5322 §2.1.1


class BadHeaderChange(Exception):
    """What a filter wants written is no header field; the text says why."""


@dataclass(slots=True)
class _Block:
    name: bytes  # in lower case; b"": no field
    octets: bytes  # with the line end
    added: bool = False  # by a filter


class HeaderEdit:
    """Changes to one header, one after the other. `octets` gives all of it, `prefix` what only stands above it."""

    def __init__(self, header: bytes) -> None:
        self._blocks: list[_Block] = []
        self._end = b""  # the empty line
        self.rewritten = False  # the old header does not stay as it was
        at = 0
        for field in iter_fields(header):
            if field.start > at:
                self._blocks.append(_Block(b"", header[at : field.start]))
            self._blocks.append(_Block(field.name.lower(), header[field.start : field.end]))
            at = field.end
        rest = header[at:]
        if rest.endswith(b"\r\n"):
            rest, self._end = rest[:-2], b"\r\n"
        if rest:
            self._blocks.append(_Block(b"", rest))

    @property
    def prefix(self) -> bytes:
        """What stands above the old header when nothing else is changed; b"" when it is rewritten."""
        return b"" if self.rewritten else b"".join(block.octets for block in self._blocks[: self._lead()])

    def octets(self) -> bytes:
        """All of it, the additions too."""
        return b"".join(block.octets for block in self._blocks) + self._end

    def copy(self) -> "HeaderEdit":
        """One that can be changed for itself."""
        other = HeaderEdit(b"")
        other._blocks = [replace(block) for block in self._blocks]
        other._end, other.rewritten = self._end, self.rewritten
        return other

    def apply(self, changes: Iterable[HeaderChange]) -> None:
        """Raises BadHeaderChange; those before it are made."""
        for change in changes:
            if change.do == "change":
                self._change(change)
            else:
                block = _Block(change.name.lower(), written(change.name, change.value), added=True)
                self._insert(block, change.number if change.do == "insert" else None)

    def _lead(self) -> int:
        """How many blocks stand above the old header."""
        return next((at for at, block in enumerate(self._blocks) if not block.added), len(self._blocks))

    def _insert(self, block: _Block, number: int | None) -> None:
        """Where a field is added at the end (None) it stands above too: no order is promised (RFC 5322 §3.6)."""
        lead = self._lead()
        if number is None:
            self._blocks.insert(lead, block)
            return
        places = [at for at, other in enumerate(self._blocks) if other.name]
        number = max(number, 1) - 1
        at = places[number] if number < len(places) else len(self._blocks)
        if at > lead:
            self.rewritten = True
            before = self._blocks[at - 1]
            if not before.octets.endswith(b"\n"):
                before.octets += b"\r\n"
        self._blocks.insert(at, block)

    def _change(self, change: HeaderChange) -> None:
        wanted, number = change.name.lower(), change.number
        places = [at for at, block in enumerate(self._blocks) if block.name == wanted]
        if number:
            at = number - 1 if number > 0 else len(places) + number
            places = places[at : at + 1] if at >= 0 else []
        if change.value:
            field = written(change.name, change.value)
            if not places:
                self._insert(_Block(wanted, field, added=True), None)
                return
            block = self._blocks[places[0]]
            self.rewritten = self.rewritten or not block.added
            block.octets = field
            places = places[1:]
        for at in reversed(places):
            self.rewritten = self.rewritten or not self._blocks[at].added
            del self._blocks[at]


def written(name: bytes, value: bytes) -> bytes:
    """A field with its line end. Raises BadHeaderChange.

    A line within the value that does not begin with white space would be a field of its own, or end the header: it is
    made to go on with the line before.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_OCTETS:
        raise BadHeaderChange(f"a field named {name[:40]!r}")
    if len(value) > MAX_FIELD_OCTETS:
        raise BadHeaderChange(f"a field of {len(value)} octets")
    if b"\0" in value:
        raise BadHeaderChange("a field with NUL")
    lines = _LINE_END.sub(b"\r\n", value).rstrip(b"\r\n \t")
    whole = _NEXT_LINE.sub(b"\r\n\t", b"%b:%b" % (name, lines))
    kept = [line for line in whole.split(b"\r\n") if line.strip()]  # RFC 5322 §3.2.2: no line of white space alone
    if any(len(line) > _MAX_LINE_OCTETS for line in kept):
        kept = [piece for line in kept for piece in _cut(line)]
    return b"\r\n".join(kept) + b"\r\n"


def _cut(line: bytes) -> list[bytes]:
    """RFC 5322 §2.1.1: no line is longer than that."""
    pieces = []
    while len(line) > _MAX_LINE_OCTETS:
        at = line.rfind(b" ", 1, _MAX_LINE_OCTETS)
        at = at if at > 0 and line[:at].strip() else _MAX_LINE_OCTETS
        pieces.append(line[:at])
        rest = line[at:]
        line = rest if rest[:1] in (b" ", b"\t") else b"\t" + rest
    return [*pieces, line]
