"""The text of a body part, for SEARCH and PREVIEW.

Owns: undoing the transfer encoding, the charset, HTML. Never: folds case (PREVIEW shows it), holds more than it was
given; the scanner bounds that. Raises: nothing.

HTML is reduced with a few linear passes instead of a tree: a tree of nested elements that a sender made up can take
minutes and fifty times the memory, and SEARCH needs words, not structure.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from html.entities import html5

from .charset import decode_text

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_HIDDEN = re.compile(r"<(?:!--|(script|style|template|title)\b)", re.IGNORECASE)
_CLOSE = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "template", "title")}
_TAG = re.compile(r"<(?:/?([A-Za-z][A-Za-z0-9]*)[^<>]*>?|[/!?][^<>]*>?)")
# Elements that may stand within a word; any other tag parts words.
_INLINE = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr o q s samp small span strike"
    " strong sub sup time tt u var wbr"
)
_PIECE = 32768  # characters of HTML reduced at a time
_BETWEEN = dict.fromkeys((_INLINE + " " + _INLINE.upper()).split(), "")


_ENTITY = re.compile(r"&(?:#(?:([0-9]{1,7})|[Xx]([0-9A-Fa-f]{1,6}))|([A-Za-z][A-Za-z0-9]{1,31}));?")
# As written (&Eacute; is not &eacute;), and in lower case for those who shout.
_NAMED = {name.rstrip(";"): character for name, character in html5.items()}
_NAMED_LOOSELY = {name.rstrip(";").lower(): character for name, character in sorted(html5.items())}


def raw_room(octets: int, encoding: bytes) -> int:
    """How many encoded octets are worth keeping for `octets` decoded ones."""
    if encoding == b"base64":
        return octets * 3 // 2 + 4  # 4/3, and line ends
    return octets * 3 if encoding == b"quoted-printable" else octets


def decode_transfer(raw: bytes, encoding: bytes) -> bytes:
    """Undo a Content-Transfer-Encoding (lower case; RFC 2045 §6), tolerating damage."""
    if encoding == b"base64":
        return decode_base64(raw)
    if encoding == b"quoted-printable":
        return a2b_qp(raw)
    return raw


def decode_base64(raw: bytes) -> bytes:
    """RFC 2045 §6.8: octets outside the alphabet are skipped; a cut or badly padded end gives what it holds."""
    try:
        return a2b_base64(raw)
    except Base64Error:
        kept = _NOT_BASE64.sub(b"", raw.partition(b"=")[0])
        return a2b_base64(kept[: len(kept) // 4 * 4])


def html_text(html: str) -> str:
    """The text that a reader sees of an HTML text, roughly: tags gone, entities decoded, white space collapsed."""
    html = _without_hidden(html)
    if len(html) <= _PIECE:
        return _without_tags(html)
    texts: list[str] = []
    at = 0
    while at < len(html):
        cut = at + _PIECE
        if cut < len(html) and (tag := html.rfind("<", at + 1, cut)) > 0:
            cut = tag  # no tag is cut: none contains a "<"
        texts.append(_without_tags(html[at:cut]))
        at = cut
    return " ".join(texts)


def _without_tags(html: str) -> str:
    pieces = _TAG.split(html)  # text, element, text, element …
    pieces[1::2] = [_BETWEEN.get(element, " ") for element in pieces[1::2]]
    text = "".join(pieces)
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    return " ".join(text.split())


def _character(found: re.Match[str]) -> str:
    """The character of an entity or a numeric reference; what is none stays as it is."""
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        return _NAMED.get(name) or _NAMED_LOOSELY.get(name.lower(), found[0])
    point = int(decimal) if decimal else int(hexadecimal, 16)
    if 0x80 <= point < 0xA0:  # written by those who mean Windows-1252
        return bytes((point,)).decode("cp1252", "replace")
    return chr(point) if 0 < point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else "\ufffd"


def _without_hidden(html: str) -> str:
    """Leave out comments, scripts, style sheets and the title; an unclosed one hides the rest, as in browsers."""
    out: list[str] = []
    at = 0
    while found := _HIDDEN.search(html, at):
        out.append(html[at : found.start()])
        if found[1] is None:
            close, mark = html.find("-->", found.end()), 3
        else:
            end = _CLOSE[found[1].lower()].search(html, found.end())
            close, mark = (html.find(">", end.end()) if end else -1), 1
        if close < found.end():
            return " ".join(out)
        at = close + mark
    out.append(html[at:])
    return " ".join(out)


def part_text(raw: bytes, encoding: bytes, charset: str, is_html: bool, limit: int) -> tuple[str, int]:
    """The text of a part's (possibly cut) raw octets, and how many octets they are once decoded; no more than `limit`
    of these are in the text."""
    octets = decode_transfer(raw, encoding)
    text = decode_text(octets[:limit], charset)
    if is_html:
        text = html_text(text)
    elif "\r" in text:
        text = text.replace("\r\n", "\n")
    return text, len(octets)
