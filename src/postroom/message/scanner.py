"""Reads a message once, as it arrives, and keeps what is worth knowing.

Owns: finding headers, boundaries and body parts in a stream of octets, in bounded memory; putting the Facts together.
Never: keeps bodies (only the text for SEARCH up to its limit), judges a message, changes it. Raises: nothing on any
octets; ValueError when fed after `finish`.

How: pieces are collected until there is enough to work on in bulk. The buffer always begins with the octet before the
first unread one (a line feed made up before the first line), so that "at the start of a line" is simply "after \\n" and
a delimiter is found by one search for "\\n--boundary" (RFC 2046 §5.1.1). What is kept from one buffer to the next is an
unfinished header, or an unfinished line that may still become a delimiter.
"""

import enum

from .casemap import fold
from .dates import parse_day
from .envelope import address_text, wire_envelope
from .facts import Facts, SearchText
from .header import HEADER_END, HeaderIndex, fields_text, index_header, text_of
from .imap_wire import body_and_structure
from .mime_fields import decoded_param, param
from .parts import pack_parts
from .preview import preview, rank
from .search_text import part_text, raw_room
from .settings import MessageSettings
from .sort_keys import keys_of
from .structure import MAX_BOUNDARY, Kind, Part, describe

_LOOK_AHEAD = MAX_BOUNDARY + 5  # "\n--", a boundary, "--": enough of a line to know whether it is a delimiter
_NO_SETTINGS = MessageSettings()


class _Reading(enum.Enum):
    HEADER = 1
    BODY = 2
    DELIMITER = 3  # the rest of a delimiter line; a part begins after it
    CLOSE_DELIMITER = 4  # the rest of one that ends a multipart; the epilogue begins after it


