"""Fuzzy SEARCH on text (RFC 6203): rows that may match are picked by SQL, and scored one by one.

Owns: that SQL. Never: says what a match is (message/fuzzy.py does). Raises: apsw.Error.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import apsw

from postroom.message.casemap import fold
from postroom.message.fuzzy import FuzzyNeedle
from postroom.store.api import TextField, TextQuery
from postroom.store.settings import StoreSettings

_FEW = 2000  # uids up to which a join with a list beats reading the whole mailbox
_COLUMNS: dict[TextField, tuple[str, ...]] = {
    TextField.FROM: ("from_",),
    TextField.TO: ("to_",),
    TextField.CC: ("cc",),
    TextField.BCC: ("bcc",),
    TextField.SUBJECT: ("subject",),
    TextField.HEADER: ("headers",),
    TextField.BODY: ("body",),
    TextField.TEXT: ("headers", "body"),
}
_SELECT = """
SELECT uid, {text} FROM messages JOIN search_text USING (content_id)
WHERE mailbox_id = ? {among} AND ({other_text} OR ({test}))
"""


def search_fuzzy(
    db: apsw.Connection, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None, settings: StoreSettings
) -> dict[int, int]:
    """Uids and scores; see store.api.Account."""
    needle = FuzzyNeedle(query.needle, settings.max_fuzzy_words)
    if not needle.words or (uids is not None and not uids):
        return {}
    score = partial(_field_score, needle, fold(query.name) + ":") if query.where is TextField.HEADER else needle.score
    wanted = None if uids is None or len(uids) <= _FEW else set(uids)
    found: dict[int, int] = {}
    for uid, text in _candidates(db, mailbox_id, query.where, needle, uids if wanted is None else None, settings):
        if (wanted is None or uid in wanted) and (worth := score(text)):
            found[uid] = worth
    return found


def _candidates(
    db: apsw.Connection,
    mailbox_id: int,
    where: TextField,
    needle: FuzzyNeedle,
    uids: Sequence[int] | None,
    settings: StoreSettings,
) -> Iterator[tuple[int, str]]:
    """Rows of ASCII text that have a piece of each word, and all of other text (FuzzyNeedle.pieces)."""
    columns = _COLUMNS[where]
    args: list[Any] = [mailbox_id]
    if uids is not None:
        args.append(apsw.carray(array("q", uids)))
    tests: list[str] = []
    for pieces in needle.pieces():
        tests.append(" OR ".join([f"instr({column}, ?)" for piece in pieces for column in columns]))
        args += [piece for piece in pieces for _ in columns]
    sql = _SELECT.format(
        text=" || char(10) || ".join([f"substr({one}, 1, {settings.max_fuzzy_text_characters})" for one in columns]),
        among="AND uid IN (SELECT value FROM carray(?))" if uids is not None else "",
        other_text=" OR ".join([f"octet_length({column}) <> length({column})" for column in columns]),
        test=" AND ".join([f"({test})" for test in tests]),
    )
    yield from db.execute(sql, args)


def _field_score(needle: FuzzyNeedle, start: str, headers: str) -> int:
    """Of the best of the fields of one name."""
    lines = [line[len(start) :] for line in headers.split("\n") if line.startswith(start)]
    return max(map(needle.score, lines), default=0)
