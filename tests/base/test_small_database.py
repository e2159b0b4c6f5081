"""Small SQLite files: made for their owner alone, brought up to date, changed whole or not at all."""

from pathlib import Path

import apsw
import pytest

from postroom.base import MailError
from postroom.base.small_database import SmallDatabase

FIRST = {1: "CREATE TABLE one (n INTEGER) STRICT"}
SECOND = {**FIRST, 2: "CREATE TABLE two (n INTEGER) STRICT"}


class Trouble(MailError):
    """Of these tests."""


def opened(path: Path | None, migrations: dict[int, str] = FIRST, application_id: int = 7) -> SmallDatabase:
    return SmallDatabase(
        path, migrations, application_id=application_id, kind="toy", failure=Trouble, synchronous="NORMAL"
    )


def count(database: SmallDatabase, table: str) -> int:
    return int(database.now(lambda db: db.execute(f"SELECT count(*) FROM {table}").get))


def put(db: apsw.Connection) -> None:
    db.execute("INSERT INTO one VALUES (1)")


def test_it_is_its_owners_and_grows_with_its_version(tmp_path: Path) -> None:
    path = tmp_path / "toy.db"
    first = opened(path)
    first.now(put)
    first.close()
    assert path.stat().st_mode & 0o777 == 0o600
    second = opened(path, SECOND)
    assert (count(second, "one"), count(second, "two")) == (1, 0)
    second.close()


@pytest.mark.parametrize(("migrations", "application_id"), [(FIRST, 7), (SECOND, 8)], ids=["newer", "another's"])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, migrations: dict[int, str], application_id: int) -> None:
    path = tmp_path / "toy.db"
    opened(path, SECOND).close()
    with pytest.raises(Trouble, match="not a toy database of this version"):
        opened(path, migrations, application_id)
    again = opened(path, SECOND)
    assert count(again, "two") == 0
    again.close()


def test_what_is_no_database_is_a_failure_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "toy.db"
    path.write_bytes(b"no database at all, and longer than a header of SQLite would be" * 9)
    with pytest.raises(Trouble, match=r"toy\.db"):
        opened(path)


def test_a_transaction_that_sqlite_has_ended_itself_hides_no_error() -> None:
    """As it does when the disk is full."""
    database = opened(None)

    def ended(db: apsw.Connection) -> None:
        put(db)
        db.execute("ROLLBACK")
        raise RuntimeError("the reason")

    with pytest.raises(RuntimeError, match="the reason"):
        database.now(ended)
    assert count(database, "one") == 0
    database.close()
