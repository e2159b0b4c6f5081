"""SEARCH on text: substrings of what was decoded when the message arrived.

Owns: the SQL over search_text, checking header fields line by line, reading a message again whose text was too long to
keep. Never: decodes by itself (message.Scanner does). Raises: apsw.Error, OSError.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from postroom.message import MessageSettings, Scanner
from postroom.message.casemap import fold
from postroom.store.api import NoSuchContent, TextField, TextQuery

from .files import AccountFiles
from .reading import read_range

_PIECE = 1 << 18
_FEW = 2000  # uids up to which a join with a list beats reading the whole mailbox
_COLUMN = {
    TextField.FROM: "from_",
    TextField.TO: "to_",
    TextField.CC: "cc",
    TextField.BCC: "bcc",
    TextField.SUBJECT: "subject",
}
_JOIN = """
SELECT uid, {columns} FROM messages JOIN search_text USING (content_id) WHERE mailbox_id = ? {among} AND ({test})
"""


class TextSearch:
    """One search over one mailbox, in a thread."""

    def __init__(self, files: AccountFiles, settings: MessageSettings) -> None:
        self._files = files
        limit = max(files.settings.max_searched_text_octets, settings.max_search_text_octets)
        self._settings = msgspec.structs.replace(settings, max_search_text_octets=limit)

    def find(self, db: apsw.Connection, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None) -> set[int]:
        """Uids whose text has the needle; only among `uids` when given."""
        needle, where = fold(query.needle), query.where
        args: tuple[Any, ...] = (mailbox_id,)
        among = ""
        if uids is not None and not uids:
            return set()
        if uids is not None and len(uids) <= _FEW:
            among = "AND uid IN (SELECT value FROM carray(?))"
            args = (mailbox_id, apsw.carray(array("q", uids)))
        if where is TextField.HEADER or (where in _COLUMN and not needle):
            # RFC 3501 §6.4.4: an empty string matches every message that has the field
            name = query.name if where is TextField.HEADER else where.value.rstrip("_")
            found = self._header(db, among, args, fold(name), needle)
        elif where in _COLUMN:
            found = self._column(db, among, args, _COLUMN[where], needle)
        else:
            found = self._body(db, among, args, needle, headers_too=where is TextField.TEXT)
        if uids is not None and not among:
            found &= set(uids)
        return found

    def _column(self, db: apsw.Connection, among: str, args: tuple[object, ...], column: str, needle: str) -> set[int]:
        sql = _JOIN.format(columns="0", among=among, test=f"instr({column}, ?)")
        return {uid for uid, _ in db.execute(sql, (*args, needle))}

    def _header(self, db: apsw.Connection, among: str, args: tuple[object, ...], name: str, needle: str) -> set[int]:
        start = name + ":"
        sql = _JOIN.format(columns="headers", among=among, test="instr(headers, ?) AND instr(headers, ?)")
        found: set[int] = set()
        for uid, headers in db.execute(sql, (*args, start, needle or start)):
            for line in headers.split("\n"):
                if line.startswith(start) and (not needle or needle in line[len(start) :]):
                    found.add(uid)
                    break
        return found

    def _body(
        self, db: apsw.Connection, among: str, args: tuple[object, ...], needle: str, *, headers_too: bool
    ) -> set[int]:
        test = "instr(body, ?1)" if not headers_too else "instr(headers, ?1) OR instr(body, ?1)"
        if not needle:
            test = "1"
        # Messages whose text was cut and that are no hit so far come along, to be read again.
        sql = (
            _JOIN.format(columns=f"search_text.content_id, {test}", among=among, test=f"NOT complete OR {test}")
            .replace("mailbox_id = ?", "mailbox_id = ?2")
            .replace("carray(?)", "carray(?3)")
        )
        found: set[int] = set()
        unsure: list[tuple[int, int]] = []
        for uid, content_id, hit in db.execute(sql, (needle, *args)):
            if hit:
                found.add(uid)
            else:
                unsure.append((uid, content_id))
        found.update(uid for uid, content_id in unsure if self._in_full_text(db, content_id, needle))
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


def search_sent(db: apsw.Connection, mailbox_id: int, first_day: int, last_day: int) -> set[int]:
    """Uids whose Date field's day lies in the range."""
    sql = """
    SELECT uid FROM messages JOIN contents ON id = content_id WHERE mailbox_id = ? AND sent_day BETWEEN ? AND ?
    """
    return {uid for (uid,) in db.execute(sql, (mailbox_id, first_day, last_day))}
