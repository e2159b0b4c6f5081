"""Address lists (RFC 5322 §3.4), read as tolerantly as IMAP's ENVELOPE needs, and single addresses read strictly.

Owns: Address, the two readings. Never: decodes encoded words, folds case, knows which domains are local.
Raises: BadAddress from `parse_address` and `parse_mailbox` only; lists take anything.
"""

import re
from typing import NamedTuple

from .encoded_words import decode_field


class BadAddress(ValueError):
    """Not an address that mail could be sent to; the text says what is wrong with it, for people."""


class Address(NamedTuple):
    """As in ENVELOPE (RFC 3501 §7.4.2). host None: a group begins (mailbox is its name) or, all None, ends."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Address(None, None, None, None)

_ATOM = rb"[^\s()<>\[\]:;@\\,\"\0-\x1f]+"
# The forms nearly all mail uses; anything else goes to the tolerant reader.
_COMMON = re.compile(
    rb"\s*(?:"
    rb"(?:\"([^\"\\\r\n]*)\"|([^\s()<>\[\]:;@\\,\"]+(?: [^\s()<>\[\]:;@\\,\"]+)*))?\s*<("
    + _ATOM
    + rb")@("
    + _ATOM
    + rb")>"
    rb"|(" + _ATOM + rb")@(" + _ATOM + rb")"
    rb")\s*(?:,|$)"
)
_TOKENS = re.compile(
    rb"(?P<space>\s+)"
    rb"|\"(?P<quoted>(?:[^\"\\]|\\.)*)(?:\"|$)"
    rb"|(?P<comment>\()"
    rb"|(?P<literal>\[[^\]]*\]?)"
    rb"|(?P<special>[<>@,;:.])"
    rb"|(?P<atom>[^\s()<>\[@,;:.\"]+)"
    rb"|(?P<junk>.)",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)


def parse_list(value: bytes, limit: int = 5000) -> list[Address]:
    """The addresses of an unfolded address field, group marks included; at most `limit`."""
    out: list[Address] = []
    at, end = 0, len(value)
    while at < end and len(out) < limit:
        found = _COMMON.match(value, at)
        if not found:
            return _Reader(value, limit).read() if value.strip() else []
        quoted, phrase, local, host, bare_local, bare_host = found.groups()
        if local is None:
            out.append(Address(None, None, bare_local, bare_host))
        else:
            out.append(Address(quoted or phrase or None, None, local, host))
        at = found.end()
    return out


# Kind ("word", "quoted", "literal", "comment" or the special character itself), text, white space before it. A plain
# tuple: hostile fields have hundreds of thousands.
_Token = tuple[str, bytes, bool]


class _Reader:
    """Reads an address list whatever is in it."""

    def __init__(self, value: bytes, limit: int) -> None:
        self._limit = limit
        self._out: list[Address] = []
        self._words: list[_Token] = []  # of the address under way, outside angle brackets
        self._comment: bytes | None = None
        self._angle: list[_Token] | None = None  # inside angle brackets, once seen
        self._in_angle = False
        self._after: list[_Token] = []  # words after the angle brackets, part of no address
        self._in_group = False
        self._tokens = _tokenize(value)

    def read(self) -> list[Address]:
        for token in self._tokens:
            if len(self._out) >= self._limit:
                return self._out
            self._take(token)
        self._finish()
        if self._in_group:
            self._out.append(GROUP_END)
        return self._out

    def _take(self, token: _Token) -> None:
        kind, text, _ = token
        if self._in_angle:
            assert self._angle is not None
            if kind == ">":
                self._in_angle = False
            elif kind != "comment":
                self._angle.append(token)
        elif kind == "comment":
            self._comment = text
        elif kind == "<":
            if self._angle is not None:  # "<a@b> Name <c@d>": the comma is missing
                after = self._after
                self._finish()
                self._words = after
            self._angle, self._in_angle = [], True
        elif kind == ",":
            self._finish()
        elif kind == ":" and not self._in_group and not any(word[0] == "@" for word in self._words):
            self._out.append(Address(None, None, _phrase(self._words), None))
            self._clear()
            self._in_group = True
        elif kind == ";":
            self._finish()
            if self._in_group:
                self._out.append(GROUP_END)
                self._in_group = False
        elif kind != ">":
            (self._words if self._angle is None else self._after).append(token)

    def _clear(self) -> None:
        self._words, self._after = [], []
        self._comment = self._angle = None
        self._in_angle = False

    def _finish(self) -> None:
        """An address ended: at a comma, a group's end, or the end of the field."""
        words, angle, comment = self._words, self._angle, self._comment
        self._clear()
        if angle is not None:
            name = _phrase(words) or comment
            route, mailbox, host = _addr_spec(angle)
            if mailbox or host or name:
                self._out.append(Address(name or None, route, mailbox, host))
        elif words:
            route, mailbox, host = _addr_spec(words)
            self._out.append(Address(comment or None, route, mailbox, host))


