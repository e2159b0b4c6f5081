"""The server's side of an IMAP connection: octets in, events out, replies collected.

Owns: framing (lines, literals, continuation requests), limits, resynchronisation after bad input, what STARTTLS drops
and COMPRESS takes over.
Never: waits, reads a clock, knows mailboxes or session states; the grammar is parser's. Raises: ValueError when the
session calls what makes no sense at that moment; never because of input.

Frame first, parse second: where a command ends is decided by CRLFs and literal counts alone, whatever stands between
them, so that a command that cannot be parsed costs exactly itself. Commands are parsed when `next_event` asks for one,
so that a session may change how the following octets are read (`expect_line`, `start_tls`) before they are.

    LINE --literal of a string--> COLLECT --> LINE           (a command is whole: Got or Bad)
    LINE --message of an APPEND, sync--> ASK --accept_literal--> STREAM --> LINE
    LINE --message of an APPEND, non-sync--> STREAM
    LINE --too long, too large--> DOOMED (lines and literals are thrown away to the command's end: one Bad) --> LINE
    any --beyond following--> DEAD                            (one Fatal, then nothing)
"""

import enum
import re
from dataclasses import dataclass

from .append_parser import Place
from .parser import parse_append, parse_command, parse_next, tag_of, too_large
from .settings import ImapSettings
from .syntax import BadSyntax, LiteralPending
from .types import Append, AppendPart, Bad, Event, Fatal, Got, Line, Literal, Next, Piece, Replace

# The end of a line, up to its LF, that announces a literal. Digits without a brace: the number began before the tail.
_ANNOUNCED = re.compile(rb"(\{?)([0-9]+)(\+?)\}(\r*)\Z")
_TAIL = 40  # octets at the end of a line that are looked at
_MAX_DIGITS = 10  # RFC 3501 §9 number: 32 bits; a longer one is absurd
_LITERAL_MINUS = 4096  # RFC 7888 §5
_TOOBIG = b"TOOBIG"
_ENDINGS = (b"}", b"\n", b"\r")


class _Mode(enum.Enum):
    LINE = enum.auto()  # a command's line, or the line behind a literal
    COLLECT = enum.auto()  # octets of a string's literal
    ASK = enum.auto()  # an APPEND waits for the session's accept_literal or refuse_literal
    STREAM = enum.auto()  # octets of an APPEND's message
    DOOMED = enum.auto()  # a line of a command that is thrown away
    DISCARD = enum.auto()  # a literal of such a command
    RAW = enum.auto()  # lines for the session itself
    DEAD = enum.auto()


class _Again(enum.Enum):
    AGAIN = enum.auto()  # no event, but a new mode: look again


_AGAIN = _Again.AGAIN
_Step = Event | _Again | None


@dataclass(slots=True)
class _Literal:
    """A literal as announced; `size` None is larger than any number, `lost`: nobody can know where it would begin."""

    size: int | None
    sync: bool
    lost: bool


def _announced(end_of_line: bytes) -> _Literal | None:
    """The literal that a line announces; `end_of_line` without its LF."""
    found = _ANNOUNCED.search(end_of_line)
    if found is None:
        return None
    brace, digits, plus, ending = found.groups()
    if not brace and len(digits) < _TAIL - 4:
        return None
    size = int(digits) if brace and len(digits) <= _MAX_DIGITS else None
    return _Literal(size, not plus, lost=ending != b"\r")


