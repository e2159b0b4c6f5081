"""Whose turn it is."""

from postroom.queue.fairness import Turns


def test_a_burst_stands_in_a_line_of_its_own() -> None:
    turns = Turns(0.5, 10)
    assert [turns.take("b.test", "bulk", 100.0) for _ in range(3)] == [100.0, 100.5, 101.0]
    assert turns.take("b.test", "other", 100.2) == 100.2
    assert turns.take("c.test", "bulk", 100.2) == 100.2
    assert turns.take("b.test", "bulk", 200.0) == 200.0


def test_it_can_be_turned_off_and_is_bounded() -> None:
    off = Turns(0.0, 10)
    assert [off.take("b.test", "bulk", 1.0) for _ in range(2)] == [1.0, 1.0]
    turns = Turns(0.5, 2)
    for sender in "abc":
        turns.take("b.test", sender, 1.0)
    assert len(turns) == 2
    assert turns.take("b.test", "a", 1.0) == 1.0
