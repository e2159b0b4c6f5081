import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store import DELETED, FIRST_KEYWORD_BIT, MAX_KEYWORD_BITS, SEEN, FlagAction, TooManyKeywords, View
from postroom.store.flags import changed_mask, mask_of, translated

K = 1 << FIRST_KEYWORD_BIT
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True)


def test_system_flags_and_keywords() -> None:
    assert mask_of(["\\seen", "\\DELETED"], ()) == (SEEN | DELETED, ())
    assert mask_of(["B", "new"], ("a", "b")) == (K << 1 | K << 2, ("a", "b", "new"))
    assert mask_of(["new"], ("a",), grow=False) == (0, ("a",))
    assert mask_of(["\\Recent", "\\Nonsense"], ()) == (0, ())


def test_the_last_bit_and_one_too_many() -> None:
    words = tuple(f"k{at}" for at in range(MAX_KEYWORD_BITS))
    mask, same = mask_of([words[-1]], words)
    assert same is words
    assert mask == 1 << 62  # a signed column has room for it
    with pytest.raises(TooManyKeywords):
        mask_of(["another"], words)


def test_actions() -> None:
    assert changed_mask(0b101, FlagAction.ADD, 0b011) == 0b111
    assert changed_mask(0b101, FlagAction.REMOVE, 0b011) == 0b100
    assert changed_mask(0b101, FlagAction.REPLACE, 0b011) == 0b011


@given(WORDS, WORDS, st.sets(st.sampled_from(["a", "b", "c", "d", "e", "\\Seen", "\\Flagged"])))
def test_a_translated_mask_has_the_same_names(source: list[str], target: list[str], flags: set[str]) -> None:
    mask, words = mask_of(sorted(flags), tuple(source))
    new_mask, new_words = translated(mask, words, tuple(target))
    assert new_words[: len(target)] == tuple(target)
    before, after = View(None, keywords=list(words)), View(None, keywords=list(new_words))  # type: ignore[arg-type]
    assert set(before.flag_names(mask)) == set(after.flag_names(new_mask)) == flags