class ServerEngine:
    """One connection's input and output. See the module's text for its states."""

    __slots__ = (
        "_append", "_buffer", "_command", "_discarded", "_doom", "_line_octets", "_mode", "_out", "_pos", "_remaining",
        "_scan", "_settings", "_tag", "utf8",
    )  # fmt: skip

    def __init__(self, settings: ImapSettings | None = None) -> None:
        self._settings = settings or ImapSettings()
        self._out: list[bytes] = []
        self.utf8 = False  # the session sets it: strings and mailbox names are UTF-8 (RFC 6855, RFC 9051)
        self._reset()

    def _reset(self) -> None:
        self._buffer = b""
        self._pos = 0  # where the unread octets begin
        self._scan = 0  # no line feed before this
        self._command: bytearray | None = None  # earlier lines and literals of a command, of an APPEND's next stretch
        self._next_command()

    def _next_command(self) -> None:
        self._mode = _Mode.LINE
        self._command = None
        self._append: Place | None = None  # an APPEND whose literals are streamed, and where it will go on
        self._line_octets = 0  # of a command, what was not in literals
        self._remaining = 0  # octets of the literal still to come
        self._discarded = 0
        self._doom: Bad | None = None  # how a command that is thrown away is answered; None: it has been
        self._tag = b"*"  # of the APPEND under way

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
                step = self._line()
            elif mode is _Mode.STREAM:
                step = self._stream()
            elif mode is _Mode.COLLECT:
                step = self._collect()
            elif mode is _Mode.RAW:
                step = self._raw()
            elif mode is _Mode.DOOMED:
                step = self._doomed_line()
            elif mode is _Mode.DISCARD:
                step = self._discard()
            else:
                return None
            if step is not _AGAIN:
                if step is None and self._pos >= len(self._buffer):
                    self._buffer = b""  # an idle connection keeps nothing
                    self._pos = self._scan = 0
                return step

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
        """Let the literal come that ends the Got or Next: a synchronizing one is asked for (RFC 3501 §7.5)."""
        if self._mode is _Mode.ASK:
            self._out.append(b"+ OK\r\n")
            self._mode = _Mode.STREAM
        elif self._mode is not _Mode.STREAM:
            raise ValueError("no APPEND literal is under way")

    def refuse_literal(self) -> None:
        """The session has answered the APPEND under way: no Piece, Next or Bad of it will come any more.

        A client with a synchronizing literal will not send it (RFC 3501 §7.5). A non-synchronizing one, or the rest of
        one that was accepted, is read and thrown away (RFC 7888 §4). Nothing happens when the APPEND is over.
        """
        if self._mode is _Mode.ASK:
            self._next_command()
        elif self._append is not None:
            self._command = None
            if self._mode in (_Mode.STREAM, _Mode.COLLECT):
                self._mode = _Mode.DISCARD
            elif self._mode is _Mode.LINE:
                self._mode = _Mode.DOOMED
            self._doom = None

    discard_literal = refuse_literal

    def expect_line(self, on: bool) -> None:
        """While on, input is lines for the session: AUTHENTICATE responses, IDLE's DONE.

        A line that did not end with CRLF comes with what it ended with, and so equals nothing valid.
        """
        if self._mode is _Mode.DEAD:
            return
        if self._mode not in (_Mode.LINE, _Mode.RAW) or self._command is not None or self._append is not None:
            raise ValueError("in the middle of a command")
        self._mode = _Mode.RAW if on else _Mode.LINE

    def start_tls(self) -> None:
        """Forget all input so far: nothing sent before the handshake survives it (RFC 3501 §6.2.1, §11.1)."""
        if self._mode is not _Mode.DEAD:
            self._reset()

    def take_input(self) -> bytes:
        """Hand back all input that has made no event yet: what comes behind a command that changes the stream.

        Raises ValueError in the middle of a command.
        """
        if self._mode is _Mode.DEAD:
            return b""
        if self._mode is not _Mode.LINE or self._command is not None:
            raise ValueError("in the middle of a command")
        unread = self._buffer[self._pos :]
        self._reset()
        return unread

    # ---- lines

    def _take_line(self, limit: int) -> bytes | None:
        """The next line without its CRLF; a bare LF stays on it. None: not whole yet, or longer than `limit`."""
        buffer, start = self._buffer, self._pos
        end = buffer.find(b"\n", self._scan)
        if end < 0 or end - start > limit:
            self._scan = end if end >= 0 else len(buffer)
            return None
        self._pos = self._scan = end + 1
        if end > start and buffer[end - 1] == 13:
            return buffer[start : end - 1]
        return buffer[start : end + 1]

    def _line(self) -> _Step:
        limit = self._settings.max_line_octets - self._line_octets
        line = self._take_line(limit)
        if line is None:
            if len(self._buffer) - self._pos > limit:
                self._doom = Bad(self._tag_under_way(), "Command line too long")
                self._command = None
                self._mode = _Mode.DOOMED
                return _AGAIN
            return None
        if line.endswith(_ENDINGS):
            return self._unusual_line(line)
        if (command := self._command) is not None:
            command += line
            line = bytes(command)
        elif self._append is None:
            return self._parse(line)
        place, tag = self._append, self._tag
        self._next_command()
        return self._parse(line) if place is None else self._parse_next(line, place, tag)

    def _tag_under_way(self) -> bytes:
        """The tag of the command that is not whole yet."""
        if self._append is not None:
            return self._tag
        return tag_of(self._begin())

    def _begin(self) -> bytes:
        """The first octets of the command that is not whole yet."""
        return bytes(self._command[:300]) if self._command else self._buffer[self._pos : self._pos + 300]

    def _parse(self, data: bytes) -> Event:
        try:
            return parse_command(data, self._settings, self.utf8)
        except BadSyntax as error:
            return Bad(tag_of(data[:300]), error.text, error.status, error.code)

    def _parse_next(self, data: bytes, place: Place, tag: bytes) -> Event:
        """The end of an APPEND, behind a streamed literal."""
        if not data and place.may_end:
            return Piece(b"", last=True)
        try:
            return parse_next(data, place, self._settings, self.utf8, partial=False)[0]
        except BadSyntax as error:
            return Bad(tag, error.text, error.status, error.code)

    def _unusual_line(self, line: bytes) -> _Step:
        """A line that may announce a literal, or does not end with CRLF (RFC 3501 §2.2), which makes a bad command."""
        raw = line[:-1] if line.endswith(b"\n") else line + b"\r"
        literal = _announced(raw[-_TAIL:])
        well_ended = line.endswith(b"}")
        if literal is not None and literal.lost and not literal.sync:
            # The client goes on with octets that nobody could tell from commands.
            return self._fatal("A literal must be announced on a line that ends with CRLF")
        if literal is not None and well_ended:
            if self._command is None:
                self._command = bytearray()
            self._command += line
            self._command += b"\r\n"
            self._line_octets += len(line) + 2
            return self._literal(literal)
        data = bytes(self._command) + line if self._command is not None else line
        place, tag = self._append, self._tag
        self._next_command()
        if not well_ended:
            return Bad(tag_of(data[:300]) if place is None else tag, "Lines must end with CRLF")
        return self._parse(data) if place is None else self._parse_next(data, place, tag)

    # ---- literals

    def _literal(self, literal: _Literal) -> _Step:
        """The command so far ends with the announcement of this literal."""
        command, limits, size = self._command, self._settings, literal.size
        assert command is not None
        if size is None:
            return self._oversize(literal)
        try:
            if (streamed := self._streamed(bytes(command))) is not None:
                return self._begin_stream(*streamed, literal)
        except LiteralPending:
            pass
        except BadSyntax as error:
            return self._doom_literal(Bad(self._tag_under_way(), error.text, error.status, error.code), literal)
        most = min(limits.max_literal_octets, limits.max_command_octets - len(command))
        if limits.literal_minus and not literal.sync:
            most = min(most, _LITERAL_MINUS)
        if size > most:
            return self._oversize(literal)
        if literal.sync:
            self._out.append(b"+ Ready for literal\r\n")
        self._remaining = size
        self._mode = _Mode.COLLECT
        return _AGAIN

    def _streamed(self, data: bytes) -> tuple[Got | Next, tuple[AppendPart, ...], Place] | None:
        """What `data` means when the literal whose announcement ends it is streamed; None: it is not."""
        if self._append is not None:
            more, place = parse_next(data, self._append, self._settings, self.utf8, partial=True)
            return more, more.parts, place
        if (found := parse_append(data, self._settings, self.utf8)) is None:
            return None
        got, place = found
        command = got.command.append if isinstance(got.command, Replace) else got.command
        assert isinstance(command, Append)
        return got, command.parts, place

    def _begin_stream(self, event: Got | Next, parts: tuple[AppendPart, ...], place: Place, literal: _Literal) -> _Step:
        limits, announced = self._settings, parts[-1]
        assert isinstance(announced, Literal)
        most = _LITERAL_MINUS if limits.literal_minus and not announced.sync else limits.max_append_octets
        if announced.size > most:
            return self._oversize(literal)
        if isinstance(event, Got):
            self._tag = event.tag
        self._append = place
        self._command = None
        self._line_octets = 0  # of the next stretch; how many there may be is limited by max_append_messages
        self._remaining = announced.size
        self._mode = _Mode.ASK if announced.sync else _Mode.STREAM
        return event

    def _oversize(self, literal: _Literal) -> _Step:
        if self._append is None:
            return self._doom_literal(too_large(self._begin(), literal.size, self._settings), literal)
        return self._doom_literal(Bad(self._tag_under_way(), "Literal too large", code=_TOOBIG), literal)

    def _doom_literal(self, bad: Bad, literal: _Literal) -> _Step:
        """A refused command goes on with a literal: a synchronizing one is simply not asked for (RFC 3501 §7.5)."""
        self._next_command()
        if literal.sync:
            return bad
        if literal.size is None:
            return self._fatal("Literal too large", _TOOBIG)  # RFC 7888 §4, second choice
        self._doom = bad
        self._remaining = literal.size
        self._mode = _Mode.DISCARD
        return self._count_discarded(0, _AGAIN)

    def _collect(self) -> _Step:
        command = self._command
        assert command is not None
        command += self._take(self._remaining)
        if self._remaining:
            return None
        self._mode = _Mode.LINE
        return _AGAIN

    def _take(self, most: int) -> bytes:
        """Up to `most` unread octets, counted off the literal that remains."""
        start = self._pos
        data = self._buffer[start : start + most]  # no copy when that is the whole buffer
        self._pos = self._scan = start + len(data)
        self._remaining -= len(data)
        return data

    # ---- APPEND's messages

    def _stream(self) -> _Step:
        data = self._take(self._remaining)
        if self._remaining:
            return Piece(data, last=False) if data else None
        assert self._append is not None
        if self._append.may_end and self._buffer.startswith(b"\r\n", self._pos):
            self._pos = self._scan = self._pos + 2
            self._next_command()
            return Piece(data, last=True)
        self._mode = _Mode.LINE
        return Piece(data, last=False) if data else _AGAIN

    # ---- commands that are thrown away

    def _doomed_line(self) -> _Step:
        """Skip to the line's end, however long, within max_discard_octets; then its literal, or the command is over."""
        start = self._pos
        end = self._buffer.find(b"\n", self._scan)
        if end < 0:
            self._scan = len(self._buffer)
            self._pos = max(start, self._scan - _TAIL)  # what may belong to a literal's announcement
            return self._count_discarded(self._pos - start, None)
        self._pos = self._scan = end + 1
        literal = _announced(self._buffer[max(start, end - _TAIL) : end])
        if literal is None or literal.sync:
            return self._count_discarded(end + 1 - start, _AGAIN, over=True)
        if literal.size is None or literal.lost:
            return self._fatal("Literal too large", _TOOBIG)
        self._remaining = literal.size
        self._mode = _Mode.DISCARD
        return self._count_discarded(end + 1 - start, _AGAIN)

    def _discard(self) -> _Step:
        taken = len(self._take(self._remaining))
        if self._remaining:
            return self._count_discarded(taken, None)
        self._mode = _Mode.DOOMED
        return self._count_discarded(taken, _AGAIN)

    def _count_discarded(self, octets: int, step: _Step, *, over: bool = False) -> _Step:
        """What to do next, unless the client has tried our patience; `over`: the doomed command ends here."""
        self._discarded += octets
        if self._discarded + self._remaining > self._settings.max_discard_octets:
            return self._fatal("Too much input that can't be used", _TOOBIG)
        if over:
            bad = self._doom
            self._next_command()
            return bad or _AGAIN
        return step

    # ---- the rest

    def _raw(self) -> _Step:
        limit = self._settings.max_raw_line_octets
        line = self._take_line(limit)
        if line is not None:
            return Line(line)
        return self._fatal("Line too long") if len(self._buffer) - self._pos > limit else None

    def _fatal(self, text: str, code: bytes = b"") -> Fatal:
        """The end of all input; the session says BYE."""
        self._reset()
        self._mode = _Mode.DEAD
        return Fatal(text, code)
