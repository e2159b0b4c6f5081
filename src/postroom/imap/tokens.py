"""The words of IMAP's grammar, read from one whole command (RFC 3501 §9).

Owns: Cursor, a place in a command's octets with one method a grammar rule. Never: knows a command. Raises: BadSyntax.

A command's octets are as the client sent them, literals in place: `a LOGIN {5}\\r\\nalice secret`. The engine found the
literals when it framed the command; here they are skipped by count again, so nothing inside one is ever read as syntax.
"""

import re
from datetime import date

from .seqset import parse as parse_seqset
from .settings import ImapSettings
from .syntax import BadSyntax, LiteralPending
from .types import SeqSet
from .utf7 import decode

_ATOM_CHAR = rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]"
_ATOM = re.compile(_ATOM_CHAR + rb"+")
_ASTRING_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_LIST_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
_QUOTED = re.compile(rb'"([^\x00\r\n"\\]*(?:\\["\\][^\x00\r\n"\\]*)*)"')
_UNQUOTE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]{1,19}")
_SEQSET = re.compile(rb"[0-9*:,$]+")
_FLAG = re.compile(rb"\\?" + _ATOM_CHAR + rb"+")
_MONTHS = {m: k for k, m in enumerate(b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME = re.compile(
    rb'"( [0-9]|[0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_EPOCH = date(1970, 1, 1).toordinal()
_SYSTEM_FLAGS = {
    flag.upper(): flag.decode() for flag in (b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft")
}
# Names of special uses in the case RFC 6154 §2 gives them.
_USES = {
    use.upper(): use.decode()
    for use in (b"\\All", b"\\Archive", b"\\Drafts", b"\\Flagged", b"\\Junk", b"\\Sent", b"\\Trash")
}


class Cursor:
    """Reads `data` from `at` on; each method takes one token or raises BadSyntax and leaves `at` where it was."""

    __slots__ = ("at", "data", "partial", "settings", "utf8")

    def __init__(
        self, data: bytes, at: int, settings: ImapSettings, *, partial: bool = False, utf8: bool = False
    ) -> None:
        self.data = data
        self.at = at
        self.settings = settings
        self.partial = partial  # the octets end with a literal's announcement
        self.utf8 = utf8  # strings and mailbox names are UTF-8 (RFC 6855 §3, RFC 9051 §4.3, §5.1)

    # ---- punctuation

    def next(self) -> bytes:
        """The octet ahead; b"" at the end."""
        return self.data[self.at : self.at + 1]

    def take(self, octet: bytes) -> bool:
        """Step over `octet` if it is ahead."""
        if self.data.startswith(octet, self.at):
            self.at += len(octet)
            return True
        return False

    def space(self) -> None:
        """Exactly one SP."""
        if not self.data.startswith(b" ", self.at):
            raise BadSyntax("Missing argument" if self.at >= len(self.data) else "Expected a space")
        self.at += 1

    def expect(self, octet: bytes, what: str) -> None:
        if not self.take(octet):
            raise BadSyntax(what)

    def end(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.data):
            raise BadSyntax("Unexpected text after the command's arguments")

    # ---- strings

    def atom(self, what: str = "Expected an atom") -> bytes:
        return self._match(_ATOM, what)

    def _match(self, pattern: "re.Pattern[bytes]", what: str) -> bytes:
        found = pattern.match(self.data, self.at)
        if found is None:
            raise BadSyntax(what)
        self.at = found.end()
        return found[0]

    def string(self, what: str = "Expected a string") -> bytes:
        """quoted or literal."""
        if found := _QUOTED.match(self.data, self.at):
            text = found[1]
            if not text.isascii():
                self._check_8bit(text)
            self.at = found.end()
            return _UNQUOTE.sub(rb"\1", text) if b"\\" in text else text
        if found := _LITERAL.match(self.data, self.at):
            text = self._literal(found)
            if b"\0" in text:  # RFC 3501 §9 note 3
                raise BadSyntax("NUL in a literal")
            self.at = found.end() + len(text)
            return text
        raise BadSyntax(what)

    def string8(self, what: str = "Expected a string") -> bytes:
        """string or literal8, which may hold any octets (RFC 9051 §4.3.1)."""
        if found := self.data.startswith(b"~{", self.at) and _LITERAL.match(self.data, self.at + 1):
            text = self._literal(found)
            self.at = found.end() + len(text)
            return text
        return self.string(what)

    def _literal(self, announced: "re.Match[bytes]") -> bytes:
        """The octets behind a literal's announcement."""
        start = announced.end()
        if self.partial and start == len(self.data):
            raise LiteralPending
        return self.data[start : start + int(announced[1])]

    def _check_8bit(self, text: bytes) -> None:
        if self.utf8 or self.settings.quirk_utf8_in_quoted:
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                pass
            else:
                return
        raise BadSyntax("8-bit octets in a quoted string")

    def astring(self, what: str = "Expected a string") -> bytes:
        if found := _ASTRING_ATOM.match(self.data, self.at):
            self.at = found.end()
            return found[0]
        return self.string(what)

    def nstring(self, what: str = "Expected a string or NIL") -> bytes | None:
        if (head := self.data[self.at : self.at + 3]).upper() == b"NIL" and len(head) == 3:
            self.at += 3
            return None
        return self.string(what)

    def nstring8(self, what: str = "Expected a string or NIL") -> bytes | None:
        """nstring or literal8."""
        return self.string8(what) if self.data.startswith(b"~{", self.at) else self.nstring(what)

    # ---- names of mailboxes

    def mailbox(self) -> str:
        """mailbox (RFC 3501 §9): INBOX in any case is INBOX."""
        raw = self.astring("Expected a mailbox name")
        return self._name(raw)

    def _name(self, raw: bytes) -> str:
        if len(raw) == 5 and raw.upper() == b"INBOX":
            return "INBOX"
        if len(raw) > self.settings.max_mailbox_octets:
            raise BadSyntax("Mailbox name too long", status=b"NO", code=b"CANNOT")
        try:
            return raw.decode("utf-8") if self.utf8 else decode(raw)
        except ValueError:
            spelt = "UTF-8" if self.utf8 else "modified UTF-7"
            raise BadSyntax(f"Mailbox name is not {spelt}", status=b"NO", code=b"CANNOT") from None

    def list_mailbox(self) -> str | None:
        """list-mailbox; None for a pattern that no name can match because it spells none."""
        if found := _LIST_ATOM.match(self.data, self.at):
            self.at = found.end()
            raw = found[0]
        else:
            raw = self.string("Expected a mailbox pattern")
        if len(raw) > self.settings.max_mailbox_octets:
            raise BadSyntax("Mailbox pattern too long", status=b"NO", code=b"CANNOT")
        try:
            return raw.decode("utf-8") if self.utf8 else decode(raw)
        except ValueError:
            return None

    # ---- numbers and sets

    def number(self, what: str = "Expected a number", most: int = 2**32 - 1) -> int:
        value = int(self._match(_NUMBER, what))
        if value > most:
            raise BadSyntax("Number too large")
        return value

    def modseq(self, *, zero: bool = False) -> int:
        """mod-sequence-value, with `zero` mod-sequence-valzer (RFC 7162 §7)."""
        value = self.number("Expected a modification sequence", 2**63 - 1)
        if not value and not zero:
            raise BadSyntax("A modification sequence is greater than 0")
        return value

    def seqset(self) -> SeqSet:
        return parse_seqset(self._match(_SEQSET, "Expected a message set"))

    # ---- flags

    def flag(self) -> str:
        """flag; system flags in the RFC's own case."""
        raw = self._match(_FLAG, "Invalid flag")
        if len(raw) > self.settings.max_keyword_octets:
            raise BadSyntax("Flag too long")
        return _SYSTEM_FLAGS.get(raw.upper()) or raw.decode("ascii")

    def flags(self) -> tuple[str, ...]:
        """flag *(SP flag), each once. \\Recent is dropped: no client can set it (RFC 3501 §2.3.2)."""
        found = {self.flag(): None}
        while self.take(b" "):
            found[self.flag()] = None
            if len(found) > self.settings.max_flags:
                raise BadSyntax("Too many flags")
        return tuple(flag for flag in found if flag.upper() != "\\RECENT")

    def flag_list(self) -> tuple[str, ...]:
        """flag-list."""
        self.expect(b"(", "Expected a flag list")
        if self.take(b")"):
            return ()
        flags = self.flags()
        self.expect(b")", "Invalid flag list")
        return flags

    def special_use(self) -> str:
        """use-attr (RFC 6154 §6)."""
        raw = self._match(_FLAG, "Expected a special-use attribute")
        if (use := _USES.get(raw.upper())) is None:
            # RFC 6154 §3: a use the server does not support
            raise BadSyntax("Special use not supported", status=b"NO", code=b"USEATTR")
        return use

    # ---- dates

    def date(self) -> int:
        """date; datetime.date.toordinal()."""
        found = _DATE.match(self.data, self.at)
        if found is None:
            raise BadSyntax("Expected a date like 1-Feb-1994")
        day = _ordinal(found[2], found[3], found[4])
        self.at = found.end()
        return day

    def date_time(self) -> int:
        """date-time; seconds since 1970."""
        found = _DATE_TIME.match(self.data, self.at)
        if found is None or (len(found[1]) < 2 and not self.settings.quirk_spelling):
            raise BadSyntax('Expected a date and time like " 1-Feb-1994 21:52:25 -0800"')
        day, month, year, hour, minute, second, sign, zone_hour, zone_minute = found.groups()
        hours, minutes, seconds = int(hour), int(minute), int(second)
        if hours > 23 or minutes > 59 or seconds > 60 or int(zone_minute) > 59:
            raise BadSyntax("Time out of range")
        offset = (int(zone_hour) * 60 + int(zone_minute)) * 60
        at = (_ordinal(day, month, year) - _EPOCH) * 86400 + hours * 3600 + minutes * 60 + seconds
        self.at = found.end()
        return at + offset if sign == b"-" else at - offset


def _ordinal(day: bytes, month: bytes, year: bytes) -> int:
    try:
        return date(int(year), _MONTHS[month.upper()], int(day)).toordinal()
    except (KeyError, ValueError):
        raise BadSyntax("No such day") from None
