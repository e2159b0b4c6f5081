import apsw

from postroom.store.sqlite.query import columns, columns_and_octets, fetch


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


def test_columns_of_octets_are_what_the_rows_have() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a BLOB NOT NULL, b BLOB NOT NULL, c BLOB NOT NULL)")
    odd = [b"", b"\0", b"x\0y", b"\xff\xfe", "ü".encode(), b'","', b"\r\n", bytes(range(256)), b"" * 3, b"z" * 5000]
    rows = [(number, one, other, b"") for number, (one, other) in enumerate(zip(odd, odd[::-1], strict=True))]
    db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    found = columns_and_octets(db, ("id", "length(a)"), ("a", None, "b", "c"), "t ORDER BY id DESC", ())
    expected = [(number, len(one), one, None, other, empty) for number, one, other, empty in rows[::-1]]
    assert list(zip(*found, strict=True)) == expected
    assert columns_and_octets(db, ("id",), ("a", None), "t WHERE id > 100", ()) == [(), [], ()]
