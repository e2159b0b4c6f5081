"""The arithmetic of rows."""

import pytest
from bench.figures import percentile, ratio, reached, slope, times_better, value


def test_percentile_is_one_of_the_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, part) for part in (0.0, 0.2, 0.5, 0.99, 1.0)] == [1.0, 1.0, 3.0, 5.0, 5.0]


def test_twice_as_good_is_2_whichever_way_the_unit_goes() -> None:
    assert times_better(200, 100, "msg/s") == 2
    assert times_better(5, 10, "ms") == 2
    assert times_better(5, 0, "op/s") is None


@pytest.mark.parametrize(
    ("aim", "own", "times", "unit", "expected"),
    [
        (ratio(2), 10, 2.0, "op/s", True),
        (ratio(2), 10, 1.996, "op/s", True),  # as the page shows it: 2.00
        (ratio(2), 10, 1.99, "op/s", False),
        (ratio(2), 10, None, "op/s", None),
        (value(50), 49, None, "ms", True),
        (value(50), 51, 9.0, "ms", False),
        (value(10_000), 9_999, None, "sessions", False),
        (value(10_000), None, None, "sessions", None),
        (None, 10, 2.0, "op/s", None),
    ],
)
def test_reached(aim: object, own: float | None, times: float | None, unit: str, expected: bool | None) -> None:
    assert reached(aim, own, times, unit) is expected  # type: ignore[arg-type]


def test_slope_is_the_exponent() -> None:
    assert slope([1, 10, 100], [3, 3, 3]) == pytest.approx(0)
    assert slope([1, 10, 100], [2, 20, 200]) == pytest.approx(1)
    assert slope([10, 100], [1, 100]) == pytest.approx(2)
