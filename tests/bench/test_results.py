"""The results file."""

from pathlib import Path

from bench.figures import Figure
from bench.results import Results, Session

from bench import results


def session(quick: bool = False) -> Session:
    return Session("2026-01-02", 3, "A processor", 2, "Linux 6", "ext4", "3.11", "abc", "Postfix 1, Dovecot 2", quick)


def some() -> Results:
    found = Results(sessions={"one": session()})
    for value in (10.0, 30.0, 20.0):
        found.add("one", "noop", "postroom", Figure(value, value * 2))
    found.add("one", "noop", "peers", Figure(5.0))
    found.add_missing("one", "workers-search", "2 workers", "no such setting")
    found.add_point("one", "messages", "noop", 1000, Figure(12.5, 3.0))
    return found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.write(some(), path)
    assert results.read(path) == some()
    assert path.read_text().count("\n") < 20  # a line for each row


def test_there_may_be_no_file_yet(tmp_path: Path) -> None:
    assert results.read(tmp_path / "none.json") == Results()


def test_medians() -> None:
    row = some().rows["noop"]
    assert row.median("postroom") == Figure(20.0, 40.0)
    assert row.median("peers") == Figure(5.0, None)
    assert row.median("nobody") is None


def test_a_new_session_replaces_a_row_whole_and_leaves_others(tmp_path: Path) -> None:
    found = some()
    found.sessions["two"] = session()
    found.add("two", "noop", "postroom", Figure(99.0))
    assert found.rows["noop"].sides == {"postroom": [Figure(99.0)]}
    assert found.rows["workers-search"].session == "one"


def test_growth_keeps_the_other_sizes() -> None:
    found = some()
    found.sessions["two"] = session()
    found.add_point("two", "messages", "noop", 1_000_000, Figure(13.0))
    assert sorted(found.growth["messages"]["noop"]) == [1000, 1_000_000]


def test_sessions_of_which_nothing_is_left_are_dropped(tmp_path: Path) -> None:
    found = some()
    found.sessions["empty"] = session()
    results.write(found, tmp_path / "results.json")
    assert list(results.read(tmp_path / "results.json").sessions) == ["one"]
