"""Authentication-Results and ARC-Authentication-Results, read (RFC 8601 §2.2, RFC 8617 §4.1.1).

Owns: the grammar, and what is bent of it for the sake of what large receivers write. Never: decides whom to believe.
Raises: nothing from `parse` and `parse_arc`, whatever the octets are; they take linear time.
"""

import re
from collections.abc import Iterable

from .types import MAX_INSTANCE, AuthenticationResults, MethodResult

MAX_FIELD_OCTETS = 65_536  # a longer field is not read
MAX_RESULTS = 200  # in one field; with more, none counts
MAX_PROPERTIES = 500  # in one field, those without a type and reasons too
MAX_COMMENT_DEPTH = 16  # comments in comments
MAX_NESTED_COMMENTS = 100  # in one field, those that have comments in them

_KEYWORD = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?")  # RFC 5321 §4.1.2
# What a reader takes for a value without quotes: more than the grammar has, since addresses and base64 are often bare.
_VALUE = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^\s;()"\\\x00-\x1f\x7f]++)*+', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_CFWS = re.compile(r"(?:[ \t\r\n]++|\((?:[^()\\]|\\.)*+\))*+", re.DOTALL)  # comments without comments in them
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_COMMENT_TEXT = re.compile(r"(?:[^()\\]|\\.)*+", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,9}")
_TO_SEMICOLON = re.compile(r'[^;"(]*')


def parse(value: bytes) -> AuthenticationResults:
    """Read the value of an Authentication-Results field, folded or not. Raises nothing; see `problem`."""
    return _parse(value, arc=False)


def parse_arc(value: bytes) -> AuthenticationResults:
    """Read the value of an ARC-Authentication-Results field: instance 0 when it has none that is valid."""
    return _parse(value, arc=True)


def read_instance(value: bytes) -> int:
    """The instance of an ARC-Authentication-Results field (RFC 8617 §3.9), whatever follows; 0 when that is none."""
    try:
        return Reader(_FOLD.sub("", value[:MAX_FIELD_OCTETS].decode("utf-8", "replace"))).instance()
    except Unreadable:
        return 0


def _parse(value: bytes, arc: bool) -> AuthenticationResults:
    if len(value) > MAX_FIELD_OCTETS:
        return AuthenticationResults("", problem=f"more than {MAX_FIELD_OCTETS} octets")
    reader = Reader(_FOLD.sub("", value.decode("utf-8", "replace")).rstrip(" \t\r\n"))
    authserv_id, version, instance = "", 1, 0
    try:
        if arc:
            instance = reader.instance()
        authserv_id, version = reader.head()
        if version != 1:
            return AuthenticationResults(authserv_id, (), version, instance, f"version {version}")
        results = tuple(reader.statements())
    except Unreadable as error:
        return AuthenticationResults(authserv_id, (), version, instance, str(error))
    return AuthenticationResults(authserv_id, results, version, instance, reader.problem)


class Unreadable(ValueError):
    """The field is not by the grammar; the text says where."""


