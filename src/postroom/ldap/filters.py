"""Search filters as people write them (RFC 4515), with places for values: "(&(objectClass=person)(mail={address}))".

Owns: their grammar and their form on the wire (RFC 4511 §4.5.1.7). Never: puts a value into the text of a filter: it
goes into the tree that was made of it, so that no value can change what is asked, and nothing has to be escaped.
Raises: BadFilter for a text that is no filter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import ber

_MAX_CHARACTERS = 4096
_MAX_DEPTH = 20
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*")
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_PLACE = re.compile(r"\{([a-z]+)\}")
# The context tags of RFC 4511 §4.5.1.7.
_AND, _OR, _NOT, _EQUAL, _SUBSTRINGS, _PRESENT, _EXTENSIBLE = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x87, 0xA9
_COMPARED = {"=": _EQUAL, ">=": 0xA5, "<=": 0xA6, "~=": 0xA8}
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82


class BadFilter(ValueError):
    """The text is no filter; it says why and where."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value goes."""

    name: str


Value = tuple[bytes | _Place, ...]


@dataclass(frozen=True, slots=True)
class _Set:
    tag: int
    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Compared:
    tag: int
    attribute: str
    value: Value


@dataclass(frozen=True, slots=True)
class _Substrings:
    attribute: str
    pieces: tuple[Value, ...]  # what stands between the stars


@dataclass(frozen=True, slots=True)
class _Present:
    attribute: str


@dataclass(frozen=True, slots=True)
class _Extensible:
    attribute: str
    rule: str
    names: bool  # ":dn"
    value: Value


