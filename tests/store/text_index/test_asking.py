from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.text_index.plain import PlainIndex

from postroom.store.text_index.blocks import numbers_in, set_of
from postroom.store.text_index.building import Part

PIECES = ["hotel", "motel", "flight", "el", " ", " ", ", ", ".", "\n", " - ", "中", "文", "a", "é", "é", "🙂", "1", "ก"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
FREQUENT = st.frozensets(st.sampled_from(["hotel", "flight", "中", "文", "a", "el", "hotelflight"]))


@settings(max_examples=300)
@given(st.lists(TEXT, max_size=40), st.one_of(TEXT, st.text("hotelfi. 中é", max_size=4)), FREQUENT)
def test_hits_have_the_needle_and_all_others_that_have_it_are_unsure(
    texts: list[str], needle: str, frequent: frozenset[str]
) -> None:
    if not needle:
        return
    index = PlainIndex(texts, frequent)
    hits, unsure = index.ask(needle)
    having = set_of(number for number, text in enumerate(texts) if needle in text)
    assert hits & ~having == 0
    assert having & ~hits & ~unsure == 0
    assert hits & unsure == 0


def many(*texts: str) -> PlainIndex:
    """Each text forty times, and as many that have nothing to do with them."""
    return PlainIndex([*texts, *(f"other words w{number}" for number in range(len(texts)))] * 40)


def found(index: PlainIndex, needle: str) -> set[int]:
    """In which of the texts of `many` the needle surely is."""
    answer = index.ask(needle)
    assert not answer.unsure, needle
    return {number % 6 for number in numbers_in(answer.hits, index.documents)}


def test_a_needle_inside_a_token_or_across_two_frequent_ones_needs_no_look() -> None:
    index = many("a hotel flight", "flight hotel", "motel, flighty")
    assert found(index, "tel") == {0, 1, 2}
    assert found(index, "hotel") == {0, 1}
    assert found(index, "tel flight") == {0}
    assert found(index, "tel, fli") == {2}
    assert found(index, "xyzzyplugh") == set()
    assert found(index, "hotel motel") == set()


def test_where_a_rare_token_is_the_texts_are_looked_at() -> None:
    index = PlainIndex([*(f"word w{number} word" for number in range(400))])
    assert index.ask("word w7 w") == (0, 1 << 7)
    assert index.ask("w399 word") == (0, 1 << 399)
    assert index.ask("word - w3") == (0, 0) or index.ask("word - w3").unsure < 1 << 400


def test_asking_ends_when_nearly_all_are_found() -> None:
    index = PlainIndex([f"the rest {number}the" for number in range(3000)])
    assert index.ask("the") == (2**3000 - 1, 0)
    assert {part for part, _ in index.asked} == {Part.FREQUENT}


def test_punctuation_alone_is_looked_for_in_pairs_first() -> None:
    index = many("one, two", "one two", "--")
    hits, unsure = index.ask(", ")
    assert {number % 6 for number in numbers_in(hits, index.documents)} == {0}
    assert unsure.bit_count() == index.documents - hits.bit_count()
