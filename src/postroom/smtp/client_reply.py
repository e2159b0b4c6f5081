"""What a server says to a client: replies taken apart, and the extensions it offers.

Owns: RFC 5321 §4.2.1 multi-line replies within limits, RFC 3463 enhanced codes in them, EHLO's keywords. Never: judges
a reply (client.py does). Raises: ProtocolError.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from postroom.base import ProtocolError

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?: +|$)")  # RFC 2034 §4
_SHORT = 100  # octets of a line that is remembered with its meaning
_LIMIT = re.compile(r"[1-9][0-9]{0,5}")  # RFC 9422 §3.2
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """How much a server may say in one reply."""

    line_octets: int = 4096  # RFC 5321 §4.5.3.1.5 asks for 512; many say more
    lines: int = 256


@dataclass(frozen=True, slots=True)
class ServerReply:
    """One reply, of one or several lines."""

    code: int
    lines: tuple[str, ...]  # texts without code and enhanced code; control characters made blanks
    enhanced: str = ""  # "5.1.1"; "" when the server sent none, or one of another class than its code
    local: bool = False  # made up here (connection lost, not offered …), no server said it

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    @property
    def status(self) -> str:
        """An enhanced code in any case: the reply's own or the class alone (RFC 3463 §2)."""
        return self.enhanced or f"{self.code // 100}.0.0"

    def __str__(self) -> str:
        return " ".join((str(self.code), *((self.enhanced,) if self.enhanced else ()), *self.lines)).rstrip()


def local_reply(code: int, enhanced: str, text: str) -> ServerReply:
    """A reply that no server gave, in the form of one."""
    return ServerReply(code, (_CONTROLS.sub(" ", text),), enhanced, local=True)


class ReplyReader:
    """`feed` octets, then `next_reply` until it gives None."""

    __slots__ = ("_code", "_limits", "_lines", "_rest")

    def __init__(self, limits: ReplyLimits) -> None:
        self._limits = limits
        self._rest = b""
        self._lines: list[bytes] = []
        self._code = b""

    def feed(self, data: bytes) -> None:
        self._rest = self._rest + data if self._rest else data

    def clear(self) -> None:
        """Forget what was received (RFC 3207 §4.2)."""
        self._rest = self._code = b""
        self._lines.clear()

    def next_reply(self) -> ServerReply | None:
        """The next whole reply. Raises ProtocolError on what is none, or is over a limit."""
        while (end := self._rest.find(b"\n", 0, self._limits.line_octets + 2)) >= 0:
            # A bare LF ends a line too: what a server says can't smuggle anything, and some old ones do it.
            line = self._rest[: end - 1] if self._rest[end - 1 : end] == b"\r" else self._rest[:end]
            self._rest = self._rest[end + 1 :]
            if not self._lines and len(line) <= _SHORT and (reply := _short_reply(line)) is not None:
                return reply
            if self._take(line):
                return self._whole()
        if len(self._rest) >= self._limits.line_octets + 2:
            raise ProtocolError(f"reply line over {self._limits.line_octets} octets")
        return None

    def _take(self, line: bytes) -> bool:
        """Add a line to the reply under way; True when it was the last."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise ProtocolError(f"not a reply: {line[:80]!r}")
        code, separator, text = match.groups()
        if self._lines and code != self._code:  # RFC 5321 §4.2.1: the same on each line
            raise ProtocolError(f"reply code changes from {self._code!r} to {code!r}")
        self._code = code
        self._lines.append(text or b"")
        if len(self._lines) > self._limits.lines:
            raise ProtocolError(f"reply over {self._limits.lines} lines")
        return separator != b"-"

    def _whole(self) -> ServerReply:
        lines = tuple(self._lines)
        self._lines.clear()
        return _reply(self._code, lines)


def _reply(code_octets: bytes, lines: tuple[bytes, ...]) -> ServerReply:
    code = int(code_octets)
    texts = [_CONTROLS.sub(" ", line.decode("utf-8", "replace")) for line in lines]
    enhanced = ""
    match = _ENHANCED.match(texts[0])
    if match is not None and match[1] == _severity(code):
        enhanced = match[0].strip()
        texts = [text[len(match[0]) :] if text.startswith(enhanced) else text for text in texts]
    return ServerReply(code, tuple(texts), enhanced)


@lru_cache(maxsize=256)
def _short_reply(line: bytes) -> ServerReply | None:
    """The reply that this line is, all of it; None when it is not one. Servers say the same few all day."""
    match = _LINE.fullmatch(line)
    return None if match is None or match[2] == b"-" else _reply(match[1], (match[3] or b"",))


def _severity(code: int) -> str:
    """The first digit: an enhanced code of another class is not believed (RFC 2034 §4)."""
    return str(code // 100)


@dataclass(frozen=True, slots=True)
class Extensions:
    """What EHLO (LHLO) brought; nothing after HELO."""

    keywords: dict[str, str] = field(default_factory=dict)  # upper-case keyword: its parameters as sent
    esmtp: bool = False

    @classmethod
    def of(cls, reply: ServerReply) -> "Extensions":
        """From a positive reply to EHLO: line one names the server, each other an extension (RFC 5321 §4.1.1.1)."""
        keywords: dict[str, str] = {}
        for line in reply.lines[1:]:
            keyword, _, parameters = line.strip().partition(" ")
            if keyword.upper().startswith("AUTH="):  # an old form some servers still send beside the right one
                keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
            if keyword:
                merged = f"{keywords.get(keyword.upper(), '')} {parameters}".strip()
                keywords[keyword.upper()] = merged
        return cls(keywords, esmtp=True)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def max_size(self) -> int:
        """RFC 1870 §4: octets the server takes; 0 when it does not say."""
        value = self.keywords.get("SIZE", "").split(" ", 1)[0]
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 20 else 0

    @property
    def limits(self) -> dict[str, int]:
        """RFC 9422 §3: what the server says it allows, by upper-case name; what is no number above zero is left out."""
        found = (limit.partition("=") for limit in self.keywords.get("LIMITS", "").upper().split())
        return {name: int(value) for name, _, value in found if _LIMIT.fullmatch(value)}

    @property
    def auth(self) -> tuple[str, ...]:
        """SASL mechanisms in the server's order (RFC 4954 §3)."""
        return tuple(dict.fromkeys(self.keywords.get("AUTH", "").upper().split()))
