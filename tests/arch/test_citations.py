"""docs/rfc.tsv and the RFC citations in the code agree.

A row is an RFC ("9051") or what one of its sections demands ("9051 §6.3.2", "9051 §A.1", "9051 §6.3.2 LIST"). Rows of
sections name the tests and plays that show it.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITATION = re.compile(r"RFC ?(\d{3,5})")
KEY = re.compile(r"(\d+)(?: §((?:\d+|[A-Z])(?:\.\d+)*)( \S.*)?)?")
TEST = re.compile(r"\btest_\w+")
PLAY = re.compile(r"[\w-]+\.txt")


def _rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "rfc.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["rfc", "title", "support", "where", "notes"]
    rows = [line.split("\t") for line in lines[1:]]
    assert all(len(row) == 5 for row in rows), [row for row in rows if len(row) != 5]
    assert {row[2] for row in rows} <= {"yes", "part", "no"}
    return rows


def _order(key: str) -> tuple[int, list[tuple[int, int, str]], str]:
    """By number, then section by section, appendices behind; then what stands behind the section."""
    found = KEY.fullmatch(key)
    assert found is not None, key
    number, section, rest = found.groups(default="")
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in section.split(".") if part]
    return int(number), parts, rest.strip()


def _table() -> dict[int, str]:
    return {int(row[0]): row[2] for row in _rows() if row[0].isdigit()}


def _cited() -> set[int]:
    text = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return {int(number) for number in CITATION.findall(text)}


def test_rows_are_in_order_each_once() -> None:
    keys = [row[0] for row in _rows()]
    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]
    assert keys == sorted(keys, key=_order)


def test_sections_are_those_of_rfcs_in_the_table() -> None:
    assert {_order(row[0])[0] for row in _rows()} == set(_table())


def test_places_exist() -> None:
    for row in _rows():
        for place in filter(None, row[3].split()):
            assert (ROOT / "src" / "postroom" / place).exists(), f"RFC {row[0]}: {place} does not exist"


def test_what_a_section_says_is_shown_by_tests_that_exist() -> None:
    texts = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"\bdef (test_\w+)", texts))
    plays = {path.name for path in (ROOT / "tests" / "transcripts").rglob("*.txt")}
    for key, _, support, _, notes in _rows():
        named = {*TEST.findall(notes), *PLAY.findall(notes)}
        assert named <= tests | plays, f"RFC {key}: no {named - tests - plays}"
        assert named or key.isdigit() or support == "no", f"RFC {key}: shown by nothing"


def test_every_cited_rfc_is_in_the_table() -> None:
    assert _cited() - set(_table()) == set()


def test_every_rfc_said_to_be_supported_is_cited_in_the_code() -> None:
    assert {number for number, support in _table().items() if support == "yes"} - _cited() == set()
