"""Folding for SEARCH."""

from collections import defaultdict
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from postroom.message.casemap import fold


def test_ascii_is_lower_case() -> None:
    assert fold("Hello, WORLD") == "hello, world"


def test_accents_match_however_they_are_written() -> None:
    assert fold("Grüße") == fold("GRU\u0308SSE")  # composed or not


def test_compatibility_forms_are_equal() -> None:
    assert fold("ﬁnance ①") == "finance 1"
    assert fold("ＦＵＬＬ") == "full"


def test_greek_and_cyrillic() -> None:
    assert fold("ΑΣΣΟΣ") == fold("ασσος")
    assert fold("ПРИВЕТ") == fold("привет")


def test_folding_every_character_twice_changes_nothing() -> None:
    every = [chr(point) for point in range(0x20000) if not 0xD800 <= point < 0xE000]
    text = "\n".join(every)
    once = fold(text)
    assert fold(once) == once


@given(st.text(), st.text())
def test_a_line_end_parts_texts(first: str, second: str) -> None:
    assert fold(f"{first}\n{second}") == f"{fold(first)}\n{fold(second)}"


def test_long_texts_are_folded_as_short_ones() -> None:
    line = "Ärger mit Ölgemälden. "
    assert fold(line * 5000) == fold(line) * 5000
    assert fold("漢字" * 40000) == "漢字" * 40000


def test_a_run_of_combining_marks_is_not_slow() -> None:
    assert len(fold("\u0315\u0300" * 100_000)) == 200_000  # sorting it whole would take seconds


def test_what_unicode_casemap_finds_equal_is_equal() -> None:
    """RFC 5051 §2: simple title case, then compatibility decomposition."""
    equal = defaultdict(list)
    for point in range(0x110000):
        if not 0xD800 <= point < 0xE000:
            letter = chr(point)
            title = letter.title()
            equal[normalize("NFKD", title if len(title) == 1 else letter)].append(letter)
    for letters in equal.values():
        assert len({fold(letter) for letter in letters}) == 1, letters
