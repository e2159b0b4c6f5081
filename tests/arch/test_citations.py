"""docs/rfc.tsv and the RFC citations in the code agree."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITATION = re.compile(r"RFC ?(\d{3,5})")


def _table() -> dict[int, str]:
    lines = (ROOT / "docs" / "rfc.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["rfc", "title", "support", "where", "notes"]
    rows = [line.split("\t") for line in lines[1:]]
    assert all(len(row) == 5 for row in rows), [row for row in rows if len(row) != 5]
    numbers = [int(row[0]) for row in rows]
    assert numbers == sorted(set(numbers)), "one row an RFC, in order"
    assert {row[2] for row in rows} <= {"yes", "part", "no"}
    for row in rows:
        for place in filter(None, row[3].split()):
            assert (ROOT / "src" / "postroom" / place).exists(), f"RFC {row[0]}: {place} does not exist"
    return {int(row[0]): row[2] for row in rows}


def _cited() -> set[int]:
    text = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return {int(number) for number in CITATION.findall(text)}


def test_every_cited_rfc_is_in_the_table() -> None:
    assert _cited() - set(_table()) == set()


def test_every_rfc_said_to_be_supported_is_cited_in_the_code() -> None:
    assert {number for number, support in _table().items() if support == "yes"} - _cited() == set()
