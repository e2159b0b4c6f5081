"""The message after DATA: finding its one and only end, and taking the transparency dots away.

Owns: RFC 5321 §4.1.1.4 and §4.5.2 over octets that arrive in any splitting. Never: keeps more than one partial line of
bounded length, sees a message as lines. Raises: nothing.

Only <CR><LF>.<CR><LF> ends a message. Every laxer reading of that rule has let one server see two messages where
another saw one (SMTP smuggling), so octets that could be read that way elsewhere are noted in `bare_cr_lf`.
"""

import re

from postroom.message import LongLines

_MAX_HELD_OCTETS = 4096  # of a line that has not ended yet; what is longer is passed on in parts
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")


class BodyReader:
    """`feed` gives un-dotted octets; when `done`, `trailing` is what followed the end."""

    __slots__ = (
        "_lines",
        "_mid_line",
        "_rest",
        "bare_cr_lf",
        "converts",
        "done",
        "eight_bit",
        "nul",
        "octets",
        "trailing",
    )

    def __init__(self, *, convert_bare_cr_lf: bool = False) -> None:
        self.converts = convert_bare_cr_lf
        self._rest = b""  # begins a line, unless _mid_line
        self._mid_line = False
        self.done = False
        self.trailing = b""
        self.octets = 0  # given out so far
        self.bare_cr_lf = False
        self.nul = False
        self.eight_bit = False
        self._lines = LongLines()

    @property
    def long_lines(self) -> bool:
        """There is a line that is longer than mail may have (RFC 5321 §4.5.3.1.6)."""
        return self._lines.found

    def feed(self, data: bytes) -> bytes:
        """The next octets of the message."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        mid_line = self._mid_line
        if not mid_line and data.startswith(b".\r\n"):
            self.done, body, self.trailing = True, b"", data[3:]
        elif (end := data.find(b"\r\n.\r\n")) >= 0:
            self.done, body, self.trailing = True, data[: end + 2], data[end + 5 :]
        else:
            body = self._hold_back(data)
        if not body:
            return b""
        return self._finished(body, mid_line)

    def _hold_back(self, data: bytes) -> bytes:
        """What can be given out now; the last line stays, as the next octets may make it the end."""
        cut = data.rfind(b"\r\n") + 2
        if cut == 1:
            cut = 0
        if len(data) - cut > _MAX_HELD_OCTETS:
            # A line this long is not the end. Only its last CR is still open: it may be half of a CRLF.
            body, self._rest = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
            self._mid_line = True
            return body
        body, self._rest = data[:cut], data[cut:]
        if body:
            self._mid_line = False
        elif self._mid_line and len(self._rest) > 1:
            # Within a long line nothing but a CR at the very end needs to wait.
            body, self._rest = (self._rest[:-1], b"\r") if self._rest.endswith(b"\r") else (self._rest, b"")
        return body

    def _finished(self, body: bytes, mid_line: bool) -> bytes:
        pairs = body.count(b"\r\n")
        if not pairs == body.count(b"\n") == body.count(b"\r"):
            self.bare_cr_lf = True
        if not self.nul and b"\0" in body:
            self.nul = True
        if not self.eight_bit and not body.isascii():
            self.eight_bit = True
        if not mid_line and body.startswith(b"."):  # RFC 5321 §4.5.2
            body = body[1:]
        body = body.replace(b"\r\n.", b"\r\n")
        if self.converts and self.bare_cr_lf:
            body = _ANY_LINE_END.sub(b"\r\n", body)
        self.octets += len(body)
        self._lines.feed(body)
        return body