class Scanner:
    """Feed it a message in pieces, any pieces; `finish` gives the facts.

    `bulk` is how many octets are collected before they are looked at; it changes speed and memory, never the facts.
    """

    def __init__(self, settings: MessageSettings = _NO_SETTINGS, *, bulk: int = 65536) -> None:
        self._settings = settings
        self._bulk = bulk
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._size = 0
        self._bare_line_feeds = 0
        self._last = -1  # the last octet that was counted
        self._finished = False
        # The stream: `_buf[0]` is the octet at offset `_base`; lines were counted up to offset `_counted_to`.
        self._buf = b"\n"
        self._base = -1
        self._search_from = 0  # the line feed from which on delimiters are looked for, in _buf
        self._body_from = 1  # the first octet of the body that was not looked at, in _buf
        self._lines = 0
        # The tree: parts that are open, from the message down to the part being read, and delimiters in force.
        self._root = Part(0)
        self._open = [self._root]
        self._line_marks = [0]  # for each open part, lines counted before its body
        self._delimiters: list[tuple[bytes, Part]] = []
        self._hits: dict[bytes, int] = {}  # next place of each delimiter in _buf; -1: none in it
        self._reading = _Reading.HEADER
        self._part_count = 1
        self._part_header_octets = 0
        # What is kept of it
        self._header = b""
        self._fields = HeaderIndex([], {})
        self._text: list[bytes] | None = None  # raw octets of the text part being read
        self._text_room = 0
        self._texts: list[str] = []
        self._search_room = settings.max_search_text_octets
        self._complete = True
        self._preview = ""
        self._preview_rank = 0  # of the part it came from
        self._preview_parent: Part | None = None  # that part's, when a better one may follow in it

    def feed(self, data: bytes) -> None:
        """The next octets of the message."""
        if self._finished:
            raise ValueError("the message is finished")
        self._size += len(data)
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= self._bulk:
            self._work(final=False)

    def finish(self) -> Facts:
        """No more octets will come: the facts."""
        if self._finished:
            raise ValueError("the message is finished")
        self._work(final=True)
        self._finished = True
        self._close_parts(0, self._size)
        root, header = self._root, self._fields
        by_name, most = header.by_name, self._settings.max_address_count
        body, structure = body_and_structure(root)
        date, message_id = header.first(b"date"), header.first(b"message-id")
        search = SearchText(
            from_=address_text(header, b"from", most),
            to=address_text(header, b"to", most),
            cc=address_text(header, b"cc", most),
            bcc=address_text(header, b"bcc", most),
            subject=text_of(by_name[b"subject"]) if b"subject" in by_name else "",
            headers=fields_text(header.pairs),
            body="\n".join(self._texts),
            complete=self._complete,
        )
        return Facts(
            size=self._size,
            line_end_octets=self._bare_line_feeds + (0 if self._last in (-1, 10) else 2),
            header_len=root.body_start,
            header=self._header,
            envelope=wire_envelope(header, most),
            body_structure=structure,
            body=body,
            parts=pack_parts(root),
            sent_day=parse_day(date) if date else None,
            message_id=message_id.decode("utf-8", "replace") if message_id else "",
            search=search,
            sort=keys_of(header, self._settings),
            preview=self._preview,
        )

    # ---- the stream

    def _work(self, final: bool) -> None:
        pieces = self._pieces
        old = len(self._buf)
        self._buf = b"".join((self._buf, *pieces))
        self._count_bare_line_feeds(old)
        pieces.clear()
        self._waiting = 0
        self._hits.clear()
        going = True
        while going:
            match self._reading:
                case _Reading.HEADER:
                    going = self._read_header(final)
                case _Reading.BODY:
                    going = self._read_body(final)
                case _:
                    going = self._read_delimiter(final)

    def _drop(self, upto: int) -> None:
        """Forget the buffer before index `upto`."""
        if upto > 0:
            self._buf = self._buf[upto:]
            self._base += upto
            self._search_from = max(self._search_from - upto, 0)
            self._body_from -= upto

    def _count_lines(self, start: int, end: int) -> None:
        self._lines += self._buf.count(b"\n", start, end)

    def _count_bare_line_feeds(self, start: int) -> None:
        buf = self._buf
        if start == len(buf):
            return
        bare = buf.count(b"\n", start) - buf.count(b"\r\n", start)
        if bare:
            self._bare_line_feeds += bare - (self._last == 13 and buf[start] == 10)
        self._last = buf[-1]

    def _next_hit(self) -> int:
        """Index of the next "\\n" that a delimiter may follow, or -1."""
        buf, start, hits = self._buf, self._search_from, self._hits
        first = -1
        for delimiter, _ in self._delimiters:
            hit = hits.get(delimiter)
            if hit is None or 0 <= hit < start:
                hit = hits[delimiter] = buf.find(delimiter, start)
            if hit >= 0 and (first < 0 or hit < first):
                first = hit
        return first

    def _undecided(self, hit: int) -> bool:
        """Whether the line after `hit` is still too short to tell which delimiter it is."""
        return len(self._buf) - hit < _LOOK_AHEAD and self._buf.find(b"\n", hit + 1) < 0

    def _read_header(self, final: bool) -> bool:
        """Read the header that begins after `_search_from`. False: more octets are needed (or there will be none)."""
        buf, before = self._buf, self._search_from
        start = before + 1
        hit = self._next_hit() if self._delimiters else -1
        if hit >= 0:
            blank = HEADER_END.search(buf, before, hit + 1)
        else:
            blank = HEADER_END.search(buf, before)
        limit = self._header_limit()
        if blank:
            end = blank.end()
        elif hit >= 0 and hit - before <= limit:
            if not final and self._undecided(hit):
                return False
            end = hit + 1
        elif len(buf) - start > limit or final:
            end = len(buf)
        else:
            self._drop(before)
            return False
        if end - start > limit:
            # Cut after the last whole line that fits; the rest is body.
            end = max(buf.rfind(b"\n", start, start + limit) + 1, start) or start
            if end == start:
                end = start + limit
        self._begin_body(buf[start:end], end)
        return True

    def _header_limit(self) -> int:
        if len(self._open) == 1:
            return self._settings.max_header_octets
        room = self._settings.max_part_headers_octets - self._part_header_octets
        return max(0, min(self._settings.max_header_octets, room))

    def _begin_body(self, header: bytes, end: int) -> None:
        """The header of the innermost open part is `header`; its body begins at index `end`."""
        part = self._open[-1]
        fields = index_header(header)
        depth = len(self._open)
        parent = self._open[-2] if depth > 1 else None
        if parent is None:
            self._header, self._fields = header, fields
        else:
            self._part_header_octets += len(header)
        in_digest = parent is not None and parent.kind is Kind.MULTIPART and parent.subtype.lower() == b"digest"
        describe(part, fields, in_digest, depth <= self._settings.max_nesting_depth)
        part.body_start = self._base + end
        self._count_lines(self._search_from + 1, end)
        self._line_marks[-1] = self._lines
        self._search_from, self._body_from = end - 1, end
        self._note_part(part, parent, fields)
        self._reading = _Reading.BODY
        if part.kind is Kind.MULTIPART:
            if part.boundary:
                self._delimiters.append((b"\n--" + part.boundary, part))
        elif part.kind is Kind.MESSAGE:
            self._open_part(part, end)
        elif part.is_text:
            self._text, self._text_room = [], raw_room(self._text_wanted(part, parent), part.encoding.lower())

    def _note_part(self, part: Part, parent: Part | None, fields: HeaderIndex) -> None:
        """Keep what a part's header adds: the envelope of a message inside, a file name to search for."""
        if parent is not None and parent.kind is Kind.MESSAGE:
            parent.envelope = wire_envelope(fields, self._settings.max_address_count)
            self._add_text(fields_text(fields.pairs))
        name = decoded_param(part.disposition[1], b"filename") if part.disposition else ""
        if name or (part.params and (name := decoded_param(part.params, b"name"))):
            self._add_text(fold(name))

    def _open_part(self, parent: Part, start: int) -> None:
        """A new part whose header begins at index `start`, right after a line feed (or the parent's header)."""
        part = Part(self._base + start)
        parent.children.append(part)
        self._part_count += 1
        self._open.append(part)
        self._line_marks.append(self._lines)
        self._reading = _Reading.HEADER

    def _read_body(self, final: bool) -> bool:
        if not self._delimiters:
            self._pass_body(len(self._buf))
            self._drop(len(self._buf) - 1)
            return False
        hit = self._next_hit()
        if hit < 0:
            self._pass_body(len(self._buf) if final else self._safe_end())
            self._drop(min(self._body_from, self._search_from) if not final else 0)
            return False
        if not final and self._undecided(hit):
            self._pass_body(self._before_line_end(hit))
            self._search_from = hit
            self._drop(min(self._body_from, hit))
            return False
        self._at_delimiter(hit)
        return True

    def _before_line_end(self, line_feed: int) -> int:
        """Where the line end at `line_feed` begins; the CRLF before a delimiter belongs to it (RFC 2046 §5.1.1)."""
        if line_feed > self._body_from and self._buf[line_feed - 1] == 13:
            return line_feed - 1
        return max(line_feed, self._body_from)

    def _safe_end(self) -> int:
        """The index up to which no delimiter can begin, whatever comes next; sets where the search goes on."""
        buf = self._buf
        line_feed = buf.rfind(b"\n", self._search_from)
        if line_feed >= 0 and len(buf) - line_feed < _LOOK_AHEAD:
            self._search_from = line_feed
            return self._before_line_end(line_feed)
        end = len(buf)
        if end > self._body_from and buf[end - 1] == 13:
            end -= 1
        self._search_from = end
        return end

    def _pass_body(self, end: int) -> None:
        """The octets up to index `end` are body of the innermost open part."""
        start = self._body_from
        if end <= start:
            return
        self._count_lines(start, end)
        if self._text is not None and self._text_room > 0:
            piece = self._buf[start : min(end, start + self._text_room)]
            self._text_room -= len(piece)
            self._text.append(piece)
            if start + len(piece) < end:
                self._complete = False
        elif self._text is not None:
            self._complete = False
        self._body_from = end

    def _at_delimiter(self, hit: int) -> None:
        """The line after `hit` starts with a delimiter: better one that it consists of, then the longest that fits, of
        equal ones the innermost."""
        buf = self._buf
        best, owner, place, rating = b"", self._root, 0, (False, 0)
        line_end = buf.find(b"\n", hit + 1, hit + _LOOK_AHEAD)
        line = buf[hit : line_end if line_end >= 0 else hit + _LOOK_AHEAD].rstrip(b" \t\r")
        for index, (delimiter, part) in enumerate(self._delimiters):
            if buf.startswith(delimiter, hit):
                better = (line == delimiter or line == delimiter + b"--", len(delimiter))
                if better >= rating:
                    best, owner, place, rating = delimiter, part, index, better
        end = self._before_line_end(hit)
        self._pass_body(end)
        depth = next(at for at, part in enumerate(self._open) if part is owner)
        self._close_parts(depth + 1, self._base + end)
        after = hit + len(best)
        self._count_lines(self._body_from, after)
        self._search_from = self._body_from = after
        if buf.startswith(b"--", after):
            del self._delimiters[place:]
            self._reading = _Reading.CLOSE_DELIMITER
        elif self._part_count >= self._settings.max_parts:
            self._delimiters.clear()
            self._reading = _Reading.BODY
        else:
            del self._delimiters[place + 1 :]
            self._reading = _Reading.DELIMITER

    def _read_delimiter(self, final: bool) -> bool:
        """Skip the rest of a delimiter line. Its line end belongs to it, even if another delimiter follows at once."""
        line_feed = self._buf.find(b"\n", self._body_from)
        if line_feed < 0 and not final:
            self._body_from = len(self._buf)
            self._drop(self._body_from)
            return False
        end = line_feed if line_feed >= 0 else len(self._buf)
        self._count_lines(self._body_from, end + 1)
        self._search_from, self._body_from = end, min(end + 1, len(self._buf))
        if self._reading is _Reading.CLOSE_DELIMITER:
            self._reading = _Reading.BODY
            return True
        self._open_part(self._open[-1], min(end + 1, len(self._buf)))
        if line_feed < 0:  # the message ends here: an empty part
            self._search_from = len(self._buf) - 1
        return True

    def _close_parts(self, depth: int, end: int) -> None:
        """The open parts from `depth` on end at offset `end`."""
        while len(self._open) > depth:
            part = self._open.pop()
            mark = self._line_marks.pop()
            part.body_end = max(end, part.body_start)
            part.lines = self._lines - mark
            if self._text is not None:
                self._finish_text(part)

    # ---- text for SEARCH

    def _finish_text(self, part: Part) -> None:
        raw, self._text = b"".join(self._text or ()), None
        parent = self._open[-1] if self._open else None
        charset = (param(part.params, b"charset") or b"us-ascii").decode("latin-1")
        room = self._text_wanted(part, parent)
        text, octets = part_text(raw, part.encoding.lower(), charset, part.subtype.lower() == b"html", room)
        self._note_preview(part, parent, text)
        text, most = fold(text), self._search_room
        if octets > most or len(text) > most:  # compatibility decomposition can make one character eighteen
            text, self._complete = text[:most], False
        self._search_room -= min(octets, most)
        if text:
            self._texts.append(text)

    def _text_wanted(self, part: Part, parent: Part | None) -> int:
        """How many decoded octets of a text part are worth keeping."""
        if self._previews(part, parent):
            return max(self._search_room, self._settings.max_preview_source_octets)
        return self._search_room

    def _previews(self, part: Part, parent: Part | None) -> bool:
        """Whether the part's text is a better preview than what was found so far."""
        return rank(part, parent) > self._preview_rank and (not self._preview_rank or parent is self._preview_parent)

    def _note_preview(self, part: Part, parent: Part | None, text: str) -> None:
        if self._previews(part, parent) and (found := preview(text, self._settings.max_preview_characters)):
            self._preview, self._preview_rank, self._preview_parent = found, rank(part, parent), parent

    def _add_text(self, text: str) -> None:
        if text and len(text) <= self._search_room:
            self._search_room -= len(text)
            self._texts.append(text)
        elif text:
            self._complete = False
