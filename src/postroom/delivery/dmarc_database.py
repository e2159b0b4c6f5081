"""data/dmarc.db: what was seen of each author's domain, DMARC reports sent and received.

Owns: its schema. Never: knows what the rows mean. Raises: ReportDatabaseFailure.
"""

from pathlib import Path

from .report_database import READING_TABLES, SENT_TABLES, ReportDatabase, received_table

_FIRST = (
    """
CREATE TABLE result (
    day TEXT NOT NULL,                       -- UTC, "2026-11-26"
    domain TEXT NOT NULL,                    -- where the record stands
    published TEXT NOT NULL,                 -- JSON: what it says
    sample TEXT NOT NULL,                    -- JSON: a row of a report, without its count
    messages INTEGER NOT NULL,
    PRIMARY KEY (day, domain, published, sample)
) STRICT, WITHOUT ROWID;
"""
    + SENT_TABLES
    + received_table("received")
    + received_table("failed")
    + READING_TABLES
)
MIGRATIONS = {1: _FIRST}


class DmarcDatabase(ReportDatabase):
    """The file at `path`; None: in memory, for tests."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, MIGRATIONS, "DMARC")
