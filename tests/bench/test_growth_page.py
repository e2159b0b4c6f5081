"""What is called steeper than its work."""

import pytest
from bench.figures import Figure
from bench.growing import ACCOUNTS, MESSAGES
from bench.growth_page import Grown, plots
from bench.results import Point, Results


def grown(*costs: float) -> Grown:
    points = {10 ** (3 + at): Point(cost, None, "s") for at, cost in enumerate(costs)}
    return Grown("noop", "NOOP", "µs", points)


@pytest.mark.parametrize(
    ("costs", "steep"),
    [
        ((10.0, 10.0, 10.0), False),
        ((10.0, 11.0, 12.0), False),  # noise
        ((10.0, 20.0, 40.0), True),
        ((100.0, 10.0, 20.0), True),  # what grows was hidden by a fixed cost
        ((10.0, 100.0, 1000.0, 10_000.0), True),
        ((40.0, 20.0, 10.0), False),
        ((10.0,), False),
    ],
)
def test_steep(costs: tuple[float, ...], steep: bool) -> None:
    assert grown(*costs).steep is steep


def test_time_that_grows_without_cpu_is_noise() -> None:
    def row(*cpus: float) -> Grown:
        points = {10 ** (3 + at): Point(10.0 * 3**at, cpu, "s") for at, cpu in enumerate(cpus)}
        return Grown("noop", "NOOP", "µs", points)

    assert row(5.0, 15.0, 45.0).steep
    assert not row(5.0, 5.0, 5.5).steep
    assert row(0.0, 0.0, 0.0).steep  # too little to be seen: time decides


def test_one_size_has_no_exponent() -> None:
    assert grown(10.0).exponent is None
    assert grown(10.0, 100.0).exponent == pytest.approx(1)


def test_a_plot_for_each_kind() -> None:
    found = Results()
    found.add_point("s", MESSAGES, "noop", 1000, Figure(5.0, 2.0))
    found.add_point("s", ACCOUNTS, "rest", 1, Figure(58.0))
    drawn = plots(found)
    assert sorted(drawn) == ["growth-accounts.svg", "growth-messages.svg"]
    assert "NOOP" in drawn["growth-messages.svg"]