def _tokenize(value: bytes) -> list[_Token]:
    tokens: list[_Token] = []
    spaced, at, end = False, 0, len(value)
    while at < end:
        found = _TOKENS.match(value, at)
        if found is None:
            break
        at = found.end()
        kind, text = found.lastgroup, found[0]
        if kind == "space":
            spaced = True
            continue
        if kind == "comment":
            inside, at = _comment(value, at)
            tokens.append(("comment", inside, spaced))
            spaced = True
            continue
        if kind == "quoted":
            tokens.append(("quoted", _QUOTED_PAIR.sub(rb"\1", found["quoted"]), spaced))
        elif kind == "special":
            tokens.append((text.decode(), text, spaced))
        elif kind == "literal":
            tokens.append(("literal", text, spaced))
        elif kind == "atom":
            tokens.append(("word", text, spaced))
        spaced = False
    return tokens


def _comment(value: bytes, at: int) -> tuple[bytes, int]:
    """The text of a comment whose "(" stands before `at`, and where it ends; comments nest (RFC 5322 §3.2.2)."""
    depth, start = 1, at
    for found in _COMMENT_MARK.finditer(value, at):
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
            if not depth:
                return _QUOTED_PAIR.sub(rb"\1", value[start : found.start()]).strip(), found.end()
    return value[start:].strip(), len(value)


def _phrase(words: list[_Token]) -> bytes:
    """Words as a display name: one space where white space stood."""
    return b"".join([b" " + text if spaced and at else text for at, (_, text, spaced) in enumerate(words)])


def _addr_spec(words: list[_Token]) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Route, local part and domain (RFC 5322 §3.4.1, routes §4.4)."""
    route = None
    kinds = [kind for kind, _, _ in words]
    if kinds and kinds[0] == "@" and ":" in kinds:
        colon = kinds.index(":")
        route = b"".join([text for _, text, _ in words[:colon]])
        words, kinds = words[colon + 1 :], kinds[colon + 1 :]
    if "@" in kinds:
        at = kinds.index("@")
        local = b"".join([text for _, text, _ in words[:at]])
        domain = b"".join([text for _, text, _ in words[at + 1 :]])
        return route, local, domain
    return route, _phrase(words), b""


# ---- strictly: addresses that people and programs give us

# Classes that leave out ASCII characters and so take all others (RFC 6531 §3.3); they are also quick to compile.
_ATEXT = r'[^\0- "(),.:;<>@\[\\\]\x7f]+'
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_QUOTED_LOCAL = re.compile(r'"((?:[^\0-\x1f"\\\x7f]|\\[ -~])*)"')
_LETTER = r"[^\0-/:-@\[-`{-\x7f]"
_LABEL = rf"{_LETTER}+(?:-+{_LETTER}+)*"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[[!-Z^-~]+\]")
_MAX_LOCAL, _MAX_DOMAIN, _MAX_LABEL = 64, 255, 63  # octets; RFC 5321 §4.5.3.1.1, §4.5.3.1.2, RFC 1035 §2.3.4


def parse_address(text: str) -> tuple[str, str]:
    """Local part (unquoted) and domain (as written) of "local@domain" (RFC 5321 §4.1.2, RFC 6531 §3.3).

    Raises BadAddress.
    """
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("an address has the form local@domain")
    if quoted := _QUOTED_LOCAL.fullmatch(local):
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not _DOT_STRING.fullmatch(local):
        raise BadAddress("the part before the @ has characters that are not allowed there")
    if len(local.encode("utf-8", "replace")) > _MAX_LOCAL:
        raise BadAddress("the part before the @ is longer than 64 octets")
    if not _LITERAL.fullmatch(domain):
        if not _DOMAIN.fullmatch(domain):
            raise BadAddress("the part after the @ is not a domain")
        if any(len(label.encode("utf-8", "replace")) > _MAX_LABEL for label in domain.split(".")):
            raise BadAddress("the part after the @ has a label longer than 63 octets")
    if len(domain.encode("utf-8", "replace")) > _MAX_DOMAIN:
        raise BadAddress("the part after the @ is longer than 255 octets")
    return local, domain


def parse_mailbox(text: str) -> tuple[str, str]:
    """Display name (decoded, "" when none) and address of one mailbox, "Name <local@domain>" or bare.

    Raises BadAddress.
    """
    found = parse_list(text.encode("utf-8", "replace"))
    if len(found) != 1 or found[0].mailbox is None or found[0].host is None:
        raise BadAddress("one address is wanted")
    one = found[0]
    local = (one.mailbox or b"").decode("utf-8", "replace")
    if not _DOT_STRING.fullmatch(local):
        quoted = local.replace("\\", "\\\\").replace('"', '\\"')
        local = f'"{quoted}"'
    address = f"{local}@{(one.host or b'').decode('utf-8', 'replace')}"
    parse_address(address)
    return decode_field(one.name or b""), address
