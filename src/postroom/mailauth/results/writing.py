"""Authentication-Results and ARC-Authentication-Results as octets (RFC 8601, RFC 8617 §4.1.1).

Owns: quoting and folding, so that no value can end the field, or say more than it is. Raises: ValueError, on a keyword
that is none.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from postroom.mailauth.domains import domain_name

from .types import MAX_INSTANCE, MethodResult

MAX_VALUE_OCTETS = 400  # written; what is longer is cut, so that no line can come near 998 (RFC 5322 §2.1.1)
MAX_LINE = 77  # written, where a value without a space is not longer itself
_MAX_KEPT = 256  # keywords that are known to be some
MAX_NAME = 255  # of a domain that is written in ASCII

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*+")
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")  # RFC 2045 §5.1
_KEYWORD = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?")  # RFC 5321 §4.1.2
_NON_ASCII = "\u0080-\U0010ffff"  # RFC 6531 §3.3, RFC 8616 §3
_LABEL = rf"[0-9A-Za-z_{_NON_ASCII}](?:[0-9A-Za-z_{_NON_ASCII}-]*[0-9A-Za-z_{_NON_ASCII}])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*+"
_ATOM = rf"[!#$%&'*+\-/0-9=?A-Z^_`a-z{{|}}~{_NON_ASCII}]++"
_QUOTED_LOCAL = r'"(?:[^"\\]|\\.)*+"'
_IDENTITY = re.compile(rf"(?:(?:{_ATOM}(?:\.{_ATOM})*+|{_QUOTED_LOCAL})?@)?{_DOMAIN}")


def field(authserv_id: str, results: Sequence[MethodResult], *, utf8: bool = False) -> bytes:
    """The whole field, CRLF at its end. Nothing in a value can end it, or add a result to it.

    `utf8`: the message is an internationalised one (RFC 6532), so that names may be written as they are; else domains
    are written as A-labels, and other characters outside ASCII as "?". Raises ValueError.
    """
    return _field("Authentication-Results: ", authserv_id, results, utf8)


def arc_field(instance: int, authserv_id: str, results: Sequence[MethodResult], *, utf8: bool = False) -> bytes:
    """The whole ARC-Authentication-Results field (RFC 8617 §4.1.1), CRLF at its end. Raises ValueError."""
    if not 1 <= instance <= MAX_INSTANCE:
        raise ValueError(f"not an instance: {instance}")
    return _field(f"ARC-Authentication-Results: i={instance}; ", authserv_id, results, utf8)


def _field(start: str, authserv_id: str, results: Sequence[MethodResult], utf8: bool) -> bytes:
    statements = [_words(result, utf8) for result in results] or [["none"]]
    lines = _lines(f"{start}{_written(authserv_id, utf8, bare=_TOKEN)}".split(" "))
    for words in statements:
        lines[-1] += ";"
        lines += _lines(["", *words])
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")


def _lines(words: list[str]) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if lines[-1].strip() and len(lines[-1]) + 2 + len(word) > MAX_LINE:  # a semicolon may follow
            lines.append("")
        lines[-1] += " " + word
    return lines


def _words(result: MethodResult, utf8: bool) -> list[str]:
    """One statement, at whose spaces a line may be folded, those in quoted strings too (RFC 5322 §3.2.4)."""
    text = f"{_keyword(result.method)}={_keyword(result.result)}"
    if result.reason:
        text += f" reason={_quoted(_clean(result.reason, utf8))}"
    for ptype, name, value in result.properties:
        text += f" {_keyword(ptype)}.{_keyword(name)}={_written(value, utf8, bare=_IDENTITY)}"
    return text.split(" ")


@lru_cache(_MAX_KEPT)
def _keyword(text: str) -> str:
    if not _KEYWORD.fullmatch(text):
        raise ValueError(f"not a keyword: {text[:80]!r}")
    return text


def _written(value: str, utf8: bool, bare: re.Pattern[str]) -> str:
    """A value or pvalue (RFC 8601 §2.2): bare when the grammar lets it, or else quoted."""
    text = _clean(value, utf8)
    if _TOKEN.fullmatch(text) or (bare is _IDENTITY and _IDENTITY.fullmatch(text)):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _clean(text: str, utf8: bool) -> str:
    """Without line ends, controls, and what only looks like a space; one space for many, so that folding keeps it."""
    if len(text) <= MAX_VALUE_OCTETS and _PLAIN.fullmatch(text):
        return text
    if not text.isascii() and not utf8:
        text = _in_ascii(text)
    if not text.isprintable():
        text = "".join([_harmless(character) for character in text])
    octets = " ".join(text.split()).encode("utf-8")
    if len(octets) > MAX_VALUE_OCTETS:
        return octets[: MAX_VALUE_OCTETS - 3].decode("utf-8", "ignore") + "..."
    return octets.decode("utf-8")


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if character in " \t\r\n" or category == "Zs":
        return " "
    return "?" if category[0] in "CZ" else character


def _in_ascii(text: str) -> str:
    """A domain, or the one in an address, as A-labels; the rest is shown as "?" (RFC 8601 §2.2, RFC 5890 §2.3.2.1)."""
    local, at, domain = text.rpartition("@")
    if len(domain) <= MAX_NAME and not domain.isascii():
        domain = domain_name(domain) or domain
    return "".join([character if character.isascii() else "?" for character in local + at + domain])