class Reader:
    """Goes through a field's text from left to right, never back over what it has passed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._nested = 0
        self._properties = 0
        self.problem = ""

    def instance(self) -> int:
        """RFC 8617 §3.9: "i", "=" and the position, then a semicolon. Raises Unreadable."""
        self.cfws()
        name = self._take(_KEYWORD)
        self.cfws()
        if name != "i" or not self._skip("="):
            raise Unreadable("no instance")
        self.cfws()
        digits = self._take(_DIGITS)
        self.cfws()
        if not re.fullmatch("[1-9][0-9]?", digits) or int(digits) > MAX_INSTANCE or not self._skip(";"):
            raise Unreadable("not an instance")
        return int(digits)

    def head(self) -> tuple[str, int]:
        """The authserv-id and the version. Raises Unreadable."""
        self.cfws()
        authserv_id = self.value()
        if not authserv_id:
            raise Unreadable("no authserv-id")
        self.cfws()
        digits = self._take(_DIGITS)
        self.cfws()
        if self._at < len(self._text) and self._peek() != ";":
            raise Unreadable("something behind the authserv-id")
        return authserv_id, int(digits or "1")

    def statements(self) -> Iterable[MethodResult]:
        """What follows the head. A statement that is none is passed over and noted in `problem`. Raises Unreadable."""
        count = 0
        while self._skip(";"):
            self.cfws()
            if self._at == len(self._text):  # a semicolon at the end, as many write it
                return
            count += 1
            if count > MAX_RESULTS:
                raise Unreadable(f"more than {MAX_RESULTS} results")
            begin = self._at
            try:
                found = self._statement()
            except Unreadable as error:
                if self._properties > MAX_PROPERTIES:
                    raise
                self._at = begin
                self._to_semicolon()
                self.problem = self.problem or str(error)
                continue
            if found is not None:
                yield found

    def _statement(self) -> MethodResult | None:
        method = self._keyword()
        version = "1"
        self.cfws()
        if self._skip("/"):
            self.cfws()
            version = self._take(_DIGITS)
            self.cfws()
        if method == "none" and (self._at == len(self._text) or self._peek() == ";"):
            return None  # RFC 8601 §2.2: no-result
        if not self._skip("="):
            raise Unreadable("a method without a result")
        self.cfws()
        result = self._keyword()
        reason = ""
        properties: list[tuple[str, str, str]] = []
        while True:
            self.cfws()
            if self._at == len(self._text) or self._peek() == ";":
                break
            ptype, name, value = self._property()
            if ptype:
                properties.append((ptype, name, value))
            elif name == "reason":
                reason = reason or value
            # Else a word of no type, as some large receivers add them: it means nothing to us (RFC 8601 §2.3).
        if version != "1":
            self.problem = self.problem or f"version {version[:9]} of {method}"
            return None
        return MethodResult(method, result, reason, tuple(properties))

    def _property(self) -> tuple[str, str, str]:
        """ptype, property and value; without a ptype, as "reason" is: "", name and value."""
        self._properties += 1
        if self._properties > MAX_PROPERTIES:
            raise Unreadable(f"more than {MAX_PROPERTIES} properties")
        ptype, name = "", self._keyword()
        self.cfws()
        if self._skip("."):
            self.cfws()
            ptype, name = name, self._keyword()
            self.cfws()
        if not self._skip("="):
            raise Unreadable("a property without a value")
        self.cfws()
        return ptype, name, self.value()

    def value(self) -> str:
        """A word, a quoted string's content, or several of them as they stand ("local part"@domain); "": none."""
        found = self._take(_VALUE)
        if self._peek() == '"':
            raise Unreadable("a quoted string without an end")
        quoted = _QUOTED.fullmatch(found)
        return found if quoted is None else _PAIR.sub(r"\1", quoted[1])

    def _keyword(self) -> str:
        found = self._take(_KEYWORD)
        if not found:
            raise Unreadable("no keyword where one has to be")
        return found.lower()

    def cfws(self) -> None:
        """Pass over white space and comments (RFC 5322 §3.2.2). Raises Unreadable."""
        while True:
            self._take(_CFWS)
            if not self._skip("("):
                return
            self._nested += 1
            if self._nested > MAX_NESTED_COMMENTS:
                raise Unreadable(f"more than {MAX_NESTED_COMMENTS} comments in comments")
            self._nested_comment()

    def _nested_comment(self) -> None:
        depth = 1
        while depth:
            self._take(_COMMENT_TEXT)
            if self._skip("("):
                depth += 1
                if depth > MAX_COMMENT_DEPTH:
                    raise Unreadable(f"comments more than {MAX_COMMENT_DEPTH} deep")
            elif self._skip(")"):
                depth -= 1
            else:
                raise Unreadable("a comment without an end")

    def _to_semicolon(self) -> None:
        """Pass over a statement that cannot be read, its quoted strings and comments as such. Raises Unreadable."""
        while True:
            self._take(_TO_SEMICOLON)
            if self._at == len(self._text) or self._peek() == ";":
                return
            if self._peek() == "(":
                self.cfws()
            elif not self._take(_QUOTED):
                raise Unreadable("a quoted string without an end")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, character: str) -> bool:
        if self._text.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]
