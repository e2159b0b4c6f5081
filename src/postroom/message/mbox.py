"""The mbox format (RFC 4155, and what programs really write): one file, message after message.

Owns: where a message begins and ends, the quoting of lines that begin with "From ", the header fields in which programs
keep flags. Never: reads a file; relies on Content-Length, which is wrong as soon as somebody edits the file.
Raises: nothing on any octets; ValueError when fed after `finish`.

A message begins with a line "From SENDER DATE". Such a line counts wherever it stands when its date is one of asctime;
with another form of date, or with none (Thunderbird writes "From " alone), only after an empty line. The empty line
before it belongs to the format. Lines of the message that begin with "From ", or with ">" and then that, have one more
">" before them (mboxrd); files of programs that quote "From " only (mboxo) come out right too, but for lines that were
">From " from the start.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from .dates import format_date, parse_date

MAX_FROM_LINE = 1000  # octets of a line that are looked at to see whether a message begins with it
_PIECE = 262_144
_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ASCTIME = re.compile(
    rb"From (?:.* )?" + _DAY + rb" +" + _MONTH + rb" +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[-+A-Za-z\d]+)?? +\d{4}\b"
)
_LOOSE = re.compile(rb"From (?:-?[ \t]*\r?$|.*\d:\d\d.*\d{4}|.*\d{4}.*\d:\d\d)")
_DATE = re.compile(_DAY + rb",? +(?:" + _MONTH + rb"|\d{1,2}[ -]).*", re.DOTALL)
_QUOTED = re.compile(rb"\n>(>*From )")
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_STATUS = re.compile(
    rb"\n(?:(X-Status|Status|X-Mozilla-Status2?|X-UID)[ \t]*:([^\n]*)"
    rb"|(X-Keywords|X-Mozilla-Keys|X-IMAP(?:base)?)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*))(?=\n|\Z)",
    re.IGNORECASE,
)
_HEADER_END = re.compile(rb"\n\r?\n")
_LETTERS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}
_MOZILLA = ((0x1, "\\Seen"), (0x2, "\\Answered"), (0x4, "\\Flagged"), (0x1000, "$Forwarded"))
_MOZILLA_EXPUNGED = 0x8


class Piece(NamedTuple):
    """Octets of one message, in order; the first piece has the whole header of any sensible message."""

    offset: int  # of the message's From_ line in the file
    from_line: bytes  # without its line end; empty for what stands before the first one
    data: bytes  # unquoted; line ends are those of the file
    first: bool
    last: bool


class MboxSplitter:
    """Feed it the file in pieces, any pieces; `finish` when there are no more.

    `piece_octets`: what is collected of a message before a part of it is given out; more than a few lines.
    """

    def __init__(self, piece_octets: int = _PIECE) -> None:
        self._piece_octets = piece_octets
        self._buf = b""
        self._base = 0  # offset of _buf[0] in the file
        self._at = 0  # where what was not given out yet begins, in _buf
        self._search = 0  # where the search for the next From_ line goes on, in _buf
        self._offset = 0  # of the message being read
        self._from_line = b""
        self._first = True  # nothing of it was given out
        self._started = False
        self._finished = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """What is complete with these octets."""
        if self._finished:
            raise ValueError("the file is finished")
        keep = min(self._at, max(self._search, 0))
        self._buf = self._buf[keep:] + data
        self._base += keep
        self._at -= keep
        self._search -= keep
        return self._work(final=False)

    def finish(self) -> Iterator[Piece]:
        """The rest."""
        if self._finished:
            raise ValueError("the file is finished")
        self._finished = True
        return self._work(final=True)

    def _work(self, final: bool) -> Iterator[Piece]:
        if not self._started and not self._start(final):
            return
        buf = self._buf
        while (hit := buf.find(b"\nFrom ", self._search)) >= 0:
            line_end = buf.find(b"\n", hit + 1, hit + 1 + MAX_FROM_LINE)
            if line_end < 0 and not final and len(buf) - hit <= MAX_FROM_LINE:
                self._search = hit
                return
            if line_end < 0:
                line_end = min(len(buf), hit + 1 + MAX_FROM_LINE)
            line, blank = buf[hit + 1 : line_end], self._blank_line(hit)
            if not (_ASCTIME.match(line) or (blank and _LOOSE.match(line))):
                self._search = hit + 1
                continue
            yield self._piece(hit + 1 - blank, last=True)
            self._begin(hit + 1, line, line_end)
        self._search = max(self._search, len(buf) - len(b"\nFrom ") + 1, 0)
        if final:
            at_end = len(buf) - self._blank_line(len(buf) - 1) if buf.endswith(b"\n") else len(buf)
            yield self._piece(max(at_end, min(self._at, len(buf))), last=True)
        elif len(buf) - self._at > self._piece_octets:
            cut = self._cut()
            yield self._piece(cut, last=False)
            self._at = cut

    def _start(self, final: bool) -> bool:
        """The first line of the file; a From_ line of any kind begins a message. Empty lines before it are no mail."""
        rest = self._buf[self._at :].lstrip(b"\r\n")
        self._at = self._search = len(self._buf) - len(rest)
        if b"\n" not in rest and len(rest) < MAX_FROM_LINE and not final:
            return False
        if not rest:
            return False
        self._started = True
        self._offset = self._base + self._at
        if rest.startswith(b"From "):
            line_end = self._buf.find(b"\n", self._at)
            if line_end < 0:
                line_end = len(self._buf)
            self._begin(self._at, self._buf[self._at : line_end], line_end)
        return True

    def _begin(self, start: int, line: bytes, line_end: int) -> None:
        self._offset = self._base + start
        self._from_line = line.rstrip(b"\r")
        self._at = line_end + 1
        self._search = line_end  # its line end may be the one before the next From_ line
        self._first = True

    def _blank_line(self, line_feed: int) -> int:
        """The octets of the empty line that ends with this line feed; 0 when the line is not empty."""
        buf = self._buf
        start = line_feed - (line_feed > 0 and buf[line_feed - 1] == 13)
        after_from_line = start == self._at and self._first and self._from_line
        if after_from_line or (start > self._at and buf[start - 1] == 10):
            return line_feed + 1 - start
        return 0

    def _cut(self) -> int:
        """Up to where octets can be given out, whatever comes: the last two line ends stay, an empty line may be
        among them that belongs to a From_ line to come."""
        buf = self._buf
        last = buf.rfind(b"\n", self._at + 1)
        before = buf.rfind(b"\n", self._at + 1, last) if last > 0 else -1
        if before > 0:
            return before
        return last if last > 0 else len(buf) - 1

    def _piece(self, end: int, *, last: bool) -> Piece:
        data = self._buf[self._at : end]
        if b"\n>" in data:
            data = _QUOTED.sub(rb"\n\1", data)
        piece = Piece(self._offset, self._from_line, data, self._first, last)
        self._first = False
        return piece


def from_line_date(line: bytes) -> int | None:
    """Seconds since 1970 of a From_ line's date, which is in UTC when it names no zone (RFC 4155)."""
    found = _DATE.search(line, 5)
    return parse_date(found[0]) if found else None


