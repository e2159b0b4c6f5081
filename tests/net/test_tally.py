"""Limits of connections: of one process, and of several that share a board."""

from pathlib import Path

import pytest

from postroom.base import Board, WorkerPlace
from postroom.net import TALLY_ROWS, BoardTally
from postroom.net.tally import OwnTally, Tally


def workers(folder: Path, name: str = "smtp", number: int = 0) -> list[Tally]:
    if not (folder / "board").exists():
        Board.create(folder / "board", TALLY_ROWS, 2, b"k" * 16)
    return [BoardTally(Board(folder / "board", TALLY_ROWS, WorkerPlace(n, 2)), number, name, 2) for n in range(2)]


@pytest.mark.parametrize("several", [False, True])
def test_limits_of_all_and_of_one_address(tmp_path: Path, several: bool) -> None:
    if several:
        one, two = workers(tmp_path)
    else:
        one = two = OwnTally()
    assert one.admit("192.0.2.1", 4, 2)
    assert two.admit("192.0.2.1", 4, 2)
    assert not one.admit("192.0.2.1", 4, 2)
    assert not two.admit("192.0.2.1", 4, 2)
    assert one.admit("192.0.2.2", 4, 2)
    assert two.admit("192.0.2.3", 4, 2)
    assert not one.admit("192.0.2.4", 4, 2)
    two.release("192.0.2.1")
    assert one.admit("192.0.2.1", 4, 2)
    assert not two.admit("192.0.2.1", 9, 2)
    assert not two.admit("192.0.2.4", 4, 2)


def test_listeners_count_for_themselves(tmp_path: Path) -> None:
    smtp, _ = workers(tmp_path)
    pop3, _ = workers(tmp_path, "pop3", 1)
    assert smtp.admit("192.0.2.1", 1, 1)
    assert pop3.admit("192.0.2.1", 1, 1)
    assert not smtp.admit("192.0.2.1", 1, 1)


def test_what_a_dead_worker_had_is_free_again(tmp_path: Path) -> None:
    one, two = workers(tmp_path)
    assert two.admit("192.0.2.1", 1, 1)
    assert not one.admit("192.0.2.1", 1, 1)
    Board(tmp_path / "board", TALLY_ROWS, WorkerPlace(0, 2)).forget(1)
    assert one.admit("192.0.2.1", 1, 1)


def test_who_has_more_than_its_share_is_ahead(tmp_path: Path) -> None:
    both, alone = workers(tmp_path), OwnTally()

    def ahead() -> list[bool]:
        return [one.ahead for one in (*both, alone)]

    assert ahead() == [False, False, False]
    assert both[0].admit("192.0.2.1", 9, 9)
    assert ahead() == [True, False, False]
    assert both[1].admit("192.0.2.2", 9, 9)
    assert ahead() == [False, False, False]
    assert both[1].admit("192.0.2.3", 9, 9)
    assert ahead() == [False, True, False]
    both[1].release("192.0.2.3")
    assert ahead() == [False, False, False]
    assert alone.admit("192.0.2.1", 9, 9)
    assert ahead() == [False, False, False]
