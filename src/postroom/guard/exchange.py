"""What one process tells the others through guard.db, and hears of them: the statements.

Owns: how changes of several processes become one. Never: keeps anything in memory. Raises: apsw.Error.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import apsw

from .baselines import Sending, accepted, after
from .settings import GuardSettings
from .types import Ban, Stop

_DAY = 86_400.0
_LEVELS_KEPT_DAYS = 5.0  # no bucket needs longer to run out


@dataclass(frozen=True, slots=True)
class Poured:
    """What was added to one bucket."""

    bucket: str
    key: str
    amount: float
    rate: float  # at which it runs out, a second
    cap: float


@dataclass(slots=True)
class Outbox:
    """What the others do not know yet."""

    bans: dict[str, Ban] = field(default_factory=dict)
    poured: list[Poured] = field(default_factory=list)
    places: dict[tuple[str, str], float] = field(default_factory=dict)
    sent: dict[int, tuple[int, int]] = field(default_factory=dict)  # account: recipients, bounces
    stops: dict[int, Stop] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.bans or self.poured or self.places or self.sent or self.stops or self.told)


@dataclass(frozen=True, slots=True)
class News:
    """What has changed since a stamp, own changes included."""

    stamp: int
    bans: list[Ban]
    levels: list[tuple[str, str, float, float]]  # bucket, key, level, at that time of day
    places: list[tuple[str, str, float]]
    sending: dict[int, Sending]
    stops: list[tuple[Stop, bool]]  # whether its owner was told; without words: released


def exchange(db: apsw.Connection, outbox: Outbox, seen: int, now: float, settings: GuardSettings) -> News:
    """Write what is in the outbox, then read what is newer than `seen`."""
    if outbox:
        stamp = next_stamp(db)
        db.executemany(
            "INSERT OR REPLACE INTO ban VALUES (?,?,?,?,?,?,?)",
            [(*astuple(ban), stamp) for ban in outbox.bans.values()],
        )
        _pour(db, outbox.poured, now, stamp)
        forgiven = [(ban.network,) for ban in outbox.bans.values() if ban.times <= 0]
        db.executemany("DELETE FROM level WHERE key=?", forgiven)
        db.executemany(
            "INSERT OR REPLACE INTO place VALUES (?,?,?,?)",
            [(name, host, last, stamp) for (name, host), last in outbox.places.items()],
        )
        for account_id, (recipients, bounces) in outbox.sent.items():
            sending = after(sending_of(db, account_id), now, settings, recipients=recipients, bounces=bounces)
            put_sending(db, account_id, sending, stamp)
        for stop in outbox.stops.values():
            db.execute(
                "INSERT INTO stop VALUES (?,?,?,0,?) ON CONFLICT DO UPDATE SET since=excluded.since,"
                " words=excluded.words, told=0, stamp=excluded.stamp WHERE words=''",
                (*astuple(stop), stamp),
            )
        db.executemany("UPDATE stop SET told=1 WHERE account_id=?", [(account_id,) for account_id in outbox.told])
    return _news(db, seen)


def next_stamp(db: apsw.Connection) -> int:
    """For the changes of this transaction."""
    return int(db.execute("UPDATE stamp SET number=number+1 RETURNING number").get)


def _pour(db: apsw.Connection, poured: Sequence[Poured], now: float, stamp: int) -> None:
    for one in poured:
        row = db.execute("SELECT level, at FROM level WHERE bucket=? AND key=?", (one.bucket, one.key)).fetchone()
        before, at = (0.0, now) if row is None else row
        level = max(0.0, before - one.rate * max(0.0, now - at)) + one.amount
        values = (one.bucket, one.key, min(one.cap, max(0.0, level)), now, stamp)
        db.execute("INSERT OR REPLACE INTO level VALUES (?,?,?,?,?)", values)


def sending_of(db: apsw.Connection, account_id: int) -> Sending:
    """What is known of one account."""
    row = db.execute(
        "SELECT hour, in_hour, usual_hour, day, in_day, usual_day, bounces FROM sending WHERE account_id=?",
        (account_id,),
    ).fetchone()
    return Sending() if row is None else Sending(*row)


def put_sending(db: apsw.Connection, account_id: int, sending: Sending, stamp: int) -> None:
    """What is known of it now."""
    db.execute("INSERT OR REPLACE INTO sending VALUES (?,?,?,?,?,?,?,?,?)", (account_id, *astuple(sending), stamp))


def _news(db: apsw.Connection, seen: int) -> News:
    def rows(columns: str, table: str) -> list[tuple[Any, ...]]:
        return db.execute(f"SELECT {columns} FROM {table} WHERE stamp>?", (seen,)).fetchall()

    sending = rows("account_id, hour, in_hour, usual_hour, day, in_day, usual_day, bounces", "sending")
    return News(
        stamp=int(db.execute("SELECT number FROM stamp").get),
        bans=[ban_of(row) for row in rows(BAN_COLUMNS, "ban")],
        levels=rows("bucket, key, level, at", "level"),
        places=rows("name, host, last", "place"),
        sending={account_id: Sending(*rest) for account_id, *rest in sending},
        stops=[(Stop(*stop), bool(told)) for *stop, told in rows("account_id, since, words, told", "stop")],
    )


BAN_COLUMNS = "network, since, until, times, reason, by_operator"


def ban_of(row: Sequence[Any]) -> Ban:
    """From BAN_COLUMNS."""
    network, since, until, times, reason, by_operator = row
    return Ban(network, since, until, times, reason, bool(by_operator))


def sweep(db: apsw.Connection, now: float, settings: GuardSettings) -> None:
    """Drop what counts no more, and what is too much."""
    db.execute("DELETE FROM ban WHERE until<?", (now - settings.ban_memory_seconds,))
    db.execute("DELETE FROM level WHERE at<?", (now - _LEVELS_KEPT_DAYS * _DAY,))
    db.execute("DELETE FROM place WHERE last<?", (now - settings.known_place_days * _DAY,))
    for table, order, most in (
        ("ban", "until", settings.max_bans),
        ("level", "at", settings.max_remembered * 4),
        ("place", "last", settings.max_remembered * 4),
    ):
        key = {"ban": "network", "level": "bucket, key", "place": "name, host"}[table]
        over = int(db.execute(f"SELECT count(*) FROM {table}").get) - most
        if over > 0:
            db.execute(
                f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} ORDER BY {order} LIMIT ?)", (over,)
            )


def release(db: apsw.Connection, account_id: int, now: float, settings: GuardSettings) -> Stop | None:
    """The account may send again, and what it has sent counts as usual; the stop that was. None: there was none."""
    row = db.execute("SELECT account_id, since, words FROM stop WHERE account_id=? AND words<>''", (account_id,))
    found = row.fetchone()
    if found is None:
        return None
    stamp = next_stamp(db)
    db.execute("UPDATE stop SET words='', told=1, stamp=? WHERE account_id=?", (stamp, account_id))
    put_sending(db, account_id, accepted(sending_of(db, account_id), now, settings), stamp)
    return Stop(*found)
