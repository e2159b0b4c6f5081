"""The header of a message or a body part: finding its fields.

Owns: where a field begins and ends, unfolding, selection by name (HEADER.FIELDS), the header as text for SEARCH.
Never: interprets a field's value beyond decoding its text. Raises: nothing; lines that are no fields are passed over.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .casemap import fold
from .charset import decode_unlabelled
from .encoded_words import decode_field, decode_words

# RFC 5322 §2.2, with the white space before the colon of §4.5. Lines that begin with white space go on with the field
# before them (§2.2.3).
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LINE_WITH_FOLDS = re.compile(rb".*(?:\n[ \t].*)*\n?")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
HEADER_END = re.compile(rb"\n\r?\n")


class Field(NamedTuple):
    """One field. `value` is raw: folded, not stripped. `start` and `end` are offsets, the line end included."""

    name: bytes
    value: bytes
    start: int
    end: int


@dataclass(slots=True)
class HeaderIndex:
    """The fields of one header by lower-case name, for those who need several of them."""

    pairs: list[tuple[bytes, bytes]]
    by_name: dict[bytes, list[bytes]]

    def first(self, name: bytes) -> bytes | None:
        """The first field of that (lower-case) name, unfolded and stripped."""
        values = self.by_name.get(name)
        return unfold(values[0]) if values else None

    def text(self, name: bytes) -> bytes | None:
        """The first such field when it is unstructured: white space at its end counts (RFC 5322 §3.2.5)."""
        values = self.by_name.get(name)
        if not values:
            return None
        value = values[0]
        if b"\n" in value:
            value = _FOLD.sub(b"", value)
        return value.lstrip(b" \t").rstrip(b"\r\n")

    def all(self, name: bytes) -> list[bytes]:
        """All fields of that (lower-case) name, unfolded and stripped."""
        return [unfold(value) for value in self.by_name.get(name, ())]


def index_header(header: bytes) -> HeaderIndex:
    """Find the fields of a header block."""
    pairs = _FIELD.findall(header)
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        key = name.lower()
        if key in by_name:
            by_name[key].append(value)
        else:
            by_name[key] = [value]
    return HeaderIndex(pairs, by_name)


def unfold(value: bytes) -> bytes:
    """A field's value on one line (RFC 5322 §2.2.3), stripped."""
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    return value.strip(b" \t\r\n")


def iter_fields(header: bytes) -> Iterator[Field]:
    """The fields with their places, in order; the blank line ends them."""
    for found in _LINE_WITH_FOLDS.finditer(header):
        block = found[0]
        if block.startswith((b"\n", b"\r\n")) or not block:  # even when the body begins with white space
            return
        name, colon, value = block.partition(b":")
        name = name.rstrip(b" \t")
        if colon and name and _FIELD.match(block):
            yield Field(name, value, found.start(), found.end())


def first_value(header: bytes, name: bytes) -> bytes | None:
    """The unfolded value of the first field of that name (any case); None when there is none."""
    name = name.lower()
    for field_name, value in _FIELD.findall(header):
        if field_name.lower() == name:
            return unfold(value)
    return None


def select_fields(header: bytes, names: Collection[bytes], invert: bool = False) -> bytes:
    """HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 §6.4.5): the fields as they stand, then a blank line."""
    return field_selector(names, invert)(header)


def field_selector(names: Collection[bytes], invert: bool = False) -> Callable[[bytes], bytes]:
    """The same as a function of the header, for those who have many."""
    if invert:
        unwanted = {name.lower() for name in names}
        return lambda header: _fields_but(header, unwanted)
    if not names:
        return lambda header: b"\r\n"
    find = _finder(tuple(names))

    def select(header: bytes) -> bytes:
        if header[-1:] != b"\n":
            header += b"\r\n"
        found = find(b"\n" + header)
        return b"\n".join(found) + b"\n\r\n" if found else b"\r\n"

    return select


@lru_cache(maxsize=128)
def _finder(names: tuple[bytes, ...]) -> Callable[[bytes], list[bytes]]:
    """All fields of these names in a header that has a line feed before it, without the line feeds that end them.

    That first line feed, and classes instead of IGNORECASE, let the pattern skip the lines that are not wanted.
    """
    alternatives = b"|".join([_in_any_case(name) for name in names])
    pattern = rb"\n((?:" + alternatives + rb")[ \t]*+:.*+(?:\n[ \t].*+)*+)"
    find: Callable[[bytes], list[bytes]] = re.compile(pattern).findall
    return find


def _in_any_case(name: bytes) -> bytes:
    """A pattern for a name in upper or lower case (of ASCII)."""
    return b"".join(
        [
            b"[%c%c]" % (letter, letter + 32) if 65 <= letter <= 90 else re.escape(b"%c" % letter)
            for letter in name.upper()
        ]
    )


def _fields_but(header: bytes, names: set[bytes]) -> bytes:
    kept: list[bytes] = []
    for block in _LINE_WITH_FOLDS.findall(header):
        if block.startswith((b"\n", b"\r\n")) or not block:  # even when the body begins with white space
            break
        if block.partition(b":")[0].rstrip(b" \t").lower() not in names:
            kept.append(block)
    if kept and not kept[-1].endswith(b"\n"):
        kept.append(b"\r\n")
    kept.append(b"\r\n")
    return b"".join(kept)


def header_text(header: bytes) -> str:
    """Every field as a line "name: value", decoded and folded by `casemap.fold`, as SEARCH wants it."""
    return fields_text(_FIELD.findall(header))


def fields_text(pairs: list[tuple[bytes, bytes]]) -> str:
    """The same from the pairs of a HeaderIndex."""
    lines = b"\n".join([b"%b: %b" % (name, value.strip(b" \t\r\n")) for name, value in pairs])
    if b"\n " in lines or b"\n\t" in lines:
        lines = _FOLD.sub(b"", lines)
    if not lines.isascii():  # each field may be in a charset of its own
        text = "\n".join([decode_unlabelled(line) for line in lines.split(b"\n")])
    else:
        text = lines.decode("ascii")
    return fold(decode_words(text) if "=?" in text else text)


def text_of(values: list[bytes]) -> str:
    """Field bodies decoded and folded, joined by line feeds."""
    return fold("\n".join([decode_field(unfold(value)) for value in values]))


def header_values(headers: str, name: str) -> list[str]:
    """The values of one field from `header_text` lines; `name` in any case. [] means there is no such field."""
    prefix = fold(name) + ": "
    return [line[len(prefix) :] for line in headers.split("\n") if line.startswith(prefix)]