def from_line(sender: bytes, seconds: int) -> bytes:
    """The line before a message; its date is in UTC. `sender` may be empty."""
    day, number, month, year, time = format_date(seconds).replace(",", "").split()[:5]
    asctime = f"{day} {month} {number:>2} {time} {year}"
    return b"From %b %b\n" % (re.sub(rb"\s", b"_", sender) or b"MAILER-DAEMON", asctime.encode())


class Quoting:
    """Lines that begin with "From " get their ">": feed it pieces with LF line ends, any pieces."""

    def __init__(self) -> None:
        self._rest = b""  # an unfinished line that may have to be quoted
        self._within = False  # a line has begun that was given out already

    def feed(self, piece: bytes) -> bytes:
        text, passed = self._rest + piece, b""
        if self._within:
            at = text.find(b"\n") + 1 or len(text)
            passed, text = text[:at], text[at:]
            self._within = not passed.endswith(b"\n")
        at = text.rfind(b"\n") + 1
        if len(text) - at > MAX_FROM_LINE:  # so many ">" nobody wrote
            self._within, at = True, len(text)
        self._rest = text[at:]
        return passed + _TO_QUOTE.sub(rb">\1", text[:at])

    def finish(self) -> bytes:
        """The last line, when it has no end."""
        rest, self._rest = self._rest, b""
        return _TO_QUOTE.sub(rb">\1", rest)


class Status(NamedTuple):
    """What programs wrote of a message into its header."""

    content: bytes  # without the fields
    flags: frozenset[str]
    removed: bool  # Thunderbird: deleted, and gone with the next compacting
    bookkeeping: bool  # not a message: what the c-client library keeps at the head of a file


def take_status(first: bytes) -> Status:
    """Take Status, X-Status, X-Keywords, X-Mozilla-… out of a message's first octets.

    They belong to the mbox, not to the message: another program would take them for the message's state for ever.
    """
    blank = _HEADER_END.search(first)
    end = blank.start() + 1 if blank else len(first)
    header = b"\n" + first[:end]
    found = _STATUS.findall(header)
    if not found:
        return Status(first, frozenset(), False, False)
    flags: set[str] = set()
    removed = bookkeeping = False
    for one_line, line, folding, lines in found:
        name, value = (one_line or folding).lower(), (line or lines).decode("utf-8", "replace").strip()
        if name in (b"status", b"x-status"):
            flags.update(_LETTERS[letter] for letter in value if letter in _LETTERS)
        elif name in (b"x-keywords", b"x-mozilla-keys"):
            flags.update(value.split())
        elif name == b"x-mozilla-status" and (mask := _hexadecimal(value)):
            flags.update(flag for bit, flag in _MOZILLA if mask & bit)
            removed = bool(mask & _MOZILLA_EXPUNGED)
        elif name == b"x-imap":
            bookkeeping = True
    return Status(_STATUS.sub(b"", header)[1:] + first[end:], frozenset(flags), removed, bookkeeping)


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def status_fields(flags: frozenset[str]) -> bytes:
    """The other way: the fields that say these flags, each line ended with LF."""
    status = "RO" if "\\Seen" in flags else "O"
    more = "".join(sorted(letter for letter, flag in _LETTERS.items() if letter != "R" and flag in flags))
    keywords = " ".join(sorted(flag for flag in flags if not flag.startswith("\\")))
    lines = [f"X-Keywords: {keywords}"] if keywords else []
    if more:
        lines.append(f"X-Status: {more}")
    lines.append(f"Status: {status}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
