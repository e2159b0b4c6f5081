"""The macros of SPF (RFC 7208 §7): their grammar, and what becomes of them.

Owns: macro-string, domain-spec and explain-string. Never: asks for the values. Raises: BadMacro.

The work is bounded: a domain name is made from its right end, and no further than a name can be long.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from postroom.mailauth.domains import MAX_NAME, askable_name

LETTERS = "slodiphv"  # RFC 7208 §7.2: in terms
EXPLANATION_LETTERS = LETTERS + "crt"  # and in the text of an explanation
_UNRESERVED = "-._~"  # besides letters and digits (RFC 3986 §2.3)
_MANY = 3  # digits; a domain name has at most 127 labels (RFC 7208 §7.3), so 999 parts are all of them
_MACRO = r"%\{([A-Za-z])([0-9]*)([rR]?)([-.+,/_=]*)\}|%([%_-])"
_IN_TERM = re.compile(rf"{_MACRO}|([!-$&-~]+)")  # RFC 7208 §7.1, macro-literal
_IN_TEXT = re.compile(rf"{_MACRO}|([ -$&-~]+)")  # explain-string has spaces too
_FIXED = {"%": "%", "_": " ", "-": "%20"}
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class BadMacro(ValueError):
    """Against the grammar; the text says what is."""


class Macro(NamedTuple):
    """One macro-expand with a letter."""

    letter: str  # lower case
    keep: int  # right-hand parts; 0: all
    reverse: bool
    delimiters: str  # "": none are given
    escape: bool  # it was upper case


class MacroString(NamedTuple):
    """Literal texts and macros in turn, and the text they were read from."""

    text: str
    pieces: tuple[str | Macro, ...]
    letters: frozenset[str]


def read_macro_string(text: str, letters: str = LETTERS) -> MacroString:
    """RFC 7208 §7.1, macro-string. Raises BadMacro."""
    return _read(text, _IN_TERM, letters)


def read_explanation(text: str) -> MacroString:
    """RFC 7208 §7.1, explain-string. Raises BadMacro."""
    return _read(text, _IN_TEXT, EXPLANATION_LETTERS)


def read_domain_spec(text: str) -> MacroString:
    """RFC 7208 §7.1, domain-spec: a macro-string that ends in a macro, or in a dot and a top-level domain."""
    string = _read(text, _IN_TERM, LETTERS)
    if not text:
        raise BadMacro("no domain name")
    if text[-1] == "}" and isinstance(string.pieces[-1], Macro):
        return string
    if len(text) > 1 and text[-2] == "%" and string.pieces[-1] == _FIXED.get(text[-1]):
        return string  # "%%", "%_" and "%-" are macro-expand as well
    last = string.pieces[-1]
    assert isinstance(last, str)  # a Macro would have ended in "}"
    _, dot, label = last.removesuffix(".").rpartition(".")
    if not dot or not _LABEL.fullmatch(label) or label.isdigit():
        raise BadMacro(f"{text[-80:]!r} does not end in a top-level domain")
    return string


def _read(text: str, tokens: re.Pattern[str], letters: str) -> MacroString:
    pieces: list[str | Macro] = []
    used = set()
    at = 0
    while at < len(text):
        found = tokens.match(text, at)
        if found is None:
            raise BadMacro(f"{text[at : at + 20]!r} is no macro" if text[at] == "%" else f"character {text[at]!r}")
        at = found.end()
        letter, digits, reverse, delimiters, fixed, literal = found.groups()
        if literal is not None:
            pieces.append(literal)
        elif fixed is not None:
            pieces.append(_FIXED[fixed])
        else:
            pieces.append(_macro(letter, digits, bool(reverse), delimiters, letters))
            used.add(letter.lower())
    return MacroString(text, tuple(pieces), frozenset(used))


def _macro(letter: str, digits: str, reverse: bool, delimiters: str, letters: str) -> Macro:
    low = letter.lower()
    if low not in letters:
        raise BadMacro(f"macro letter {letter!r} is not allowed here")
    number = digits.lstrip("0")
    if digits and not number:
        raise BadMacro(f"%{{{letter}0}} would keep no parts")  # RFC 7208 §7.3: the value MUST be nonzero
    keep = 0 if len(number) > _MANY else int(number or "0")
    if (digits or reverse) and not delimiters:
        delimiters = "."
    return Macro(low, keep, reverse, delimiters, letter != low)


class Values:
    """What the letters stand for. `letters` may grow; what is there must not change."""

    def __init__(self, letters: Mapping[str, str]) -> None:
        self.letters = dict(letters)
        self._parts: dict[tuple[str, str, str], list[str]] = {}

    def with_letters(self, **letters: str) -> "Values":
        return Values({**self.letters, **letters})

    def expand(self, piece: str | Macro) -> str:
        """RFC 7208 §7.3."""
        if isinstance(piece, str):
            return piece
        value = self.letters[piece.letter]
        if piece.delimiters:
            parts = self._split(value, piece)
            if piece.reverse:
                parts = parts[::-1]
            value = ".".join(parts[-piece.keep :])  # 0: all of them
        return quote(value, safe=_UNRESERVED, errors="replace") if piece.escape else value

    def _split(self, value: str, piece: Macro) -> list[str]:
        """Each delimiter ends a part, so that there may be empty ones."""
        delimiters = "".join(sorted(set(piece.delimiters)))
        key = piece.letter, delimiters, value
        parts = self._parts.get(key)
        if parts is None:
            first = delimiters[0]
            for other in delimiters[1:]:
                value = value.replace(other, first)
            parts = self._parts[key] = value.split(first)
        return parts


def expand_name(string: MacroString, values: Values) -> str:
    """The <target-name> (RFC 7208 §4.8) in lower case; "" when no question can be made of it.

    Of a name that is too long, labels are left out at the left (§7.3).
    """
    taken: list[str] = []
    length = 0
    for piece in reversed(string.pieces):
        taken.append(values.expand(piece))
        length += len(taken[-1])
        if length > MAX_NAME + 1:  # with a final dot; what is further left would be left out
            break
    name = "".join(reversed(taken)).removesuffix(".")
    if len(name) > MAX_NAME:
        tail = name[-MAX_NAME - 1 :]
        name = tail[tail.find(".") + 1 :]  # without a dot there it stays too long
    if "\\" not in name:
        return askable_name(name)
    # A local part may bring one in, as a character like others; in the text of a question it begins an escape.
    return askable_name(name.replace("\\", "_")) and name.removesuffix(".").lower().replace("\\", "\\\\")


def expand_text(string: MacroString, values: Values, most: int) -> str:
    """An explanation of at most `most` characters."""
    taken: list[str] = []
    length = 0
    for piece in string.pieces:
        taken.append(values.expand(piece))
        length += len(taken[-1])
        if length > most:
            return "".join(taken)[: most - 3] + "..."
    return "".join(taken)
