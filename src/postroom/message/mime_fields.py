"""Content-Type, Content-Disposition and their sister fields (RFC 2045, 2183, 2231).

Owns: splitting such a field into its value and parameters. Never: decodes a parameter's charset (IMAP clients do that;
`decoded_param` is for our own search text). Raises: nothing; what cannot be read is left out.
"""

import re
from urllib.parse import unquote_to_bytes

from .charset import decode_text
from .encoded_words import decode_field

Params = list[tuple[bytes, bytes]]

_TOKEN = rb"[^\s()<>@,;:\\\"/\[\]?=\0-\x1f]+"
_VALUE_CHARS = rb"[^\s;\"(),]+"  # wider than a token: unquoted values with "/", ":", "=" … are common (boundary=a=b)
_TYPE = re.compile(rb"\s*(" + _TOKEN + rb")\s*/\s*(" + _TOKEN + rb")\s*(?=[;(]|$|\s)")
_WORD = re.compile(rb"\s*(" + _TOKEN + rb")\s*")
_PARAM = re.compile(
    rb"(" + _TOKEN + rb")\s*=\s*(?:\"((?:[^\"\\]|\\.)*)(?:\"|$)|(" + _VALUE_CHARS + rb"))?[^;\"]*", re.DOTALL
)
_SEPARATORS = re.compile(rb"[;\s]*+")
_NEXT = re.compile(rb"[^;]*;?")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_SECTION = re.compile(rb"([^*]+)\*(\d{1,4})(\*?)")  # RFC 2231 §3: name*0, name*1*
_MAX_PARAMS = 200


def strip_comments(value: bytes) -> bytes:
    """`value` without its comments (RFC 5322 §3.2.2), which nest; quoted strings keep their parentheses."""
    if b"(" not in value:
        return value
    out: list[bytes] = []
    depth, quoted, at = 0, False, 0
    for found in re.finditer(rb"\\.|[()\"]", value, re.DOTALL):
        mark = found[0]
        if mark == b'"' and not depth:
            quoted = not quoted
        elif mark == b"(" and not quoted:
            if not depth:
                out.append(value[at : found.start()])
            depth += 1
        elif mark == b")" and depth:
            depth -= 1
            if not depth:
                at = found.end()
                out.append(b" ")
    if not depth:
        out.append(value[at:])
    return b"".join(out)


def parse_content_type(value: bytes) -> tuple[bytes, bytes, Params] | None:
    """Type, subtype and parameters as written; None when there is no type/subtype (RFC 2045 §5.1)."""
    value = strip_comments(value)
    found = _TYPE.match(value)
    if not found:
        return None
    return found[1], found[2], _parse_params(value, found.end())


def parse_disposition(value: bytes) -> tuple[bytes, Params] | None:
    """Disposition type and parameters (RFC 2183 §2)."""
    value = strip_comments(value)
    found = _WORD.match(value)
    if not found:
        return None
    return found[1], _parse_params(value, found.end())


def only_token(value: bytes) -> bytes | None:
    """The token a field consists of (Content-Transfer-Encoding, RFC 2045 §6.1); None when there is more in it."""
    found = _WORD.fullmatch(strip_comments(value))
    return found[1] if found else None


def language_tags(value: bytes) -> list[bytes]:
    """Content-Language's tags (RFC 3282 §2)."""
    return [tag for part in strip_comments(value).split(b",") if (tag := part.strip())][:_MAX_PARAMS]


def _parse_params(value: bytes, at: int) -> Params:
    params: Params = []
    while len(params) < _MAX_PARAMS:
        if separators := _SEPARATORS.match(value, at):  # apart: tried anew from each of many they take quadratic time
            at = separators.end()
        if at >= len(value):
            break
        found = _PARAM.match(value, at)
        if not found:
            skip = _NEXT.match(value, at)
            at = skip.end() if skip and skip.end() > at else len(value)
            continue
        quoted, plain = found[2], found[3]
        if quoted is not None:
            params.append((found[1], _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted))
        elif plain is not None:
            params.append((found[1], plain))
        at = found.end()
    if any(b"*" in name for name, _ in params):
        return _join_sections(params)
    return params


def _join_sections(params: Params) -> Params:
    """Put continued parameters together (RFC 2231 §3), as "name", or "name*" when a section is percent-encoded.

    The charset'language' prefix and the percent-encoding stay: IMAP clients get them as they are and decode.
    """
    sections: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    out: Params = []
    places: dict[bytes, int] = {}
    for name, value in params:
        found = _SECTION.fullmatch(name)
        if not found:
            out.append((name, value))
            continue
        base = found[1].lower()
        if base not in sections:
            sections[base] = {}
            places[base] = len(out)
            out.append((found[1], b""))
        sections[base].setdefault(int(found[2]), (value, bool(found[3])))
    for base, numbered in sections.items():
        pieces: list[tuple[bytes, bool]] = []
        while (piece := numbered.get(len(pieces))) is not None:
            pieces.append(piece)
        encoded = any(flag for _, flag in pieces)
        joined = b"".join([_percent(text) if encoded and not flag else text for text, flag in pieces])
        out[places[base]] = (out[places[base]][0] + (b"*" if encoded else b""), joined)
    return [(name, value) for name, value in out if value or name.lower() not in sections]


def _percent(text: bytes) -> bytes:
    """A plain section among percent-encoded ones."""
    return text.replace(b"%", b"%25") if b"%" in text else text


def param(params: Params, name: bytes) -> bytes | None:
    """The first parameter of that lower-case name."""
    for key, value in params:
        if key.lower() == name:
            return value
    return None


def decoded_param(params: Params, name: bytes) -> str:
    """A parameter as Unicode text, for search: RFC 2231 §4, or the encoded words that many senders use instead."""
    for key, value in params:
        low = key.lower()
        if low == name + b"*":
            charset, _, rest = value.partition(b"'")
            return decode_text(unquote_to_bytes(rest.partition(b"'")[2]), charset.decode("latin-1"))
        if low == name:
            return decode_field(value)
    return ""
