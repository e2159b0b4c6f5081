"""The state table in the documentation and the enum are the same list."""

import re
from pathlib import Path

from postroom.queue.states import DiskState, no_probe

PAGE = Path(__file__).parents[2] / "docs" / "queue.md"


def test_the_page_has_one_row_a_state() -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [state.name for state in DiskState]


def test_the_usual_probe_does_nothing() -> None:
    for state in DiskState:
        no_probe(state)
