"""docs/performance.md, as it is made from the results."""

import tomllib
from pathlib import Path

from bench.figures import Figure
from bench.growing import ACCOUNT_ROWS, ACCOUNTS, MESSAGES
from bench.results import Results, Session
from bench.rows import GROWING, ROWS

from bench import page, results

ROOT = Path(__file__).parents[2]


def measured(**figures: tuple[float, float]) -> Results:
    found = Results(sessions={"s": Session("2026-01-02", 3, "A cpu", 2, "Linux 6", "ext4", "3.11", "abc", "Postfix 1")})
    for name, (ours, theirs) in figures.items():
        found.add("s", name.replace("_", "-"), "postroom", Figure(ours, 12.0))
        found.add("s", name.replace("_", "-"), "peers", Figure(theirs, 34.0))
    return found


def line(text: str, begin: str) -> list[str]:
    found = next(line for line in text.splitlines() if line.startswith(f"| {begin} |"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_row_has_both_sides_its_ratio_aim_and_processor_time() -> None:
    text = page.render(measured(noop=(3000, 1500)), {}).text
    assert line(text, "NOOP") == ["NOOP", "op/s", "3,000", "1,500", "2.00", "≥ 1", "yes", "12.0", "34.0"]
    assert (
        "2026-01-02, Postroom abc, A cpu, 2 cores, Linux 6, ext4, Python 3.11, 3 runs, beside Postfix 1: 1 row." in text
    )


def test_a_row_under_its_aim_says_what_binds_it() -> None:
    made = page.render(measured(noop=(1000, 1500), copy=(1.0, 1.0)), {"noop": "Round\n  trips."})
    assert line(made.text, "NOOP")[4:7] == ["0.67", "≥ 1", "**no**"]
    assert "- **NOOP**: Round trips." in made.text
    assert "- **COPY of all**: not explained yet" in made.text
    assert made.unexplained == ["copy"]


def test_what_has_reached_its_aim_needs_no_explanation() -> None:
    made = page.render(measured(noop=(1500, 1500)), {"noop": "It was slow once."})
    assert "slow once" not in made.text
    assert made.unexplained == []


def test_limits_are_about_our_own_figure_and_lower_is_better_there() -> None:
    made = page.render(measured(idle_200_median=(20, 500)), {})
    assert line(made.text, "APPEND until EXISTS, 200 sessions in IDLE: median")[2:] == [
        *("20.0", "500", "25.00", "≤ 10", "**no**", "12.0", "34.0")
    ]


def test_what_is_not_available_says_why_once() -> None:
    found = measured()
    for row in ("workers-search", "workers-overview"):
        for side in ("1 worker", "2 workers"):
            found.add_missing("s", row, side, "there is no setting")
    made = page.render(found, {})
    assert line(made.text, "SEARCH BODY, 8 clients, an account each")[2:5] == ["not available", "not available", "–"]
    assert made.text.count("there is no setting") == 1
    assert made.unexplained == []


def test_two_workers_are_compared_with_one() -> None:
    found = measured()
    found.add("s", "workers-search", "1 worker", Figure(100.0))
    found.add("s", "workers-search", "2 workers", Figure(170.0))
    assert line(page.render(found, {}).text, "SEARCH BODY, 8 clients, an account each")[4:7] == ["1.70", "≥ 1.6", "yes"]


def test_tiny_sizes_are_called_that() -> None:
    found = measured(noop=(1, 1))
    assert "tiny" not in page.render(found, {}).text
    found.sessions["s"] = Session("d", 1, "p", 2, "k", "f", "3", "c", "", quick=True)
    assert "tiny sizes" in page.render(found, {}).text


def test_a_cost_that_grows_has_to_be_explained_too() -> None:
    found = measured()
    for size, cost in ((1000, 10.0), (10_000, 20.0), (100_000, 60.0)):
        found.add_point("s", MESSAGES, "noop", size, Figure(cost))
        found.add_point("s", MESSAGES, "select", size, Figure(10.0))
    made = page.render(found, {})
    assert line(made.text, "NOOP") == ["NOOP", "µs", "10", "20", "60", "+0.39", "+0.48", "**steeper**"]
    assert line(made.text, "SELECT")[-3:] == ["+0.00", "+0.00", ""]
    assert made.unexplained == ["growth-messages-noop"]
    assert page.render(found, {"growth-messages-noop": "A list."}).unexplained == []


def test_explanations_are_of_rows_that_there_are() -> None:
    names = set(ROWS) | {f"growth-{MESSAGES}-{row.name}" for row in GROWING}
    names |= {f"growth-{ACCOUNTS}-{row.name}" for row in ACCOUNT_ROWS}
    assert set(tomllib.loads((ROOT / "bench" / "bound_by.toml").read_text())) <= names


def test_the_page_is_the_one_that_the_results_give() -> None:
    """After a change to the page's words or to bound_by.toml: python -m bench --render."""
    file = ROOT / "docs" / "performance.json"
    if file.exists():
        bound_by = tomllib.loads((ROOT / "bench" / "bound_by.toml").read_text())
        assert (ROOT / "docs" / "performance.md").read_text() == page.render(results.read(file), bound_by).text
