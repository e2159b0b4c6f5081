"""The file of those who have come before."""

import asyncio
import stat
from pathlib import Path

import apsw
import pytest

from postroom.reputation.database import Remembered, ReputationDatabase, ReputationFailure

ROW = "INSERT INTO origin VALUES ('192.0.2.0/24', 1, 2, 1, 3, 4)"


def test_it_is_nobody_elses_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "reputation.db"
    database = ReputationDatabase(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    asyncio.run(database.run(lambda db: db.execute(ROW)))
    assert database.remembered("192.0.2.0/24") == Remembered(1, 2, True, 3, 4)
    assert database.remembered("192.0.3.0/24") is None
    database.close()
    again = ReputationDatabase(path)
    assert again.remembered("192.0.2.0/24") == Remembered(1, 2, True, 3, 4)
    again.close()


def test_processes_share_it(tmp_path: Path) -> None:
    one, other = (ReputationDatabase(tmp_path / "reputation.db") for _ in range(2))
    one.now(lambda db: db.execute(ROW))
    assert other.remembered("192.0.2.0/24") is not None
    one.close()
    other.close()


def test_a_failure_changes_nothing(tmp_path: Path) -> None:
    database = ReputationDatabase(tmp_path / "reputation.db")

    def half(db: apsw.Connection) -> None:
        db.execute(ROW)
        db.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(ReputationFailure, match="nowhere"):
        database.now(half)
    assert database.remembered("192.0.2.0/24") is None
    database.close()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reputation.db"
    db = apsw.Connection(str(path))
    db.pragma("application_id", 7)
    db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(ReputationFailure, match="is not a reputation database of this version"):
        ReputationDatabase(path)
    with pytest.raises(ReputationFailure):
        ReputationDatabase(tmp_path / "none" / "reputation.db")
