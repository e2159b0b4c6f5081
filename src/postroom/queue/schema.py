"""The tables of queue.db. Owns: their definition and version. Never: reads or writes rows. Raises: QueueFailure."""

from typing import cast

import apsw

from .api import QueueFailure

_FIRST = """
CREATE TABLE messages(
  seq INTEGER PRIMARY KEY,          -- order of arrival
  id TEXT NOT NULL UNIQUE,          -- the queue id
  mail_from TEXT NOT NULL,          -- '' is the null reverse-path
  body_8bit INTEGER NOT NULL,
  smtputf8 INTEGER NOT NULL,
  ret TEXT,                         -- RFC 3461 4.3
  envid TEXT,                       -- RFC 3461 4.4
  size INTEGER NOT NULL,            -- octets of prefix and content
  arrived REAL NOT NULL,            -- seconds since 1970
  is_file INTEGER NOT NULL,         -- 1: the content is queue/<id>.msg
  prefix BLOB NOT NULL,             -- trace header lines before the content
  data BLOB                         -- the content, when it is small
);
CREATE TABLE entries(
  entry_id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: a late finish must not hit another entry
  message INTEGER NOT NULL REFERENCES messages(seq),
  address TEXT NOT NULL,
  notify TEXT,                      -- NULL: no NOTIFY was given (RFC 3461 4.1)
  original TEXT,                    -- ORCPT
  state TEXT NOT NULL CHECK(state IN ('waiting','sending','held')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt REAL NOT NULL,
  last_reply TEXT NOT NULL DEFAULT '',
  delay_warned INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX entries_by_message ON entries(message);
CREATE INDEX entries_due ON entries(next_attempt, entry_id) WHERE state='waiting';
"""

_SECOND = """
ALTER TABLE messages ADD COLUMN binary INTEGER NOT NULL DEFAULT 0;       -- RFC 3030 3
ALTER TABLE messages ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;  -- RFC 8689
ALTER TABLE messages ADD COLUMN deliver_by REAL;                         -- RFC 2852, seconds since 1970
ALTER TABLE messages ADD COLUMN by_mode TEXT NOT NULL DEFAULT '';        -- R or N, then perhaps T
ALTER TABLE messages ADD COLUMN hold_until REAL;                         -- RFC 4865, seconds since 1970
ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;     -- RFC 6710, -9 to 9
CREATE TABLE destinations(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,        -- domain of addresses, lower case; '' for addresses without one
  due REAL,                         -- the earliest next_attempt of its waiting entries; NULL: none waits
  paused INTEGER NOT NULL DEFAULT 0 -- 1: an operator has stopped what goes there
);
CREATE INDEX destinations_due ON destinations(due) WHERE due IS NOT NULL AND paused=0;
CREATE TABLE suppressions(
  address TEXT PRIMARY KEY,         -- lower case
  bounces INTEGER NOT NULL,         -- refusals for good in a row
  reply TEXT NOT NULL,              -- the last of them
  refused REAL NOT NULL,            -- when that was, seconds since 1970
  until REAL                        -- not asked again before; NULL: still asked
) WITHOUT ROWID;
ALTER TABLE entries ADD COLUMN destination INTEGER NOT NULL DEFAULT 0;   -- destinations.id
ALTER TABLE entries ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;          -- its message's priority, turned round
ALTER TABLE entries ADD COLUMN turn REAL NOT NULL DEFAULT 0;             -- the order among what is due (fairness.py)
ALTER TABLE entries ADD COLUMN route TEXT NOT NULL DEFAULT '';           -- an operator's choice of the way
ALTER TABLE entries ADD COLUMN wish TEXT NOT NULL DEFAULT '';            -- an operator's: retry, bounce:<text>
INSERT INTO destinations(name) SELECT DISTINCT
  iif(instr(address,'@'), lower(substr(address, length(rtrim(address, replace(address,'@','')))+1)), '') FROM entries;
UPDATE entries SET turn=next_attempt, destination=(SELECT id FROM destinations
  WHERE name=
  iif(instr(address,'@'), lower(substr(address, length(rtrim(address, replace(address,'@','')))+1)), ''));
UPDATE destinations SET due=(SELECT min(next_attempt) FROM entries WHERE destination=id AND state='waiting');
DROP INDEX entries_due;
CREATE INDEX entries_by_destination ON entries(destination, state, next_attempt);
CREATE INDEX entries_in_line ON entries(destination, rank, turn, entry_id) WHERE state='waiting';
"""

_THIRD = """
ALTER TABLE entries ADD COLUMN way TEXT NOT NULL DEFAULT '';             -- 'lmtp:…': a destination of its own
ALTER TABLE entries ADD COLUMN mail_from TEXT;                           -- its own reverse-path; NULL: the message's
ALTER TABLE entries ADD COLUMN lead BLOB NOT NULL DEFAULT x'';           -- header lines for this recipient alone
CREATE TABLE once(
  name TEXT PRIMARY KEY,            -- what was enqueued, and is not again
  at REAL NOT NULL                  -- when, seconds since 1970
) WITHOUT ROWID;
CREATE INDEX once_by_time ON once(at);
"""

_FOURTH = """
ALTER TABLE destinations ADD COLUMN served REAL NOT NULL DEFAULT 0;      -- when some of its entries were claimed last
"""

_FIFTH = """
ALTER TABLE messages ADD COLUMN holder INTEGER;                          -- account that has it held (RFC 4865)
CREATE INDEX messages_held ON messages(holder, hold_until, size) WHERE holder IS NOT NULL;
"""

_SIXTH = """
ALTER TABLE messages ADD COLUMN long_lines INTEGER NOT NULL DEFAULT 0;   -- RFC 5321 4.5.3.1.6
"""

# version reached: what takes the version before it there
MIGRATIONS = {1: _FIRST, 2: _SECOND, 3: _THIRD, 4: _FOURTH, 5: _FIFTH, 6: _SIXTH}
VERSION = max(MIGRATIONS)

# the order in which rows.entries takes them apart
ENTRY_COLUMNS = (
    "e.entry_id, e.address, e.notify, e.original, e.state, e.attempts, e.next_attempt, e.last_reply, e.delay_warned,"
    " e.route, e.wish, e.way, e.mail_from, e.lead,"
    " m.id, m.mail_from, m.body_8bit, m.smtputf8, m.ret, m.envid, m.binary, m.require_tls, m.deliver_by, m.by_mode,"
    " m.hold_until, m.priority, m.long_lines, m.holder, m.size, m.arrived"
)


def create(db: apsw.Connection) -> None:
    """Make the tables of a new file, bring an older file up to date; refuse a file from a later version."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = cast(int, db.pragma("user_version"))
        if version > VERSION:
            raise QueueFailure(f"queue.db has version {version}, this Postroom knows {VERSION}: use a newer one")
        for reached, change in MIGRATIONS.items():
            if reached > version:
                db.execute(change)
                db.execute(f"PRAGMA user_version={reached}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