_Node = _Set | _Compared | _Substrings | _Present | _Extensible


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter whose places have names."""

    text: str
    _node: _Node

    def wire(self, values: Mapping[str, str]) -> bytes:
        """With these values in their places, as a search request has it."""
        return _encoded(self._node, {name: value.encode("utf-8") for name, value in values.items()})


def read_filter(text: str, places: Sequence[str] = ()) -> Filter:
    """Raises BadFilter, also for a place of another name."""
    if len(text) > _MAX_CHARACTERS:
        raise BadFilter(f"a filter of more than {_MAX_CHARACTERS} characters")
    parser = _Parser(text, frozenset(places))
    node = parser.filter(0)
    if parser.at != len(text):
        raise parser.bad("something behind the last parenthesis")
    return Filter(text, node)


class _Parser:
    def __init__(self, text: str, places: frozenset[str]) -> None:
        self._text = text
        self._places = places
        self.at = 0

    def bad(self, why: str) -> BadFilter:
        return BadFilter(f"{why} (at character {self.at + 1} of {self._text!r})")

    def _expect(self, character: str) -> None:
        if not self._text.startswith(character, self.at):
            raise self.bad(f"{character!r} is missing")
        self.at += len(character)

    def filter(self, depth: int) -> _Node:
        """RFC 4515 §3: one in its parentheses."""
        if depth > _MAX_DEPTH:
            raise self.bad("too deep")
        self._expect("(")
        first = self._text[self.at : self.at + 1]
        node: _Node
        if first in ("&", "|"):
            self.at += 1
            parts = []
            while self._text.startswith("(", self.at):
                parts.append(self.filter(depth + 1))
            if not parts:
                raise self.bad("nothing to join")
            node = _Set(_AND if first == "&" else _OR, tuple(parts))
        elif first == "!":
            self.at += 1
            node = _Set(_NOT, (self.filter(depth + 1),))
        else:
            node = self._item()
        self._expect(")")
        return node

    def _item(self) -> _Node:
        found = _ATTRIBUTE.match(self._text, self.at)
        attribute = found[0] if found is not None else ""
        self.at += len(attribute)
        if self._text.startswith(":", self.at):
            return self._extensible(attribute)
        if not attribute:
            raise self.bad("no attribute")
        for sign, tag in _COMPARED.items():
            if self._text.startswith(sign, self.at):
                self.at += len(sign)
                return self._compared(attribute, tag)
        raise self.bad("no comparison")

    def _compared(self, attribute: str, tag: int) -> _Node:
        pieces = self._pieces()
        if len(pieces) == 1:
            return _Compared(tag, attribute, pieces[0])
        if tag != _EQUAL:
            raise self.bad("a star that means nothing here")
        if not any(pieces):
            if len(pieces) != 2:
                raise self.bad("stars with nothing between them")
            return _Present(attribute)
        return _Substrings(attribute, tuple(pieces))

    def _extensible(self, attribute: str) -> _Node:
        names = self._text[self.at : self.at + 3].lower() == ":dn"
        if names:
            self.at += 3
        rule = ""
        if not self._text.startswith(":=", self.at):
            self._expect(":")
            found = _RULE.match(self._text, self.at)
            if found is None:
                raise self.bad("no matching rule")
            rule = found[0]
            self.at += len(rule)
        self._expect(":=")
        if not attribute and not rule:
            raise self.bad("neither attribute nor matching rule")
        pieces = self._pieces()
        if len(pieces) != 1:
            raise self.bad("a star that means nothing here")
        return _Extensible(attribute, rule, names, pieces[0])

    def _pieces(self) -> list[Value]:
        """A value up to its parenthesis, split at its stars."""
        pieces: list[Value] = []
        piece: list[bytes | _Place] = []
        while (character := self._text[self.at : self.at + 1]) != ")":
            if character in ("", "(", "\0"):
                raise self.bad("a value that does not end")
            if character == "*":
                pieces.append(tuple(piece))
                piece = []
                self.at += 1
            elif character == "\\":
                found = _HEX.match(self._text, self.at + 1)
                if found is None:
                    raise self.bad("a backslash without two hexadecimal digits")
                piece.append(bytes.fromhex(found[0]))
                self.at += 3
            elif character == "{":
                piece.append(self._place())
            else:
                piece.append(character.encode("utf-8"))
                self.at += 1
        pieces.append(tuple(piece))
        return pieces

    def _place(self) -> _Place:
        found = _PLACE.match(self._text, self.at)
        if found is None or found[1] not in self._places:
            raise self.bad(f"a brace that is none of {', '.join('{' + name + '}' for name in sorted(self._places))}")
        self.at = found.end()
        return _Place(found[1])


def _octets(value: Value, values: Mapping[str, bytes]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else values[piece.name] for piece in value)


def _text(tag: int, text: str) -> bytes:
    return ber.element(tag, text.encode("ascii"))


def _encoded(node: _Node, values: Mapping[str, bytes]) -> bytes:
    match node:
        case _Set(tag, parts):
            return ber.element(tag, b"".join(_encoded(part, values) for part in parts))
        case _Compared(tag, attribute, value):
            return ber.element(tag, _text(ber.OCTETS, attribute) + ber.element(ber.OCTETS, _octets(value, values)))
        case _Present(attribute):
            return _text(_PRESENT, attribute)
        case _Substrings(attribute, pieces):
            return ber.element(_SUBSTRINGS, _text(ber.OCTETS, attribute) + _substrings(pieces, values))
        case _Extensible(attribute, rule, names, value):
            content = _text(0x81, rule) if rule else b""
            content += _text(0x82, attribute) if attribute else b""
            content += ber.element(0x83, _octets(value, values))
            return ber.element(_EXTENSIBLE, content + (ber.boolean(True, 0x84) if names else b""))


def _substrings(pieces: Sequence[Value], values: Mapping[str, bytes]) -> bytes:
    """RFC 4511 §4.5.1.7.2: none of them empty; an empty value leaves a filter that everything would match, so a piece
    that is never found stands for it."""
    found = []
    for position, piece in enumerate(pieces):
        if piece:
            tag = _INITIAL if position == 0 else _FINAL if position == len(pieces) - 1 else _ANY
            found.append(ber.element(tag, _octets(piece, values) or b"\0"))
    return ber.element(ber.SEQUENCE, b"".join(found))
