"""The server's side of an IMAP connection: octets in, events out, replies collected.

Owns: framing (lines, literals, continuation requests), limits, resynchronisation after bad input, what STARTTLS drops.
Never: waits, reads a clock, knows mailboxes or session states; the grammar is parser's. Raises: ValueError when the session
calls what makes no sense at that moment; never because of input.

Frame first, parse second: where a command ends is decided by CRLFs and literal counts alone, whatever stands between them,
so that a command that cannot be parsed costs exactly itself. Commands are parsed when `next_event` asks for one, so that a
session may change how the following octets are read (`expect_line`, `start_tls`) before they are.

    LINE --literal of a string--> COLLECT --> LINE           (a command is whole: Got or Bad)
    LINE --APPEND, sync--> ASK --accept_literal--> STREAM --> TAIL --> LINE
    LINE --APPEND, non-sync--> STREAM
    LINE --too long, too large--> DOOMED (lines and literals are thrown away to the command's end: one Bad) --> LINE
    any --beyond following--> DEAD                            (one Fatal, then nothing)
"""

import enum
import re

from .parser import parse_append, parse_command, tag_of
from .settings import ImapSettings
from .syntax import BadSyntax, LiteralPending
from .types import Bad, Event, Fatal, Got, Line, Piece

_LITERAL_END = re.compile(rb"(\{?)([0-9]+)(\+?)\}\Z")
_TAIL = 40  # octets at the end of a line that can announce a literal
_MAX_DIGITS = 10  # RFC 3501 §9 number: 32 bits; a longer one is absurd
_LITERAL_MINUS = 4096  # RFC 7888 §5
_TOOBIG = b"TOOBIG"


class _Mode(enum.Enum):
    LINE = enum.auto()  # a command's line, or the line behind a collected literal
    COLLECT = enum.auto()  # octets of a string's literal
    ASK = enum.auto()  # an APPEND waits for the session's accept_literal or refuse_literal
    STREAM = enum.auto()  # octets of an APPEND's message
    TAIL = enum.auto()  # the end of an APPEND's line
    DOOMED = enum.auto()  # a line of a command that is thrown away
    DISCARD = enum.auto()  # a literal of such a command
    RAW = enum.auto()  # lines for the session itself
    DEAD = enum.auto()


