"""A database file of reports: results to report on, reports sent and received.

Owns: the tables that every kind of report has. Never: knows what the rows mean. Raises: ReportDatabaseFailure.

All of it may be lost without a message being lost.
"""

from collections.abc import Mapping
from pathlib import Path

from postroom.base import MailError
from postroom.base.small_database import SmallDatabase

APPLICATION_ID = 0x506F5254  # "PoRT"
SENT_TABLES = """
CREATE TABLE report (                        -- that was sent, or will not be
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    state TEXT NOT NULL,                     -- sent, unwanted, waiting, failed
    uri TEXT NOT NULL,                       -- where it went
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL,                  -- seconds since 1970
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
"""
READING_TABLES = """
CREATE TABLE reading (                       -- how far a mailbox has been read
    mailbox TEXT PRIMARY KEY,
    uid_validity INTEGER NOT NULL,
    uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


def received_table(name: str) -> str:
    """For reports of somebody else on us."""
    return f"""
CREATE TABLE {name} (
    organization TEXT NOT NULL,
    report_id TEXT NOT NULL,
    begins REAL NOT NULL,
    ends REAL NOT NULL,
    arrived REAL NOT NULL,
    report BLOB NOT NULL,                    -- its JSON, compressed
    PRIMARY KEY (organization, report_id)
) STRICT, WITHOUT ROWID;
"""


class ReportDatabaseFailure(MailError):
    """SQLite or the disk refuses."""


class ReportDatabase(SmallDatabase):
    """The file at `path`; None: in memory, for tests. `kind`: for people."""

    def __init__(self, path: Path | None, migrations: Mapping[int, str], kind: str) -> None:
        super().__init__(
            path,
            migrations,
            application_id=APPLICATION_ID,
            kind=kind,
            failure=ReportDatabaseFailure,
            synchronous="FULL",
        )
