"""data/guard.db: made once, private, refused when it is another file."""

import asyncio
import stat
from pathlib import Path

import apsw
import pytest

from postroom.guard.database import SCHEMA_VERSION, GuardDatabase
from postroom.guard.types import GuardFailure


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    GuardDatabase(tmp_path / "guard.db").close()
    assert stat.S_IMODE((tmp_path / "guard.db").stat().st_mode) == 0o600
    database = GuardDatabase(tmp_path / "guard.db")
    assert database.now(lambda db: int(db.pragma("user_version"))) == SCHEMA_VERSION
    database.close()


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    for version, application in ((99, 0x506F5247), (1, 0x12345678)):
        path = tmp_path / f"{version}.db"
        db = apsw.Connection(str(path))
        db.pragma("user_version", version)
        db.pragma("application_id", application)
        db.close()
        with pytest.raises(GuardFailure, match="not a guard database"):
            GuardDatabase(path)


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        database = GuardDatabase(tmp_path / "guard.db")

        def work(db: apsw.Connection) -> None:
            db.execute("UPDATE stamp SET number=7")
            db.execute("INSERT INTO nowhere VALUES (1)")

        with pytest.raises(GuardFailure):
            await database.run(work)
        assert await database.run(lambda db: int(db.execute("SELECT number FROM stamp").get)) == 0
        database.close()

    asyncio.run(main())


def test_another_process_s_change_is_seen(tmp_path: Path) -> None:
    async def main() -> None:
        one, other = GuardDatabase(tmp_path / "guard.db"), GuardDatabase(tmp_path / "guard.db")
        before = await one.changed()
        await one.run(lambda db: db.execute("UPDATE stamp SET number=1"))
        assert await one.changed() == before
        await other.run(lambda db: db.execute("UPDATE stamp SET number=2"))
        assert await one.changed() != before
        one.close()
        other.close()

    asyncio.run(main())
