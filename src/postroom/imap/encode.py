"""Responses on their way out (RFC 3501 §7, §9 response).

Owns: the octets of every response line. Never: decides what to answer. Raises: nothing.

Functions return whole lines with their CRLF, except those named after a part of one (`quoted`, `literal`, `flag_list`,
`..._code`). For answers by the thousand there are ready formats: `b"".join([UID_FLAGS % row for row in rows])`.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache

import msgspec

from .seqset import write
from .types import Bad, Fatal
from .utf7 import encode as utf7

_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")  # 1*ASTRING-CHAR
_QUOTABLE = re.compile(rb"[\x20-\x7e\t]*")
_UTF8_QUOTABLE = re.compile(rb"[\x20-\x7e\t\x80-\xff]{0,1024}")
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_EPOCH = date(1970, 1, 1).toordinal()
_MAX_QUOTED = 1024
_JSON = msgspec.json.Encoder()

# ---- rows, for % with a tuple: (number, …)

FLAGS = b"* %d FETCH (FLAGS (%b))\r\n"  # number, flags
UID_FLAGS = b"* %d FETCH (UID %d FLAGS (%b))\r\n"  # number, uid, flags
FETCH = b"* %d FETCH (%b)\r\n"  # number, items
EXPUNGE = b"* %d EXPUNGE\r\n"  # number
EXISTS = b"* %d EXISTS\r\n"
RECENT = b"* %d RECENT\r\n"

# ---- strings


def quoted(text: bytes) -> bytes:
    """A quoted string; only for octets that can stand in one."""
    if b"\\" in text or b'"' in text:
        text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%b"' % text


def literal(text: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(text), text)


def string(text: bytes) -> bytes:
    """quoted where that is possible and short, else a literal."""
    if len(text) <= _MAX_QUOTED and _QUOTABLE.fullmatch(text):
        return quoted(text)
    return literal(text)


def nstring(text: bytes | None) -> bytes:
    return b"NIL" if text is None else string(text)


def astring(text: bytes) -> bytes:
    """The shortest form; never the atom NIL, which some readers take for the absence of a string."""
    if _ATOM.fullmatch(text) and text.upper() != b"NIL":
        return text
    return string(text)


@lru_cache(maxsize=1024)
def mailbox(name: str, utf8: bool = False) -> bytes:
    """A mailbox name, in modified UTF-7 or (RFC 6855 §3, RFC 9051 §5.1) in UTF-8."""
    if utf8 and not (name.isascii() and name.isprintable()):
        return utf8_string(name)
    return astring(name.encode("ascii") if utf8 else utf7(name))


def utf8_string(text: str) -> bytes:
    """A quoted string of UTF-8 where it can be one (RFC 9051 §4.3), else a literal."""
    raw = text.encode("utf-8", "replace")
    return quoted(raw) if _UTF8_QUOTABLE.fullmatch(raw) else literal(raw)


def flag_list(flags: Iterable[str]) -> bytes:
    """(\\Seen $Work)"""
    return b"(%b)" % " ".join(flags).encode("ascii", "replace")


@lru_cache(maxsize=4096)
def _day(days: int) -> bytes:
    day = date.fromordinal(min(max(days + _EPOCH, 1), date.max.toordinal()))
    return b"%2d-%b-%04d" % (day.day, _MONTHS[day.month - 1], day.year)


def date_time(seconds: int) -> bytes:
    """date-time, in universal time: " 1-Feb-1994 05:52:25 +0000" with its quotes."""
    days, rest = divmod(seconds, 86400)
    return b'"%b %02d:%02d:%02d +0000"' % (_day(days), rest // 3600, rest // 60 % 60, rest % 60)


# ---- status responses (RFC 3501 §7.1)


def _text(text: str) -> bytes:
    """resp-text: never empty, no line ends, US-ASCII."""
    raw = text.encode("ascii", "replace").replace(b"\r", b" ").replace(b"\n", b" ").replace(b"\0", b" ")
    return raw.lstrip(b"[") or b"done"


def tagged(tag: bytes, status: bytes, text: str, code: bytes = b"") -> bytes:
    """`tag OK [code] text`"""
    if code:
        return b"%b %b [%b] %b\r\n" % (tag, status, code, _text(text))
    return b"%b %b %b\r\n" % (tag, status, _text(text))


def ok(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return tagged(tag, b"OK", text, code)


def no(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return tagged(tag, b"NO", text, code)


def bad(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return tagged(tag, b"BAD", text, code)


def untagged(status: bytes, text: str, code: bytes = b"") -> bytes:
    """`* OK [code] text`"""
    return tagged(b"*", status, text, code)


def bye(text: str, code: bytes = b"") -> bytes:
    return tagged(b"*", b"BYE", text, code)


def answer(event: Bad | Fatal) -> bytes:
    """The reply that the engine's bad news ask for."""
    if isinstance(event, Bad):
        return tagged(event.tag, event.status, event.text, event.code)
    return bye(event.text, event.code)


