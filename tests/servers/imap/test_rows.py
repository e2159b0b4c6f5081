"""Messages as columns, some at a time."""

from array import array

from postroom.servers.imap.rows import alike, batches, put_back


def test_batches_keep_runs_as_ranges_and_gather_the_scattered() -> None:
    assert list(batches([(0, 10)], 4)) == [range(4), range(4, 8), range(8, 10)]
    assert list(batches([(3, 5)], 100)) == [range(3, 5)]
    assert list(batches([(0, 1), (2, 3), (5, 9)], 20)) == [[0, 2, 5, 6, 7, 8]]
    assert list(batches([(0, 1), (2, 12)], 8)) == [[0, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11]]
    assert list(batches([], 4)) == []


def test_a_column_that_says_the_same_of_all() -> None:
    for same in ([7], [7, 7], array("q", [7, 7, 7]), [b"x", b"x"]):
        assert alike(same)
    for other in ([7, 8], array("q", [7, 7, 8]), [b"x", b"y"]):
        assert not alike(other)


def test_what_was_taken_out_of_a_column_is_put_back() -> None:
    assert put_back(array("q", [2, 4]), [0, 1, 2, 2], [1, 3, 5, 6]) == array("q", [1, 2, 3, 4, 5, 6])
    assert put_back(array("q", [2, 4]), [], []) == array("q", [2, 4])
