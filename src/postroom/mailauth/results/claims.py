"""Whose Authentication-Results a field claims to be, however it spells that: forged ones of our name are removed.

Owns: the comparison of authserv-ids, and every reading that a consumer might make of one (RFC 8601 §5). Never: reads
results. Raises: nothing. A field that cannot be read counts as ours when our name stands where the id would: what is
removed too much is a field that nobody could have read.
"""

import binascii
import re
import unicodedata
from collections.abc import Collection

from .reading import MAX_FIELD_OCTETS, Reader, Unreadable

MAX_ID = 255  # characters of an id that are compared
MAX_START_OCTETS = 8192  # that are searched for our name, where it cannot be read what the id is
MAX_CLAIMED = 1024  # octets that are looked at to tell an id that cannot be read
MAX_ODDITIES = 20  # parentheses, encoded words, A-labels, in those octets
_ID = re.compile(r"[\w.-]+")  # that nobody would read in another way
_ODD = re.compile(rb"\r(?!\n)|\n(?![ \t])|\x00")  # where some would see the end of the field
_LINE_ENDS = re.compile(rb"\r?\n")
_DOTS = re.compile("[\u3002\uff0e\uff61]")  # IDNA takes them for dots
_ENCODED_WORD = re.compile(rb"=\?[^?\s]{1,80}\?([BbQq])\?([^?\s]{0,400})\?=")
_ESCAPED = re.compile(rb"=([0-9A-Fa-f]{2})")
_A_LABEL = re.compile(r"xn--[a-z0-9-]{1,59}")
_PUNCTUATION = str.maketrans("", "", " \t\r\n\v\f\"'\\()<>@[],:/")
# What is not seen: controls, and the default ignorable code points of Unicode.
_INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)


def canonical(authserv_id: str) -> str:
    """An id as ids are compared: no case, U-labels (RFC 8601 §5), nothing invisible, one form of what looks alike."""
    text = _plain(authserv_id[:MAX_ID])
    if "xn--" in text:
        text = _plain(".".join([_label(label) for label in text.split(".")]))
    return text.strip(" .")


def _plain(text: str) -> str:
    """One form for what looks alike: no case, no widths, one dot, nothing invisible."""
    if not text.isascii():
        text = _DOTS.sub(".", unicodedata.normalize("NFKC", text))
        text = unicodedata.normalize("NFKC", text.casefold())
    if not text.isascii() or not text.isprintable():
        text = _INVISIBLE.sub("", text)
    return text.casefold()


def _label(label: str) -> str:
    if label.startswith("xn--") and len(label) <= 63:
        try:
            return label[4:].encode("ascii").decode("punycode")
        except (UnicodeError, ValueError, OverflowError):
            return label
    return label


def claims(value: bytes) -> str | None:
    """The id that the field claims, as `canonical` has it; None when there is nothing that could be one.

    To find forgeries ask `claimed`, which also counts what is not quite our name.
    """
    value = value[:MAX_FIELD_OCTETS]
    found = _read(value)
    if found is None:
        start = value.lstrip(b" \t\r\n;").partition(b";")[0]
        found = _decode(start[:MAX_CLAIMED]).translate(_PUNCTUATION)
    return canonical(found) or None


def claimed(value: bytes, ours: Collection[str]) -> bool:
    """Whether an Authentication-Results field has to go because it claims one of these ids (RFC 8601 §5).

    `value` is the field's, folded or not; `ours` the ids that we write, in any spelling.
    """
    names = [name for name in map(canonical, ours) if name]
    if len(value) > MAX_FIELD_OCTETS:
        return True  # nobody has a use for it, and it is not worth its reading
    found = _read(value)
    if found is not None and _ID.fullmatch(found):
        return canonical(found) in names
    value = value.lstrip(b" \t\r\n;")
    text = value if _ODD.search(value) else value.partition(b";")[0]
    if len(text) > MAX_START_OCTETS or sum(map(text.lower().count, (b"(", b")", b"=?", b"xn--"))) > MAX_ODDITIES:
        return True
    start = _decode(text)
    readings = (start, start.translate(_PUNCTUATION), _without_comments(start).translate(_PUNCTUATION))
    return any(name in _comparable(reading) for reading in readings for name in names)


def _read(value: bytes) -> str | None:
    """The id, when the field is by the grammar as far as that goes, and cannot be read in two ways."""
    if _ODD.search(value.strip(b"\r\n")) or b"=?" in value.partition(b";")[0]:
        return None
    reader = Reader(_LINE_ENDS.sub(b"", value).decode("utf-8", "replace"))
    try:
        return reader.head()[0]
    except Unreadable:
        return None


def _decode(text: bytes) -> str:
    return _ENCODED_WORD.sub(_decoded, text).decode("utf-8", "replace")


def _decoded(word: re.Match[bytes]) -> bytes:
    if word[1] in b"Bb":
        try:
            return binascii.a2b_base64(word[2])
        except binascii.Error:
            return word[0]
    return _ESCAPED.sub(lambda octet: bytes([int(octet[1], 16)]), word[2].replace(b"_", b" "))


def _without_comments(text: str) -> str:
    """Without what stands in parentheses, as far as they are closed."""
    depth, kept = 0, []
    for piece in re.split(r"([()])", text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def _comparable(text: str) -> str:
    """Of a text of any length what `canonical` is of an id."""
    text = _plain(text)
    if "xn--" in text:
        text += "\n" + _plain(_A_LABEL.sub(lambda label: _label(label[0]), text))
    return text