def continuation(text: str = "") -> bytes:
    """`+ text`"""
    return b"+ %b\r\n" % (_text(text) if text else b"")


def challenge(octets: bytes) -> bytes:
    """`+ base64`: a SASL challenge; the space stays when it is empty (RFC 3501 §9 continue-req)."""
    return b"+ %b\r\n" % b2a_base64(octets, newline=False)


# ---- response codes, without brackets


def appenduid_code(uid_validity: int, uids: Iterable[int]) -> bytes:
    """RFC 4315 §3; several UIDs for RFC 3502."""
    return b"APPENDUID %d %b" % (uid_validity, write(uids))


def copyuid_code(uid_validity: int, source: Iterable[int], target: Iterable[int]) -> bytes:
    """RFC 4315 §3; b"" when nothing was copied."""
    old, new = write(source), write(target)
    return b"COPYUID %d %b %b" % (uid_validity, old, new) if old else b""


def capability_code(capabilities: Iterable[bytes]) -> bytes:
    return b"CAPABILITY " + b" ".join(capabilities)


def permanentflags_code(flags: Iterable[str], new_keywords: bool) -> bytes:
    r"""PERMANENTFLAGS; "\*": keywords can be made by using them."""
    return b"PERMANENTFLAGS " + flag_list((*flags, "\\*") if new_keywords else flags)


# ---- data responses (RFC 3501 §7.2)


def capability(capabilities: Iterable[bytes]) -> bytes:
    return b"* CAPABILITY %b\r\n" % b" ".join(capabilities)


def enabled(capabilities: Iterable[bytes]) -> bytes:
    """RFC 5161 §3.2"""
    return b" ".join((b"* ENABLED", *capabilities)) + b"\r\n"


def identification(fields: Sequence[tuple[bytes, bytes | None]] | None) -> bytes:
    """RFC 2971 §3.2"""
    if not fields:
        return b"* ID NIL\r\n"
    return b"* ID (%b)\r\n" % b" ".join(b"%b %b" % (string(name), nstring(value)) for name, value in fields)


def namespace(
    personal: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]] = (), shared: Sequence[tuple[str, str]] = ()
) -> bytes:
    """RFC 2342 §5: each namespace as (prefix, delimiter)."""
    return b"* NAMESPACE %b %b %b\r\n" % (_namespaces(personal), _namespaces(others), _namespaces(shared))


def _namespaces(spaces: Sequence[tuple[str, str]]) -> bytes:
    if not spaces:
        return b"NIL"
    return b"(%b)" % b"".join(
        b"(%b %b)" % (string(utf7(prefix)), quoted(delimiter.encode("ascii", "replace")))
        for prefix, delimiter in spaces
    )


def flags(names: Iterable[str]) -> bytes:
    return b"* FLAGS %b\r\n" % flag_list(names)


def list_line(attributes: Iterable[str], name: bytes, *, lsub: bool = False, more: bytes = b"") -> bytes:
    """A LIST or LSUB response; `name` as `mailbox` makes it, `more`: extended items ready to send (RFC 5258 §6)."""
    return b'* %b %b "/" %b%b\r\n' % (b"LSUB" if lsub else b"LIST", flag_list(attributes), name, more)


def status_line(name: bytes, items: Iterable[bytes]) -> bytes:
    """A STATUS response; `name` as `mailbox` makes it, items ready to send: b"MESSAGES 3"."""
    return b"* STATUS %b (%b)\r\n" % (name, b" ".join(items))


def search_pieces(
    numbers: Sequence[int], size: int = 8192, modseq: int = 0, name: bytes = b"SEARCH"
) -> Iterator[bytes]:
    """One SEARCH or SORT response, in pieces of at most `size` numbers; with the highest modseq (RFC 7162 §3.1.6)."""
    yield b"* " + name
    for start in range(0, len(numbers), size):
        # As JSON they are [1,2,3], which is made eight times as fast as by str.
        yield b" " + _JSON.encode(list(numbers[start : start + size]))[1:-1].replace(b",", b" ")
    yield b" (MODSEQ %d)\r\n" % modseq if modseq and numbers else b"\r\n"


def search_line(numbers: Sequence[int]) -> bytes:
    """The same in one."""
    return b"".join(search_pieces(numbers))
