"""Leaky buckets: what fits, how they run out, that they stay few."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.guard.buckets import Buckets


def test_what_is_spent_runs_out_evenly() -> None:
    buckets = Buckets("x", 60, 60.0, 10)
    assert buckets.add("a", 60, 100.0) == 60
    assert buckets.wait("a", 1, 100.0) == 1.0
    assert buckets.wait("a", 1, 101.0) == 0.0
    assert buckets.level("a", 130.0) == 30
    assert buckets.level("a", 1000.0) == 0
    assert buckets.wait("b", 60, 100.0) == 0.0


def test_more_than_the_limit_fits_into_an_empty_one() -> None:
    buckets = Buckets("x", 10, 10.0, 10)
    assert buckets.wait("a", 1000, 0.0) == 0.0
    buckets.add("a", 1, 0.0)
    assert buckets.wait("a", 1000, 0.0) == 1.0


def test_no_limit() -> None:
    buckets = Buckets("x", 0, 60.0, 10)
    assert buckets.wait("a", 1e9, 0.0) == 0.0


def test_a_level_is_forgotten_some_day_whatever_was_poured_in() -> None:
    buckets = Buckets("x", 10, 10.0, 10)
    buckets.add("a", 1e12, 0.0)
    assert buckets.level("a", 40.0) == 0.0


def test_a_clock_that_goes_back_empties_nothing() -> None:
    buckets = Buckets("x", 10, 10.0, 10)
    buckets.add("a", 5, 100.0)
    assert buckets.level("a", 50.0) == 5


def test_what_others_did_and_what_they_do_not_know() -> None:
    buckets = Buckets("x", 10, 10.0, 10, shared=True)
    buckets.add("a", 2, 0.0)
    assert buckets.pending == {"a": 2}
    buckets.pending = {}
    buckets.add("a", 1, 0.0)
    buckets.learn("a", 6, 0.0)
    assert buckets.level("a", 0.0) == 7
    buckets.forget("a")
    assert (buckets.level("a", 0.0), buckets.pending) == (0, {})


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(-3, 50), st.floats(0, 5)), max_size=300))
def test_memory_stays_bounded_and_levels_between_nothing_and_the_cap(
    steps: list[tuple[int, float, float]],
) -> None:
    buckets, now = Buckets("x", 10, 60.0, 20, shared=True), 0.0
    for key, amount, pause in steps:
        now += pause
        level = buckets.add(str(key), amount, now)
        assert 0.0 <= level <= buckets.cap
        assert 0.0 <= buckets.wait(str(key), 1, now) <= 60.0 * 4
    assert len(buckets) <= 20
    assert len(buckets.pending) <= 20
