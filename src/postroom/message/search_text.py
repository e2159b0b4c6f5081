"""The text of a body part, for SEARCH.

Owns: undoing the transfer encoding, the charset, HTML, and folding the result. Never: holds more than it was given; the
scanner bounds that. Raises: nothing.

HTML is reduced with a few linear passes instead of a tree: a tree of nested elements that a sender made up can take
minutes and fifty times the memory, and SEARCH needs words, not structure.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from html import unescape

from .casemap import fold
from .charset import decode_text

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_HIDDEN = re.compile(r"<(?:!--|(script|style|template)\b)", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:p|br|div|tr|td|th|li|ul|ol|dl|dt|dd|h[1-6]|table|blockquote|pre|hr|title|head|body|html|section|article"
    r"|header|footer|option|address|center|form|caption)\b[^<>]*>?",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*>?")
_SPACES = re.compile(r"[ \t\xa0]*\n\s*|[ \t\xa0]{2,}")


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
    """What a reader sees of an HTML text, roughly: tags gone, block elements as line ends, entities decoded."""
    if _HIDDEN.search(html):
        html = _without_hidden(html)
    text = _TAG.sub("", _BLOCK_TAG.sub("\n", html))
    if "&" in text:
        text = unescape(text)
    return _SPACES.sub(lambda found: "\n" if "\n" in found[0] else " ", text).strip()


def _without_hidden(html: str) -> str:
    """Leave out comments, scripts and style sheets; an unclosed one hides the rest, as in browsers."""
    low = html.lower()
    if len(low) != len(html):  # a few letters grow in lower case, then offsets would not fit
        low = html
    out: list[str] = []
    at = 0
    while found := _HIDDEN.search(html, at):
        out.append(html[at : found.start()])
        element = found[1]
        close = low.find("-->" if element is None else "</" + element.lower(), found.end())
        if close < 0:
            return " ".join(out)
        at = close + 3 if element is None else low.find(">", close) + 1
        if not at:
            return " ".join(out)
    out.append(html[at:])
    return " ".join(out)


def part_text(raw: bytes, encoding: bytes, charset: str, is_html: bool, limit: int) -> tuple[str, int]:
    """The folded text of a part's (possibly cut) raw octets, and how many decoded octets it took, at most `limit`."""
    octets = decode_transfer(raw, encoding)[:limit]
    text = decode_text(octets, charset)
    if is_html:
        text = html_text(text)
    elif "\r" in text:
        text = text.replace("\r\n", "\n")
    return fold(text), len(octets)
