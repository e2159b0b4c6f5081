"""The board: every worker sees what the others write, and nobody writes another's cell."""

import subprocess
import sys
from pathlib import Path

import pytest

from postroom.base import Board, Rows, WorkerPlace

SECTIONS = {"open": Rows(4, held=True), "changes": Rows(8)}


def boards(folder: Path, count: int = 2) -> list[Board]:
    Board.create(folder / "board", SECTIONS, count, b"k" * 16)
    return [Board(folder / "board", SECTIONS, WorkerPlace(number, count)) for number in range(count)]


def test_a_row_is_the_sum_of_its_cells(tmp_path: Path) -> None:
    one, two = boards(tmp_path)
    one["open"].add(3)
    one["open"].add(3, 4)
    two["open"].add(3, -2)
    assert (one["open"].own(3), two["open"].own(3)) == (5, -2)
    assert one["open"].total(3) == two["open"].total(3) == 3
    assert [one["open"].total(row) for row in range(3)] == [0, 0, 0]
    assert [one["changes"].total(row) for row in range(8)] == [0] * 8


def test_a_remembered_row_differs_once_anybody_has_added(tmp_path: Path) -> None:
    one, two = boards(tmp_path)
    seen = one["changes"].row(7)
    two["changes"].add(6)
    assert one["changes"].row(7) == seen
    two["changes"].add(7)
    assert one["changes"].row(7) == two["changes"].row(7) != seen


def test_keys_of_any_size_have_a_row(tmp_path: Path) -> None:
    one, two = boards(tmp_path)
    one["changes"].add(8 * 10**12 + 5)
    assert two["changes"].total(5) == 1
    two["changes"].add(-1)
    assert one["changes"].total(7) == 1


def test_a_dead_worker_holds_nothing_but_its_changes_stay(tmp_path: Path) -> None:
    """Were they zeroed, as many changes by its successor would look like none."""
    one, two, three = boards(tmp_path, 3)
    for board in (one, two, three):
        for row in range(4):
            board["open"].add(row, 10)
            board["changes"].add(row, 10)
    one.forget(1)
    assert [two["open"].own(row) for row in range(4)] == [0] * 4
    assert [three["open"].total(row) for row in range(4)] == [20] * 4
    assert [three["changes"].total(row) for row in range(4)] == [30] * 4


def test_another_process_sees_it(tmp_path: Path) -> None:
    one, _ = boards(tmp_path)
    one["open"].add(1, 41)
    program = (
        "import sys; from pathlib import Path; from postroom.base import Board, Rows, WorkerPlace\n"
        f"board = Board(Path(sys.argv[1]), {SECTIONS!r}, WorkerPlace(1, 2))\n"
        "board['open'].add(1); print(board['open'].total(1), board.key('x'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "board"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["42", str(one.key("x"))]
    assert one["open"].total(1) == 42


def test_a_new_board_is_empty_and_leaves_the_old_one_to_who_has_it(tmp_path: Path) -> None:
    old, _ = boards(tmp_path)
    old["open"].add(0)
    new, _ = boards(tmp_path)
    assert new["open"].total(0) == 0
    old["open"].add(0)
    assert (old["open"].total(0), new["open"].total(0)) == (2, 0)


def test_a_board_of_another_layout_is_refused(tmp_path: Path) -> None:
    boards(tmp_path)
    with pytest.raises(ValueError, match="another layout"):
        Board(tmp_path / "board", SECTIONS, WorkerPlace(0, 3))
    with pytest.raises(ValueError, match="another layout"):
        Board(tmp_path / "board", {"open": Rows(3)}, WorkerPlace(0, 2))
    (tmp_path / "board").write_bytes(bytes((tmp_path / "board").stat().st_size))
    with pytest.raises(ValueError, match="another layout"):
        Board(tmp_path / "board", SECTIONS, WorkerPlace(0, 2))


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    boards(tmp_path)
    assert (tmp_path / "board").stat().st_mode & 0o777 == 0o600


def test_it_can_be_closed(tmp_path: Path) -> None:
    one, _ = boards(tmp_path)
    one.close()
    with pytest.raises(IndexError):
        one["open"].add(0)


def test_what_the_others_wrote_can_be_told_from_what_oneself_did(tmp_path: Path) -> None:
    one, two, three = boards(tmp_path, 3)
    seen = two["changes"].others(3)
    two["changes"].add(3)
    assert two["changes"].others(3) == seen
    one["changes"].add(3)
    then = two["changes"].others(3)
    three["changes"].add(3)
    assert len({seen, then, two["changes"].others(3)}) == 3


def test_stirring_changes_every_row_and_no_other_section(tmp_path: Path) -> None:
    one, two = boards(tmp_path)
    two["changes"].add(2)
    seen = [two["changes"].others(row) for row in range(8)]
    one["changes"].stir()
    assert all(two["changes"].others(row) != seen[row] for row in range(8))
    assert [one["changes"].own(row) for row in range(8)] == [1] * 8
    assert [two["changes"].own(row) for row in range(8)] == [0, 0, 1, 0, 0, 0, 0, 0]
    assert [two["open"].total(row) for row in range(4)] == [0] * 4
