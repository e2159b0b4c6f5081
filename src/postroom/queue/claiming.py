"""What is due, and for which destination: the statements that find it.

Owns: the destinations table and the order in which waiting entries are claimed. Never: commits. Raises: apsw.Error.

A destination's row says when its earliest entry is due, and when it had its last turn. Claiming looks at those that are
due, the one whose turn is longest ago first, and takes each one's share from its own line; so a million entries for one
slow destination cost no more than the one entry of another, and a hundred entries for each of ten thousand destinations
do not stand in its way.
"""

import json
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any, cast

import apsw

from .api import DestinationSummary, Share
from .schema import ENTRY_COLUMNS

_ORDER = "WHERE e.destination=? AND e.state='waiting' AND e.next_attempt<=? ORDER BY e.rank, e.turn, e.entry_id LIMIT ?"
_JOIN = "JOIN messages m ON m.seq=e.message"
# Two ways to the same rows: sorting the few that are due, or walking the line past those that are not.
_FEW = f"SELECT {ENTRY_COLUMNS} FROM entries e INDEXED BY entries_by_destination {_JOIN} {_ORDER}"
_MANY = f"SELECT {ENTRY_COLUMNS} FROM entries e INDEXED BY entries_in_line {_JOIN} {_ORDER}"
_SAME_MESSAGES = (
    f"SELECT {ENTRY_COLUMNS} FROM entries e INDEXED BY entries_by_message {_JOIN}"
    " WHERE e.destination=? AND e.state='waiting' AND e.next_attempt<=?"
    " AND e.message IN (SELECT message FROM entries WHERE entry_id IN (SELECT value FROM json_each(?)))"
    " AND e.entry_id NOT IN (SELECT value FROM json_each(?)) ORDER BY e.entry_id LIMIT ?"
)
_MARK = "UPDATE entries SET state='sending' WHERE entry_id IN (SELECT value FROM json_each(?))"
_COUNT_DUE = (
    "SELECT count(*) FROM (SELECT 1 FROM entries WHERE destination=? AND state='waiting' AND next_attempt<=? LIMIT ?)"
)
_WORTH_A_LOOK = 10  # entries of one of many destinations that go the same way; they take turns
_OPEN = "paused=0 AND due IS NOT NULL"


def destination_with(db: apsw.Connection, name: str, due: float | None) -> int:
    """The row of this destination, made when there is none, which has one more entry that is due then."""
    found = db.execute(
        "INSERT INTO destinations(name, due) VALUES(?1,?2)"
        " ON CONFLICT(name) DO UPDATE SET due=iif(?2 IS NULL, due, min(ifnull(due,?2),?2)) RETURNING id",
        (name, due),
    ).fetchone()
    return int(cast(tuple[int], found)[0])


def next_due(db: apsw.Connection, full: Container[str], until: float) -> float | None:
    """The earliest moment at which a destination that is not `full` or paused has something due, up to `until`."""
    for name, due in db.execute(f"SELECT name, due FROM destinations WHERE {_OPEN} AND due<=? ORDER BY due", (until,)):
        if name not in full:
            return float(cast(float, due))
    return None


def claim(
    db: apsw.Connection, now: float, limit: int, share: int | None, shares: Mapping[str, Share]
) -> list[tuple[Any, ...]]:
    """Rows of ENTRY_COLUMNS, marked as sending; the destinations they belong to are refreshed."""
    rows: list[tuple[Any, ...]] = []
    due = _destinations_due(db, now, limit, shares)
    portions = Portions([name for _, name in due], limit, share, shares)
    for number, name in due:
        if len(rows) >= limit:
            break
        room = min(limit - len(rows), portions.of(name))
        if room <= 0:
            continue
        few = cast(tuple[int], db.execute(_COUNT_DUE, (number, now, room + 1)).fetchone())[0] <= room
        found = db.execute(_FEW if few else _MANY, (number, now, room)).fetchall()
        if not few:
            found += _with_them(db, found, number, now, limit - len(rows) - len(found))
        db.execute(_MARK, (json.dumps([row[0] for row in found]),))
        db.execute("UPDATE destinations SET served=? WHERE id=?", (now, number))
        refresh(db, (number,))
        rows += found
        portions.taken(name, len(found))
    return rows


