"""Header text with encoded words (RFC 2047).

Owns: decoding of unstructured header text to Unicode, encoding of text that ASCII cannot hold. Never: parses addresses.
Raises: nothing; what cannot be decoded stays as it was written.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp, b2a_base64

from .charset import decode_text, decode_unlabelled, is_known

# RFC 2047 §2; "*lang" after the charset is RFC 2231 §5. Spaces inside are against the RFC but common in the wild.
_WORD = re.compile(r"=\?([^?*=\s]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?\r\n]*)\?=")
_BETWEEN_WORDS = re.compile(r"\?=[ \t\r\n]+(?==\?[^?\s]{1,120}\?[bBqQ]\?[^?\r\n]*\?=)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")

_MAX_WORD = 75  # RFC 2047 §2
_PREFIX_B, _PREFIX_Q, _SUFFIX = "=?utf-8?b?", "=?utf-8?q?", "?="


def decode_words(text: str) -> str:
    """`text` with its encoded words decoded; white space between adjacent encoded words goes (RFC 2047 §6.2)."""
    if "=?" not in text:
        return text
    out: list[str] = []
    octets, charset = b"", ""  # of a run of adjacent words in one charset: a character may be split between them
    at = 0
    text = _BETWEEN_WORDS.sub("?=", text)
    for found in _WORD.finditer(text):
        name = found[1].lower()
        decoded = _word_octets(found[2], found[3])
        if decoded is None or not is_known(name):
            continue
        if octets and (found.start() != at or name != charset):
            out.append(_one_line(decode_text(octets, charset)))
            octets = b""
        if found.start() != at:
            out.append(text[at : found.start()])
        octets, charset, at = octets + decoded, name, found.end()
    if octets:
        out.append(_one_line(decode_text(octets, charset)))
    out.append(text[at:])
    return "".join(out)


def _one_line(text: str) -> str:
    """Encoded line ends must not make new lines (they could fake a field)."""
    return text.replace("\r", " ").replace("\n", " ") if "\n" in text or "\r" in text else text


def _word_octets(encoding: str, encoded: str) -> bytes | None:
    try:
        raw = encoded.encode("ascii")
    except UnicodeEncodeError:
        return None
    if encoding in "qQ":
        return a2b_qp(raw.replace(b" ", b"_"), header=True)  # RFC 2047 §4.2
    raw = _NOT_BASE64.sub(b"", raw)
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    try:
        return a2b_base64(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return None


def decode_field(value: bytes) -> str:
    """An unfolded field body as Unicode text."""
    text = value.decode("ascii") if value.isascii() else decode_unlabelled(value)
    return decode_words(text) if "=?" in text else text


def encode_text(text: str) -> str:
    """`text` for an unstructured field or a phrase: as it is when ASCII, else UTF-8 encoded words joined by spaces."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text
    letters = sum(1 for c in text if c.isascii() and (c.isalnum() or c == " "))
    words = _q_words(text) if letters * 2 > len(text) else _b_words(text)
    return " ".join(words)


def _b_words(text: str) -> list[str]:
    room = (_MAX_WORD - len(_PREFIX_B) - len(_SUFFIX)) // 4 * 3
    words, octets = [], b""
    for c in text:
        one = c.encode("utf-8", "replace")
        if octets and len(octets) + len(one) > room:  # RFC 2047 §5: no character is split between words
            words.append(octets)
            octets = b""
        octets += one
    words.append(octets)
    return [_PREFIX_B + b2a_base64(word, newline=False).decode() + _SUFFIX for word in words]


def _q_words(text: str) -> list[str]:
    room = _MAX_WORD - len(_PREFIX_Q) - len(_SUFFIX)
    words, line = [], ""
    for c in text:
        # RFC 2047 §5 (3): within a phrase only these characters may stand for themselves.
        if c == " ":
            one = "_"
        elif c.isascii() and (c.isalnum() or c in "!*+-/"):
            one = c
        else:
            one = "".join(f"={octet:02X}" for octet in c.encode("utf-8", "replace"))
        if line and len(line) + len(one) > room:
            words.append(line)
            line = ""
        line += one
    words.append(line)
    return [_PREFIX_Q + word + _SUFFIX for word in words]
