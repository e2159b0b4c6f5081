"""SEARCH on text: substrings of what was decoded when the message arrived.

Owns: joining what the search index says with the texts that it leaves to be looked at (the new ones, and those it can't
tell of), checking header fields line by line, reading a message again whose text was too long to keep. Never: decodes
by itself (message.Scanner does). Raises: apsw.Error, OSError.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import compress, islice
from typing import NamedTuple

import apsw
import msgspec

from postroom.message import MessageSettings, Scanner
from postroom.message.casemap import fold
from postroom.store.api import NoSuchContent, TextField, TextQuery
from postroom.store.text_index.asking import ask
from postroom.store.text_index.blocks import flags, from_bitmap, numbers_in
from postroom.store.text_index.tokens import Needle

from .files import AccountFiles
from .index_reading import FIELDS, FieldIndex, live_segments
from .query import columns, fetch
from .reading import read_range

_PIECE = 1 << 18
_FEW_UIDS = 2000  # up to which their messages are looked up, rather than the whole mailbox's taken
_FEW_TEXTS = 64  # that are looked at without asking the index
_COLUMN = {
    TextField.FROM: "from_",
    TextField.TO: "to_",
    TextField.CC: "cc",
    TextField.BCC: "bcc",
    TextField.SUBJECT: "subject",
}
_NO, _YES, _LOOK = 0, 1, 2  # what is known of a content
_ONLY_YES = bytes.maketrans(bytes([_LOOK]), bytes([_NO]))
_ONLY_LOOK = bytes.maketrans(bytes([_YES]), bytes([_NO]))


class Messages(NamedTuple):
    """Some of a mailbox, in uid order: the first `total` of each array."""

    uids: Sequence[int]
    content_ids: Sequence[int]
    total: int

    def only(self, uids: Sequence[int]) -> "Messages":
        """Those that are in this list."""
        content_ids = {}
        for uid in uids:
            at = bisect_left(self.uids, uid, 0, self.total)
            if at < self.total and self.uids[at] == uid:
                content_ids[uid] = self.content_ids[at]
        return Messages(list(content_ids), list(content_ids.values()), len(content_ids))


def messages_of(db: apsw.Connection, mailbox_id: int) -> Messages:
    """All of a mailbox, as the database has them."""
    uids, content_ids = columns(db, ("uid", "content_id"), "messages WHERE mailbox_id = ? ORDER BY uid", (mailbox_id,))
    return Messages(uids, content_ids, len(uids))


class TextSearch:
    """One search over one mailbox, in a thread."""

    def __init__(self, files: AccountFiles, settings: MessageSettings) -> None:
        self._files = files
        limit = max(files.settings.max_searched_text_octets, settings.max_search_text_octets)
        self._settings = msgspec.structs.replace(settings, max_search_text_octets=limit)

    def find(
        self,
        db: apsw.Connection,
        mailbox_id: int,
        query: TextQuery,
        uids: Sequence[int] | None,
        messages: Messages | None = None,
    ) -> set[int]:
        """Uids whose text has the needle; only among `uids` when given. `messages` are all of the mailbox."""
        if uids is not None and not uids:
            return set()
        with db:  # the index and the texts are of one moment
            if messages is None:
                messages = messages_of(db, mailbox_id)
            few = uids is not None and len(uids) <= _FEW_UIDS
            found = self._find(db, query, messages.only(uids) if uids is not None and few else messages)
        return found if uids is None or few else found & set(uids)

    def _find(self, db: apsw.Connection, query: TextQuery, messages: Messages) -> set[int]:
        needle, where = fold(query.needle), query.where
        if where is TextField.HEADER or (where in _COLUMN and not needle):
            # RFC 3501 §6.4.4: an empty string matches every message that has the field
            name = query.name if where is TextField.HEADER else where.value.rstrip("_")
            return _search_header(db, messages, fold(name), needle)
        if where in _COLUMN:
            return self._search(db, messages, (_COLUMN[where],), needle)
        if not needle:
            return set(islice(messages.uids, messages.total))
        return self._search(db, messages, ("body",) if where is TextField.BODY else ("headers", "body"), needle)

    def _search(self, db: apsw.Connection, messages: Messages, fields: Sequence[str], needle: str) -> set[int]:
        known = _known(db, messages, fields, needle)
        found = set(compress(messages.uids, known.translate(_ONLY_YES)))
        if _LOOK not in known:
            return found
        uids = list(compress(messages.uids, known.translate(_ONLY_LOOK)))
        content_ids = list(compress(messages.content_ids, known.translate(_ONLY_LOOK)))
        having, cut = _look(db, content_ids, fields, needle)
        having.update(content_id for content_id in cut if self._in_full_text(db, content_id, needle))
        found.update(uid for uid, content_id in zip(uids, content_ids, strict=True) if content_id in having)
        return found

    def _in_full_text(self, db: apsw.Connection, content_id: int, needle: str) -> bool:
        """Read a message again, with room for more text. The headers were searched already: they are kept whole."""
        scanner = Scanner(self._settings)
        try:
            ((prefix_len, size),) = db.execute("SELECT prefix_len, size FROM contents WHERE id = ?", (content_id,))
            for start in range(prefix_len, size, _PIECE):
                scanner.feed(read_range(db, self._files, content_id, start, start + _PIECE))
        except (NoSuchContent, ValueError):
            return False  # purged meanwhile
        return needle in scanner.finish().search.body


def _known(db: apsw.Connection, messages: Messages, fields: Sequence[str], text: str) -> bytes:
    """What the index says of each message: _NO, _YES or _LOOK."""
    if messages.total <= _FEW_TEXTS:
        return bytes([_LOOK]) * messages.total
    needle = Needle.of(text)
    ((content_next,),) = fetch(db, "SELECT content_next FROM account")
    states = bytearray([_LOOK]) * content_next
    for segment in live_segments(db):
        hits = unsure = 0
        for field in fields:
            answer = ask(FieldIndex(db, segment, FIELDS.index(field)), needle)
            hits |= answer.hits
            unsure |= answer.unsure
        if "body" in fields:
            unsure |= from_bitmap(segment.cut)
        states[segment.first : segment.end] = flags(hits, segment.documents)
        for number in numbers_in(unsure & ~hits, segment.documents):
            states[segment.first + number] = _LOOK
    if states.count(_NO) == content_next:
        return bytes(messages.total)
    return bytes([states[content_id] for content_id in islice(messages.content_ids, messages.total)])


def _look(
    db: apsw.Connection, content_ids: Iterable[int], fields: Sequence[str], needle: str
) -> tuple[set[int], list[int]]:
    """Which contents have the needle in their text; and which of the others may have it in what was cut from that."""
    hit = " OR ".join([f"instr({field}, ?1)" for field in fields])
    maybe = " OR NOT complete" if "body" in fields else ""
    ids, hits = columns(
        db,
        ("content_id", "hit"),
        f"(SELECT content_id, ({hit}) <> 0 AS hit, complete FROM search_text "
        f"WHERE content_id IN (SELECT value FROM carray(?2))) WHERE hit{maybe}",
        (needle, apsw.carray(array("q", content_ids))),
    )
    having = set(compress(ids, hits))
    return having, [content_id for content_id in ids if content_id not in having]


def _search_header(db: apsw.Connection, messages: Messages, name: str, needle: str) -> set[int]:
    start = name + ":"
    wanted = array("q", compress(messages.content_ids, _known(db, messages, ("headers",), start)))
    if needle:
        having = set(compress(messages.content_ids, _known(db, messages, ("headers",), needle)))
        wanted = array("q", having.intersection(wanted))
    if not wanted:
        return set()
    # A field begins a line
    args = ("\n" + start, needle or start, apsw.carray(wanted))
    among = (
        "search_text WHERE content_id IN (SELECT value FROM carray(?3)) "
        "AND instr(char(10) || headers, ?1) AND instr(headers, ?2)"
    )
    if needle:
        having = set()
        for content_id, headers in db.execute(f"SELECT content_id, headers FROM {among}", args):
            if any(line.startswith(start) and needle in line[len(start) :] for line in headers.split("\n")):
                having.add(content_id)
    else:
        having = set(columns(db, ("content_id",), among, args)[0])
    rows = zip(islice(messages.uids, messages.total), messages.content_ids, strict=False)
    return {uid for uid, content_id in rows if content_id in having}


def search_sent(db: apsw.Connection, mailbox_id: int, first_day: int, last_day: int) -> set[int]:
    """Uids whose Date field's day lies in the range."""
    sql = """
    SELECT uid FROM messages JOIN contents ON id = content_id WHERE mailbox_id = ? AND sent_day BETWEEN ? AND ?
    """
    return {uid for (uid,) in db.execute(sql, (mailbox_id, first_day, last_day))}