def _with_them(
    db: apsw.Connection, found: list[tuple[Any, ...]], number: int, now: float, room: int
) -> list[tuple[Any, ...]]:
    """The other recipients of the same messages at this destination: they go in one transaction."""
    chosen = json.dumps([row[0] for row in found])
    return db.execute(_SAME_MESSAGES, (number, now, chosen, chosen, max(0, room))).fetchall()


def _destinations_due(
    db: apsw.Connection, now: float, limit: int, shares: Mapping[str, Share]
) -> list[tuple[int, str]]:
    """As many as can be needed."""
    rows = db.execute(
        f"SELECT id, name FROM destinations WHERE {_OPEN} AND due<=? ORDER BY served, due LIMIT ?",
        (now, limit + len(shares)),
    ).fetchall()
    return cast(list[tuple[int, str]], rows)


class Portions:
    """How much each destination gets in one claim, where several have to do with less than they could take."""

    def __init__(self, due: Iterable[str], limit: int, share: int | None, shares: Mapping[str, Share]) -> None:
        self._shares = shares
        waiting = Counter(id(shares.get(name)) for name in due)
        self._usual = _part(limit if share is None else share, limit, waiting[id(None)], 1)
        self._parts = {
            id(one): _part(one.left, one.left, waiting[id(one)], _WORTH_A_LOOK)
            for one in shares.values()
            if id(one) in waiting
        }

    def of(self, destination: str) -> int:
        """What it may have now; 0 when those with the same share have taken it all."""
        own = self._shares.get(destination)
        return self._usual if own is None else max(0, min(own.left, self._parts[id(own)]))

    def taken(self, destination: str, count: int) -> None:
        own = self._shares.get(destination)
        if own is not None:
            own.left -= count


def _part(share: int, whole: int, destinations: int, least: int) -> int:
    """Of a share: less where so many wait that not all could have it."""
    return max(least, min(share, whole // max(1, destinations)))


def refresh(db: apsw.Connection, destinations: Collection[int]) -> None:
    """Their earliest due time again; a row that nobody needs goes."""
    for number in destinations:
        row = cast(
            tuple[float | None],
            db.execute(
                "SELECT min(next_attempt) FROM entries WHERE destination=? AND state='waiting'", (number,)
            ).fetchone(),
        )
        db.execute("UPDATE destinations SET due=? WHERE id=? AND due IS NOT ?", (row[0], number, row[0]))
        if row[0] is None:
            db.execute(
                "DELETE FROM destinations WHERE id=?1 AND paused=0"
                " AND NOT EXISTS (SELECT 1 FROM entries WHERE destination=?1)",
                (number,),
            )


def destinations_of(db: apsw.Connection, entry_ids: Collection[int]) -> set[int]:
    """The destinations of these entries."""
    found: set[int] = set()
    for entry_id in entry_ids:
        row = db.execute("SELECT destination FROM entries WHERE entry_id=?", (entry_id,)).fetchone()
        if row is not None:
            found.add(int(cast(tuple[int], row)[0]))
    return found


def summaries(db: apsw.Connection) -> list[DestinationSummary]:
    """Every destination's counts, those with the most entries first."""
    counts: dict[int, dict[str, int]] = {}
    oldest: dict[int, float] = {}
    for number, state, count, first in db.execute(
        "SELECT destination, state, count(*), min(message) FROM entries GROUP BY destination, state"
    ).fetchall():
        counts.setdefault(cast(int, number), {})[cast(str, state)] = cast(int, count)
        row = db.execute("SELECT arrived FROM messages WHERE seq=?", (first,)).fetchone()
        arrived = float(cast(tuple[float], row)[0])
        oldest[cast(int, number)] = min(arrived, oldest.get(cast(int, number), arrived))
    found: list[DestinationSummary] = []
    for row in db.execute("SELECT id, name, due, paused FROM destinations").fetchall():
        number, name, due, paused = cast(tuple[int, str, float | None, int], row)
        own = counts.get(number, {})
        if own or paused:
            waiting, sending, held = (own.get(state, 0) for state in ("waiting", "sending", "held"))
            found.append(DestinationSummary(name, waiting, sending, held, due, bool(paused), oldest.get(number, 0.0)))
    return sorted(found, key=lambda one: (-one.waiting - one.sending - one.held, one.name))
