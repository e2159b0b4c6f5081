from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.sqlite.schema import migrate
from postroom.store.sqlite.selecting import among, rows


def fill(db: apsw.Connection, uids: Sequence[int]) -> None:
    migrate(db, new=True)
    db.executemany("INSERT INTO messages VALUES (?, ?, 1, 0, 1, 1, 1, 1)", [(m, uid) for m in (1, 2) for uid in uids])


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "x.db"))
    fill(connection, (1, 2, 3, 7, 8, 20, 21, 300))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("uids", "how"),
    [
        (None, "mailbox_id = ?"),
        ([], "0"),
        ([7], "BETWEEN"),
        ([3, 2, 1], "BETWEEN"),
        (range(1, 400), "BETWEEN"),
        ([1, 2, 3, 7], "BETWEEN"),  # nothing else lies between
        ([1, 3, 7, 8], "carray"),
        ([1, 300], "carray"),
    ],
)
def test_the_cheapest_condition(db: apsw.Connection, uids: Sequence[int] | None, how: str) -> None:
    condition = among(db, 1, uids)
    assert condition[0].find(how) >= 0
    there = {1, 2, 3, 7, 8, 20, 21, 300}
    assert [row[0] for row in rows(db, condition)] == sorted(there if uids is None else there & set(uids))


def test_a_list_is_looked_up_not_scanned(db: apsw.Connection) -> None:
    where, args = among(db, 1, [1, 300])
    plan = db.execute(f"EXPLAIN QUERY PLAN SELECT uid FROM messages WHERE {where} ORDER BY uid", args).fetchall()
    text = " ".join(str(row[3]) for row in plan)
    assert "mailbox_id=? AND uid=?" in text
    assert "ORDER BY" not in text


@given(st.sets(st.integers(1, 40)), st.lists(st.integers(1, 45)))
def test_any_uids(there: set[int], asked: list[int]) -> None:
    connection = apsw.Connection("")
    fill(connection, sorted(there))
    assert [row[0] for row in rows(connection, among(connection, 2, asked))] == sorted(there & set(asked))
    connection.close()