class ServerEngine:
    """One connection's input and output. See the module's text for its states."""

    __slots__ = (
        "_buffer", "_command", "_discarded", "_doom", "_line_octets", "_mode", "_out", "_pos", "_remaining", "_scan",
        "_settings", "_silent", "_sync", "_tag",
    )  # fmt: skip

    def __init__(self, settings: ImapSettings | None = None) -> None:
        self._settings = settings or ImapSettings()
        self._out: list[bytes] = []
        self._reset()

    def _reset(self) -> None:
        self._buffer = b""
        self._pos = 0  # where the unread octets begin
        self._scan = 0  # no line feed before this
        self._mode = _Mode.LINE
        self._next_command()

    def _next_command(self) -> None:
        self._command: bytearray | None = None  # a command's earlier lines and literals
        self._line_octets = 0  # of them, what was not in literals
        self._remaining = 0  # octets of the literal still to come
        self._discarded = 0
        self._doom: Bad | None = None
        self._silent = False  # the session has already replied to the doomed command
        self._sync = False
        self._tag = b"*"

    # ---- input

    def feed(self, data: bytes) -> None:
        """Octets from the client."""
        if self._mode is _Mode.DEAD:
            return
        if self._pos >= len(self._buffer):
            self._buffer = data
            self._scan = 0
        else:
            self._buffer = self._buffer[self._pos :] + data
            self._scan -= self._pos
        self._pos = 0

    def wants_more(self) -> bool:
        """False while so much waits unparsed that reading on would only fill memory; take events first."""
        return len(self._buffer) - self._pos < self._settings.max_buffered_octets

    def next_event(self) -> Event | None:
        """The next thing the client did; None when more octets (or the session's word on an APPEND) are needed."""
        while True:
            mode = self._mode
            if mode is _Mode.LINE:
                event, go_on = self._line()
            elif mode is _Mode.STREAM:
                return self._stream()
            elif mode is _Mode.COLLECT:
                event, go_on = self._collect()
            elif mode is _Mode.TAIL:
                event, go_on = self._tail()
            elif mode is _Mode.RAW:
                return self._raw()
            elif mode is _Mode.DOOMED:
                event, go_on = self._doomed_line()
            elif mode is _Mode.DISCARD:
                event, go_on = self._discard()
            else:
                return None
            if not go_on:
                return event

    # ---- output

    def send(self, data: bytes) -> None:
        """Queue octets for the client, behind what was queued before."""
        self._out.append(data)

    def take_output(self) -> bytes:
        """What is queued, in order; b"" for nothing."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    # ---- the session's decisions

    def accept_literal(self) -> None:
        """Let the message of the APPEND just got come: a synchronizing literal is asked for (RFC 3501 §7.5)."""
        if self._mode is _Mode.ASK:
            self._out.append(b"+ OK\r\n")
            self._mode = _Mode.STREAM
        elif self._mode is not _Mode.STREAM:
            raise ValueError("no APPEND literal is under way")

    def refuse_literal(self) -> None:
        """The session has answered the APPEND just got with NO: no Piece will come.

        A client with a synchronizing literal will not send it (RFC 3501 §7.5); a non-synchronizing one, or the rest of one
        that was accepted, is read and thrown away (RFC 7888 §4).
        """
        if self._mode is _Mode.ASK:
            self._mode = _Mode.LINE
            self._next_command()
        elif self._mode in (_Mode.STREAM, _Mode.TAIL):
            self._silent = True
            if self._mode is _Mode.TAIL:
                self._mode = _Mode.DOOMED
            else:
                self._mode = _Mode.DISCARD
        else:
            raise ValueError("no APPEND literal is under way")

    discard_literal = refuse_literal

    def expect_line(self, on: bool) -> None:
        """While on, input is lines for the session: AUTHENTICATE responses, IDLE's DONE."""
        if self._mode not in (_Mode.LINE, _Mode.RAW) or self._command is not None:
            if self._mode is _Mode.DEAD:
                return
            raise ValueError("in the middle of a command")
        self._mode = _Mode.RAW if on else _Mode.LINE

    def start_tls(self) -> None:
        """Forget all input so far: nothing sent before the handshake survives it (RFC 3501 §6.2.1, §11.1)."""
        if self._mode is not _Mode.DEAD:
            self._reset()

    # ---- lines

    def _take_line(self, limit: int) -> bytes | None:
        """The next line without its CRLF; a bare LF stays on it. None: not whole yet (or longer than `limit`)."""
        end = self._buffer.find(b"\n", self._scan)
        if end < 0 or end - self._pos > limit:
            self._scan = len(self._buffer)
            if end >= 0:
                self._scan = end
            return None
        start = self._pos
        self._pos = self._scan = end + 1
        if end > start and self._buffer[end - 1] == 13:
            return self._buffer[start : end - 1]
        return self._buffer[start : end + 1]

    def _line(self) -> tuple[Event | None, bool]:
        limit = self._settings.max_line_octets - self._line_octets
        line = self._take_line(limit)
        if line is None:
            if len(self._buffer) - self._pos > limit:
                return self._doom_command(self._seen(), "Command line too long")
            return None, False
        if line.endswith(b"}"):
            return self._literal_line(line)
        if line.endswith(b"\n"):
            return self._bare_lf(line)
        if (command := self._command) is None:
            return self._parse(line), False
        command += line
        whole = bytes(command)
        self._next_command()
        return self._parse(whole), False

    def _seen(self) -> bytes:
        """What is known of the command under way, for its tag."""
        head = self._command if self._command is not None else self._buffer[self._pos : self._pos + 300]
        return bytes(head[:300])

    def _parse(self, data: bytes) -> Event:
        try:
            return Got(*parse_command(data, self._settings))
        except BadSyntax as error:
            return Bad(tag_of(data[:300]), error.text, error.status, error.code)

    def _bare_lf(self, line: bytes) -> tuple[Event | None, bool]:
        """RFC 3501 §2.2: lines end with CRLF. One that ends with LF alone is a command, and bad."""
        head = bytes(self._command) + line if self._command is not None else line
        if _LITERAL_END.search(line[-_TAIL:].rstrip(b"\r\n")) and line[-_TAIL:].rstrip(b"\r\n").endswith(b"+}"):
            # The client goes on with octets that we could not tell from commands.
            return self._fatal("A literal must be announced on a line that ends with CRLF")
        self._next_command()
        return Bad(tag_of(head[:300]), "Lines must end with CRLF"), False

    # ---- literals

    def _literal_line(self, line: bytes) -> tuple[Event | None, bool]:
        """A command's line that ends with "}": what the literal it announces (if it does) means."""
        found = _LITERAL_END.search(line[-_TAIL:])
        if found is None or (not found[1] and len(found[2]) < _TAIL - 2):
            return self._no_literal(line)
        if self._command is None:
            self._command = bytearray()
        command = self._command
        command += line
        command += b"\r\n"
        self._line_octets += len(line) + 2
        self._sync = not found[3]
        if not found[1] or len(found[2]) > _MAX_DIGITS:
            return self._oversize(None)
        size = int(found[2])
        try:
            if (append := parse_append(bytes(command), self._settings)) is not None:
                return self._begin_append(append, size)
        except LiteralPending:
            pass
        except BadSyntax as error:
            return self._doomed_literal(Bad(self._tag_seen(), error.text, error.status, error.code), size)
        limits = self._settings
        if size > limits.max_literal_octets or len(command) + size > limits.max_command_octets:
            return self._oversize(size)
        if limits.literal_minus and not self._sync and size > _LITERAL_MINUS:
            return self._oversize(size)
        if self._sync:
            self._out.append(b"+ Ready for literal\r\n")
        self._remaining = size
        self._mode = _Mode.COLLECT
        return None, True

    def _no_literal(self, line: bytes) -> tuple[Event | None, bool]:
        if self._command is not None:
            line = bytes(self._command) + line
            self._next_command()
        return self._parse(line), False

    def _tag_seen(self) -> bytes:
        return tag_of(self._seen())

    def _oversize(self, size: int | None) -> tuple[Event | None, bool]:
        """A literal that is too large to take; None is larger than any number."""
        bad = Bad(self._tag_seen(), "Literal too large", code=_TOOBIG)  # RFC 7888 §5
        return self._doomed_literal(bad, size)

    def _doomed_literal(self, bad: Bad, size: int | None) -> tuple[Event | None, bool]:
        """A refused command goes on with a literal: a synchronizing one is simply not asked for."""
        if self._sync:
            self._mode = _Mode.LINE
            self._next_command()
            return bad, False
        self._doom = bad
        if size is None or self._discarded + size > self._settings.max_discard_octets:
            return self._fatal("Literal too large", _TOOBIG)  # RFC 7888 §4, second choice
        self._remaining = size
        self._command = None
        self._mode = _Mode.DISCARD
        return None, True

    def _begin_append(self, append: "tuple[bytes, object]", size: int) -> tuple[Event | None, bool]:
        tag, command = append
        limits = self._settings
        if size > limits.max_append_octets or (limits.literal_minus and not self._sync and size > _LITERAL_MINUS):
            return self._oversize(size)
        self._command = None
        self._tag = tag
        self._remaining = size
        self._mode = _Mode.ASK if self._sync else _Mode.STREAM
        return Got(tag, command), False  # type: ignore[arg-type]

    def _collect(self) -> tuple[Event | None, bool]:
        command = self._command
        assert command is not None
        command += self._take(self._remaining)
        if self._remaining:
            return None, False
        self._mode = _Mode.LINE
        return None, True

    def _take(self, most: int) -> bytes:
        """Up to `most` unread octets, counted off the literal that remains."""
        start = self._pos
        data = self._buffer[start : start + most] if start or most < len(self._buffer) else self._buffer
        self._pos = self._scan = start + len(data)
        self._remaining -= len(data)
        return data

    # ---- APPEND's message

    def _stream(self) -> Event | None:
        data = self._take(self._remaining)
        if self._remaining:
            return Piece(data, last=False) if data else None
        self._mode = _Mode.TAIL
        if self._buffer.startswith(b"\r\n", self._pos):
            self._pos = self._scan = self._pos + 2
            self._mode = _Mode.LINE
            self._next_command()
            return Piece(data, last=True)
        return Piece(data, last=False) if data else self.next_event()

    def _tail(self) -> tuple[Event | None, bool]:
        """What stands between an APPEND's literal and the end of its line: nothing (RFC 3501 §9 append)."""
        unread = self._buffer[self._pos : self._pos + 2]
        if unread == b"\r\n":
            self._pos = self._scan = self._pos + 2
            self._mode = _Mode.LINE
            self._next_command()
            return Piece(b"", last=True), False
        if unread in (b"", b"\r"):
            return None, False
        self._doom = Bad(self._tag, "Unexpected text after the message")
        self._mode = _Mode.DOOMED
        return None, True

    # ---- commands that are thrown away

    def _doom_command(self, head: bytes, text: str) -> tuple[Event | None, bool]:
        self._doom = Bad(tag_of(head), text)
        self._command = None
        self._mode = _Mode.DOOMED
        return None, True

    def _doomed_line(self) -> tuple[Event | None, bool]:
        """Skip to the line's end, however long, within max_discard_octets; then its literal, or the command is over."""
        end = self._buffer.find(b"\n", self._scan)
        start = self._pos
        if end < 0:
            # keep what may belong to a literal's announcement
            self._pos = max(start, len(self._buffer) - _TAIL - 2)
            self._scan = len(self._buffer)
            return self._discard_limit(self._pos - start, go_on=False)
        self._pos = self._scan = end + 1
        tail = self._buffer[max(start, end - _TAIL - 1) : end]
        crlf = tail.endswith(b"\r")
        found = _LITERAL_END.search(tail.rstrip(b"\r"))
        if found is None or (not found[1] and len(found[2]) < _TAIL - 2):
            return self._doomed_end()
        self._sync = not found[3]
        if not self._sync and not crlf:
            return self._fatal("A literal must be announced on a line that ends with CRLF")
        if self._sync:
            return self._doomed_end()
        if not found[1] or len(found[2]) > _MAX_DIGITS:
            return self._fatal("Literal too large", _TOOBIG)
        self._remaining = int(found[2])
        self._mode = _Mode.DISCARD
        return self._discard_limit(end + 1 - start, go_on=True)

    def _discard(self) -> tuple[Event | None, bool]:
        taken = len(self._take(self._remaining))
        if not self._remaining:
            self._mode = _Mode.DOOMED
        return self._discard_limit(taken, go_on=not self._remaining)

    def _discard_limit(self, octets: int, *, go_on: bool) -> tuple[Event | None, bool]:
        self._discarded += octets
        if self._discarded + self._remaining > self._settings.max_discard_octets:
            return self._fatal("Too much input that can't be used", _TOOBIG)
        return None, go_on

    def _doomed_end(self) -> tuple[Event | None, bool]:
        bad = self._doom
        self._mode = _Mode.LINE
        silent = self._silent
        self._next_command()
        if silent or bad is None:
            return None, True
        return bad, False

    # ---- the rest

    def _raw(self) -> Event | None:
        limit = self._settings.max_raw_line_octets
        line = self._take_line(limit)
        if line is None:
            if len(self._buffer) - self._pos > limit:
                return self._fatal("Line too long")[0]
            return None
        return Line(line)

    def _fatal(self, text: str, code: bytes = b"") -> tuple[Event | None, bool]:
        self._buffer = b""
        self._pos = self._scan = 0
        self._next_command()
        self._mode = _Mode.DEAD
        return Fatal(text, code), False
