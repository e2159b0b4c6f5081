"""The fields of a header as signatures name them (RFC 6376 §3.5, h=; §5.4.2).

Owns: where a field begins and ends, and which instance a name in h= stands for. Never: interprets a value. Raises:
nothing; lines that are no fields are passed over.

Bare LF ends a line here as CRLF does, because those who show mail read it so: a field behind one is a field.
"""

import re
from collections.abc import Iterable

from .canonical import Canonicalization, canonical_field

_FIELD_END = re.compile(rb"\r?\n(?![ \t])")
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")  # RFC 5322 §3.6.8, with the white space of §4.5


class HeaderFields:
    """A header, found by name. Built once a message: canonical forms are kept for the next signature."""

    __slots__ = ("_canonical", "_fields", "_header", "_places")

    def __init__(self, header: bytes) -> None:
        """`header`: as it was sent, the empty line behind it included or not. It is taken apart when first asked."""
        self._header = header
        self._fields: list[bytes] = []
        self._places: dict[bytes, list[int]] | None = None
        self._canonical: dict[tuple[Canonicalization, int], bytes] = {}

    @property
    def octets(self) -> int:
        """The size of the header."""
        return len(self._header)

    def mentions(self, name: bytes) -> bool:
        """There may be a field of that name (lower case); told without taking the header apart."""
        return name in self._header.lower()

    def places(self, name: bytes) -> list[int]:
        """Where the fields of that name (lower case) are, first to last; `field` gives each."""
        if self._places is None:
            self._places = {}
            self._fields = _FIELD_END.split(self._header)
            for place, field in enumerate(self._fields):
                if (found := _NAME.match(field)) is not None:
                    self._places.setdefault(found[1].lower(), []).append(place)
        return self._places.get(name, [])

    def field(self, place: int) -> bytes:
        """The field at that place: whole, folded, without the line end after it."""
        return self._fields[place]

    def named(self, name: bytes) -> list[bytes]:
        """The fields at `places`."""
        return [self._fields[place] for place in self.places(name)]

    def count(self, name: bytes) -> int:
        """How many fields have that name (lower case)."""
        return len(self.places(name))

    def choose(self, names: Iterable[bytes], canonicalization: Canonicalization, *, without: int = -1) -> bytes:
        """What h= with these names (lower case) puts to the hash, each field with its CRLF.

        A name that occurs again stands for the next field of it from the bottom up (RFC 6376 §5.4.2); one for which
        there is no field, or none left, adds nothing (§3.5). `without`: the place of the signature itself, which is
        never among them (§3.7).
        """
        taken: dict[bytes, int] = {}
        chosen = []
        for name in names:
            places = self.places(name)
            nth = taken.get(name, 0) + 1
            if nth <= len(places) and places[-nth] == without:
                nth += 1
            if nth <= len(places):
                taken[name] = nth
                chosen.append(self._form(canonicalization, places[-nth]))
        return b"".join(chosen)

    def _form(self, canonicalization: Canonicalization, place: int) -> bytes:
        key = canonicalization, place
        form = self._canonical.get(key)
        if form is None:
            form = self._canonical[key] = canonical_field(self._fields[place], canonicalization) + b"\r\n"
        return form
