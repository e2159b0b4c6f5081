"""data/tls.db: MTA-STS policies that were fetched, results of TLS, reports sent and received.

Owns: its schema. Never: knows what the rows mean. Raises: TlsDatabaseFailure.

All of it may be lost without a message being lost: policies are fetched again, a day's results are not reported.
"""

from pathlib import Path

from .report_database import READING_TABLES, SENT_TABLES, ReportDatabase, ReportDatabaseFailure, received_table

TlsDatabaseFailure = ReportDatabaseFailure
_FIRST = """
CREATE TABLE policy (
    domain TEXT PRIMARY KEY,                 -- A-labels
    policy_id TEXT NOT NULL,
    file BLOB NOT NULL,
    fetched REAL NOT NULL                    -- seconds since 1970
) STRICT, WITHOUT ROWID;
"""
_SECOND = (
    """
CREATE TABLE result (
    day TEXT NOT NULL,                       -- UTC, "2026-11-26"
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,                    -- JSON: kind, lines, hosts
    successes INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy)
) STRICT, WITHOUT ROWID;
CREATE TABLE failure (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,
    detail TEXT NOT NULL,                    -- JSON: result_type, sending_ip, mx, ip, reason
    sessions INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, detail)
) STRICT, WITHOUT ROWID;
"""
    + SENT_TABLES
    + received_table("received")
    + READING_TABLES
)
MIGRATIONS = {1: _FIRST, 2: _SECOND}
SCHEMA_VERSION = max(MIGRATIONS)


class TlsDatabase(ReportDatabase):
    """The file at `path`; None: in memory, for tests."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, MIGRATIONS, "TLS")
