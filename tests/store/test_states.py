from pathlib import Path

from postroom.store import DiskState
from postroom.store.states import no_probe

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()


def test_the_page_has_a_row_for_every_state() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.split("\n") if line.startswith("| `")]
    assert [row for row in rows if row[1:-1].isupper()] == [f"`{state.name}`" for state in DiskState]


def test_the_probe_outside_of_tests_does_nothing() -> None:
    for state in DiskState:
        no_probe(state)
