"""A few words of a message's text, for a list of messages (RFC 8970 §3).

Owns: choosing which body part the words come from, and what to leave out of its text. Never: decodes octets, knows
HTML (search_text does both). Raises: nothing.
"""

import re
import unicodedata

from .structure import Kind, Part

_LOOKED_AT = (2, 20)  # characters of text gone through for each one of the preview; the second when many are quotes
_SUBTYPES = {b"plain": 3, b"html": 2, b"markdown": 2, b"enriched": 1}
_ATTRIBUTION = re.compile(r"(?:On|Am|Le|El|Il|Op)\b.*(?::|wrote|writes|schrieb|écrit)\s*:?")
_SIGNED, _ENCRYPTED = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP MESSAGE-----"
_ARMOUR_FIELDS = ("Hash:", "Charset:", "NotDashEscaped:")
# Senders put hundreds of these behind their first words so that a preview shows nothing else.
_FILLERS = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2800\u3164\ufeff"
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_JOINERS = "\u200d\ufe0e\ufe0f"
_MAX_COMBINING = 32  # characters that a cut gives way to


def rank(part: Part, parent: Part | None) -> int:
    """How good a part is as the source of a preview: 0 not at all. Of equal ones the first counts.

    RFC 2046 §5.1.4 has the plainest alternative first, yet some senders turn them round, so within a
    multipart/alternative text/plain is better than what came before it; elsewhere the first text is what is seen first.
    """
    if part.kind is not Kind.LEAF or not part.is_text:
        return 0
    if part.disposition is not None and part.disposition[0].lower() == b"attachment":
        return 0
    value = _SUBTYPES.get(part.subtype.lower(), 0)
    return value if not value or _is_alternative(parent) else 4


def _is_alternative(parent: Part | None) -> bool:
    return parent is not None and parent.kind is Kind.MULTIPART and parent.subtype.lower() == b"alternative"


def preview(text: str, limit: int) -> str:
    """The first words of `text`, at most `limit` characters. `text` is plain: HTML has been reduced."""
    found = ""
    for times in _LOOKED_AT:
        piece = text[: limit * times]
        lines = piece.splitlines()
        found = _words(_without_quotes(lines), limit) or _words(_without_armour(lines), limit)
        if len(found) > limit or len(piece) == len(text):
            break
    return _cut(found, limit)


def _without_armour(lines: list[str]) -> list[str]:
    """Without what OpenPGP puts around a text. Of an encrypted one nothing is left (RFC 8970 §3.2)."""
    first = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines) or lines[first].startswith(_ENCRYPTED):
        return []
    if lines[first].startswith(_SIGNED):
        first += 1
        while first < len(lines) and lines[first].startswith(_ARMOUR_FIELDS):
            first += 1
    return lines[first:]


def _without_quotes(lines: list[str]) -> list[str]:
    """Without lines that quote another message, the line that says whom, and the signature (RFC 3676 §4.3, §4.5)."""
    kept: list[str] = []
    for line in _without_armour(lines):
        if line.startswith(">"):
            while kept and not kept[-1].strip():
                kept.pop()
            if kept and _ATTRIBUTION.fullmatch(kept[-1].strip()):
                kept.pop()
        elif line == "-- " or line.startswith("-----BEGIN PGP SIGNATURE-----"):
            break
        else:
            kept.append(line)
    return kept


def _words(lines: list[str], limit: int) -> str:
    """Words for `limit` characters and a few more."""
    words: list[str] = []
    room = limit
    for line in lines:
        found = line.split()
        if not (line.isascii() and line.isprintable()):
            found = [word.translate(_CONTROLS) for word in found if word.translate(_CONTROLS).strip(_FILLERS)]
        words += found
        room -= sum(map(len, found)) + len(found)
        if room < 0:
            break
    return " ".join(words)


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, not ending within what a reader sees as one."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # lone surrogates have no place in UTF-8
    if len(text) <= limit:
        return text
    cut = limit
    while limit - _MAX_COMBINING < cut > 0 and _goes_on(text, cut):
        cut -= 1
    return text[:cut].rstrip()


def _goes_on(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it."""
    return unicodedata.combining(text[at]) > 0 or text[at] in _JOINERS or text[at - 1] == "\u200d"
