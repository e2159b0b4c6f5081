"""The file of what is known of TLS."""

import asyncio
from pathlib import Path

import apsw
import pytest

from postroom.delivery.tls_database import SCHEMA_VERSION, TlsDatabase, TlsDatabaseFailure


def _put(db: apsw.Connection) -> None:
    db.execute("INSERT INTO policy VALUES ('a.test', '1', x'00', 5.0)")


def _count(db: apsw.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM policy").get)


def test_it_is_kept(tmp_path: Path) -> None:
    async def go() -> None:
        database = TlsDatabase(tmp_path / "tls.db")
        await database.run(_put)
        database.close()

    asyncio.run(go())
    assert (tmp_path / "tls.db").stat().st_mode & 0o777 == 0o600
    database = TlsDatabase(tmp_path / "tls.db")
    assert database.now(_count) == 1
    database.close()


def test_a_change_that_fails_changes_nothing() -> None:
    async def go() -> None:
        database = TlsDatabase(None)

        def twice(db: apsw.Connection) -> None:
            _put(db)
            _put(db)

        with pytest.raises(TlsDatabaseFailure):
            await database.run(twice)
        assert database.now(_count) == 0
        database.close()

    asyncio.run(go())


def test_other_files_are_refused(tmp_path: Path) -> None:
    later = tmp_path / "later.db"
    database = TlsDatabase(later)
    database.now(lambda db: db.pragma("user_version", SCHEMA_VERSION + 1))
    database.close()
    other = tmp_path / "other.db"
    with apsw.Connection(str(other)) as db:
        db.pragma("application_id", 5)
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"junk" * 1000)
    for path in (later, other, junk, tmp_path):
        with pytest.raises(TlsDatabaseFailure):
            TlsDatabase(path)
