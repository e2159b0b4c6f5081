"""The tables of queue.db. Owns: their definition and version. Never: reads or writes rows. Raises: QueueFailure."""

from typing import cast

import apsw

from .api import QueueFailure

VERSION = 1

_TABLES = """
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

# the order in which sqlite._entries takes them apart
ENTRY_COLUMNS = (
    "e.entry_id, e.address, e.notify, e.original, e.state, e.attempts, e.next_attempt, e.last_reply, e.delay_warned,"
    " m.id, m.mail_from, m.body_8bit, m.smtputf8, m.ret, m.envid, m.size, m.arrived"
)


def create(db: apsw.Connection) -> None:
    """Make the tables of a new file; refuse a file from a later version."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = cast(int, db.pragma("user_version"))
        if version == 0:
            db.execute(_TABLES)
            db.execute(f"PRAGMA user_version={VERSION}")
        elif version > VERSION:
            raise QueueFailure(f"queue.db has version {version}, this Postroom knows {VERSION}: use a newer one")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
