"""Files of reports."""

import asyncio
from pathlib import Path

import apsw
import pytest

from postroom.delivery.report_database import READING_TABLES, ReportDatabase, ReportDatabaseFailure, received_table

FIRST = {1: received_table("received")}
SECOND = {**FIRST, 2: READING_TABLES}


def _put(db: apsw.Connection) -> None:
    db.execute("INSERT INTO received VALUES ('B', '1', 0.0, 1.0, 2.0, x'00')")


def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    database = ReportDatabase(tmp_path / "x.db", FIRST, "X")
    database.now(_put)
    database.close()
    database = ReportDatabase(tmp_path / "x.db", SECOND, "X")
    assert database.now(lambda db: db.execute("SELECT count(*) FROM received").get) == 1
    assert database.now(lambda db: db.execute("SELECT count(*) FROM reading").get) == 0
    database.close()
    with pytest.raises(ReportDatabaseFailure, match="not a X database of this version"):
        ReportDatabase(tmp_path / "x.db", FIRST, "X")


def test_work_is_whole_or_not_done() -> None:
    async def go() -> None:
        database = ReportDatabase(None, FIRST, "X")

        def halfway(db: apsw.Connection) -> None:
            _put(db)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await database.run(halfway)
        assert database.now(lambda db: db.execute("SELECT count(*) FROM received").get) == 0
        database.close()

    asyncio.run(go())
