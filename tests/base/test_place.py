"""Which worker this is."""

from postroom.base import ALONE, WorkerPlace


def test_the_only_process_is_the_first_and_has_no_others() -> None:
    assert ALONE.alone
    assert ALONE.first
    assert ALONE.others() == []


def test_a_worker_knows_the_others() -> None:
    place = WorkerPlace(1, 3)
    assert not place.alone
    assert not place.first
    assert place.others() == [0, 2]
