"""data/guard.db: bans, levels of budgets, from where accounts signed in, what they usually send, which are stopped.

Owns: its schema. Never: decides anything. Raises: GuardFailure.

All of it may be lost without a message being lost. The last half second may: nothing here is synced to the disk before
something else happens. Each change has a stamp, by which every process finds what others have changed.
"""

import asyncio
from pathlib import Path

import apsw

from postroom.base.small_database import SmallDatabase

from .types import GuardFailure

APPLICATION_ID = 0x506F5247  # "PoRG"
_FIRST = """
CREATE TABLE stamp (number INTEGER NOT NULL) STRICT;
INSERT INTO stamp VALUES (0);
CREATE TABLE ban (
    network TEXT PRIMARY KEY,                -- 192.0.2.7, 2001:db8::/64
    since REAL NOT NULL,                     -- seconds since 1970, as all times here
    until REAL NOT NULL,
    times INTEGER NOT NULL,                  -- 0: an operator has lifted it
    reason TEXT NOT NULL,
    by_operator INTEGER NOT NULL,
    stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ban_stamp ON ban (stamp);
CREATE TABLE level (
    bucket TEXT NOT NULL,                    -- what is limited
    key TEXT NOT NULL,                       -- an address, a network, an account's number, the digest of a name
    level REAL NOT NULL,
    at REAL NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX level_stamp ON level (stamp);
CREATE TABLE place (
    name TEXT NOT NULL,                      -- the digest of a name
    host TEXT NOT NULL,
    last REAL NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (name, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_stamp ON place (stamp);
CREATE TABLE sending (
    account_id INTEGER PRIMARY KEY,
    hour INTEGER NOT NULL,                   -- hours since 1970
    in_hour INTEGER NOT NULL,                -- recipients elsewhere
    usual_hour REAL NOT NULL,
    day INTEGER NOT NULL,
    in_day INTEGER NOT NULL,
    usual_day REAL NOT NULL,
    bounces INTEGER NOT NULL,                -- of this day
    stamp INTEGER NOT NULL
) STRICT;
CREATE INDEX sending_stamp ON sending (stamp);
CREATE TABLE stop (
    account_id INTEGER PRIMARY KEY,
    since REAL NOT NULL,
    words TEXT NOT NULL,                     -- empty: released
    told INTEGER NOT NULL,                   -- 1: its owner was told, its queued mail is held
    stamp INTEGER NOT NULL
) STRICT;
CREATE INDEX stop_stamp ON stop (stamp);
"""
MIGRATIONS = {1: _FIRST}
SCHEMA_VERSION = max(MIGRATIONS)


class GuardDatabase(SmallDatabase):
    """The file at `path`; None: in memory, for tests. Several processes may have it open."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(
            path,
            MIGRATIONS,
            application_id=APPLICATION_ID,
            kind="guard",
            failure=GuardFailure,
            synchronous="NORMAL",
        )

    async def changed(self) -> int:
        """A number that is another one when another connection has committed."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._changed)

    def _changed(self) -> int:
        try:
            return int(self._db.execute("PRAGMA data_version").get)
        except apsw.Error as error:
            raise self._failure(error) from error
