import apsw

from postroom.store.sqlite.query import columns, fetch


def test_rows_and_columns() -> None:
    db = apsw.Connection("")
    db.execute("CREATE TABLE t(a, b)")
    assert columns(db, ("a", "b"), "t", ()) == [(), ()]
    largest = (1 << 63) - 1
    db.executemany("INSERT INTO t VALUES (?, ?)", [(3, 1), (1, -largest), (2, largest)])
    assert columns(db, ("a", "b"), "t ORDER BY a", ()) == [(1, 2, 3), (-largest, largest, 1)]
    assert columns(db, ("a",), "t WHERE a > ? ORDER BY a DESC", (1,)) == [(3, 2)]
    assert fetch(db, "SELECT a FROM t WHERE a = ?", (2,)) == [(2,)]
    db.close()
