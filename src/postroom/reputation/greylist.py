"""Who is asked to come again, and who has (RFC 6647); what good and bad mail of each origin there was.

Owns: the rows of data/reputation.db, their expiry and their bounds. Never: waits, replies. Raises: apsw.Error, which
the database turns into its failure.

An origin is a network, or a domain that SPF vouches for, whatever address its mail comes from: so the many addresses of
a big sender are one. An attempt is an origin, a sender's domain and a recipient; when it is made again in time, all
mail of the origin is taken from then on (§5, item 1).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import apsw

from .database import Remembered
from .settings import StrangersSettings

_PURGED = 0.9  # of the most rows, what is left when there are too many
_ORIGIN = "SELECT first, last, passed, good, junk FROM origin WHERE key = ?"
_ATTEMPT = "SELECT first, times FROM attempt WHERE key = ?"
_TRIED = """INSERT INTO attempt (key, origin, first, last, times) VALUES (?1, ?2, ?3, ?3, 1)
    ON CONFLICT (key) DO UPDATE SET last = ?3, times = times + 1"""
_AGAIN = "INSERT OR REPLACE INTO attempt (key, origin, first, last, times) VALUES (?1, ?2, ?3, ?3, 1)"
_PASSED = """INSERT INTO origin (key, first, last, passed, good, junk) VALUES (?1, ?2, ?2, 1, 0, 0)
    ON CONFLICT (key) DO UPDATE SET last = ?2, passed = 1"""
_LEARNT = """INSERT INTO origin (key, first, last, passed, good, junk) VALUES (?1, ?2, ?2, 0, ?3, ?4)
    ON CONFLICT (key) DO UPDATE SET last = ?2, good = good + ?3, junk = junk + ?4"""
_HALVED = "UPDATE origin SET good = good / 2, junk = junk / 2 WHERE key = ? AND good + junk > 1000"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recipient of one message."""

    network: str
    vouched: str  # the domain that SPF vouches for; ""
    mail_from: str
    recipient: str

    @property
    def origin(self) -> str:
        return self.vouched or self.network

    @property
    def key(self) -> bytes:
        return _hash("attempt", self.origin, self.mail_from.rpartition("@")[2].lower(), self.recipient.lower())

    @property
    def anywhere(self) -> bytes:
        """The same sender and recipient from anywhere."""
        return _hash("anywhere", self.mail_from, self.recipient.lower())


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an attempt."""

    taken: bool
    words: str  # for the log
    wait: float = 0.0  # seconds until another one is taken


def is_known(found: Remembered | None, settings: StrangersSettings) -> bool:
    """Greylisting lets it through."""
    if found is None or found.junk > found.good:
        return False
    return found.passed or found.good >= settings.known_after


def decide(db: apsw.Connection, attempt: Attempt, now: float, settings: StrangersSettings) -> Decision:
    """Take it, or have it come again; in a transaction."""
    for origin in filter(None, (attempt.vouched, attempt.network)):
        row = db.execute(_ORIGIN, (origin,)).fetchone()
        if row is not None and is_known(Remembered(row[0], row[1], bool(row[2]), row[3], row[4]), settings):
            return Decision(True, f"{origin} is known")
    delay, window = settings.greylist_delay_seconds, settings.greylist_window_seconds
    age, _ = _tried(db, attempt.key, attempt.origin, now, window)
    if age is not None and age >= delay:
        db.execute(_PASSED, (attempt.origin, now))
        db.execute("DELETE FROM attempt WHERE key IN (?, ?)", (attempt.key, attempt.anywhere))
        return Decision(True, f"{attempt.origin} came again after {age:.0f} s")
    # RFC 6647 §4.1: of senders who never come from the same place twice the recipient would wait for ever
    roaming, times = _tried(db, attempt.anywhere, "", now, window)
    if roaming is not None and roaming >= delay and times > settings.greylist_max_defers:
        return Decision(True, f"<{attempt.mail_from}> was asked to come again {times - 1} times, from several networks")
    return Decision(False, f"{attempt.origin} is asked to come again", delay - (age or 0.0))


def _tried(db: apsw.Connection, key: bytes, origin: str, now: float, window: float) -> tuple[float | None, int]:
    """Note another attempt: the age of the first one, None when this is it; how many there were with this one."""
    row = db.execute(_ATTEMPT, (key,)).fetchone()
    if row is None or not 0 <= now - row[0] <= window:  # RFC 6647 §5, item 2: too late is as if for the first time
        db.execute(_AGAIN, (key, origin, now))
        return None, 1
    db.execute(_TRIED, (key, origin, now))
    return now - row[0], row[1] + 1


def learn(db: apsw.Connection, learnt: Mapping[str, tuple[int, int]], now: float) -> None:
    """Good messages and junk by origin. Old ones count less and less, so that a change of ways is noticed."""
    for key, (good, junk) in learnt.items():
        db.execute(_LEARNT, (key, now, good, junk))
        db.execute(_HALVED, (key,))


def purge(db: apsw.Connection, now: float, settings: StrangersSettings) -> None:
    """Forget what is old, and the oldest of what is too much."""
    db.execute("DELETE FROM origin WHERE last < ?", (now - settings.remember_seconds,))
    db.execute("DELETE FROM attempt WHERE first < ?", (now - settings.greylist_window_seconds,))
    for table, column, most in (
        ("origin", "last", settings.max_known),
        ("attempt", "first", settings.max_waiting),
    ):
        (count,) = next(iter(db.execute(f"SELECT count(*) FROM {table}")))
        if count > most:
            excess = count - int(most * _PURGED)
            keys = f"SELECT key FROM {table} ORDER BY {column} LIMIT {excess:d}"
            db.execute(f"DELETE FROM {table} WHERE key IN ({keys})")


def waiting(db: apsw.Connection, origins: Iterable[str], limit: int) -> list[tuple[str, float, float, int]]:
    """Attempts that were not made again yet: origin, first, last, how often; the last ones first."""
    found: list[tuple[str, float, float, int]] = []
    for origin in origins:
        rows = db.execute(
            "SELECT origin, first, last, times FROM attempt WHERE origin = ? ORDER BY last DESC LIMIT ?",
            (origin, limit),
        )
        found += [(str(row[0]), float(row[1]), float(row[2]), int(row[3])) for row in rows]
    return found


def _hash(*texts: str) -> bytes:
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=16).digest()
