from array import array

from hypothesis import given
from hypothesis import strategies as st

from postroom.store.text_index.blocks import (
    MARK,
    Block,
    Union,
    flags,
    from_bitmap,
    numbers_in,
    pack,
    places,
    set_of,
    to_bitmap,
)

NUMBERS = st.sets(st.integers(0, 299), min_size=1)


@given(st.dictionaries(st.text("abcé", min_size=1, max_size=4), NUMBERS), st.text("abcé", min_size=1, max_size=2))
def test_terms_come_back_with_their_documents(terms: dict[str, set[int]], piece: str) -> None:
    blocks = list(
        pack(
            {
                term: array("H", sorted(numbers)) if len(numbers) > 1 else min(numbers)
                for term, numbers in terms.items()
            },
            300,
        )
    )
    assert [block.width for block in blocks] == sorted([block.width for block in blocks], reverse=True)
    union = Union(300)
    walked = sum(union.add(block, piece.encode()) for block in blocks)
    wanted = [numbers for term, numbers in terms.items() if piece in term]
    assert walked == len(wanted)
    assert union.documents() == set_of(set().union(*wanted))


def test_few_documents_and_many_terms() -> None:
    terms = {f"t{number}": number % 3 for number in range(50_000)}
    blocks = list(pack(terms, 3))
    assert len(blocks) > 1
    assert max(len(block.terms) for block in blocks) < 40_000
    union = Union(3)
    assert sum(union.add(block, MARK + b"t7" + MARK) for block in blocks) == 1
    assert union.documents() == 0b010


def test_the_ends_of_a_term() -> None:
    few = MARK.join([b"", b"hotel", b"motel", b"tel", b"telly", b""])
    many = few + MARK.join([*(b"x%d" % number for number in range(100)), b""])
    for terms in (few, many):
        check_ends(terms)


def check_ends(terms: bytes) -> None:
    assert list(places(terms, b"tel")) == [0, 1, 2, 3]
    assert list(places(terms, b"tel" + MARK)) == [0, 1, 2]
    assert list(places(terms, MARK + b"tel")) == [2, 3]
    assert list(places(terms, MARK + b"tel" + MARK)) == [2]
    assert list(places(terms, b"l")) == [0, 1, 2, 3]
    assert list(places(terms, b"hotel" + MARK)) == [0]
    assert list(places(terms, b"z")) == []


@given(NUMBERS)
def test_sets_of_documents(numbers: set[int]) -> None:
    bits = set_of(numbers)
    assert from_bitmap(to_bitmap(bits, 300)) == bits
    assert list(numbers_in(bits, 300)) == sorted(numbers)
    assert [number for number, one in enumerate(flags(bits, 300)) if one] == sorted(numbers)
    assert (flags(0, 2), list(numbers_in(0, 2))) == (b"\0\0", [])


def test_a_long_list_becomes_a_set_at_once() -> None:
    numbers = array("H", range(0, 600, 3))
    union = Union(8000)
    union.add(Block(len(numbers) * 2, MARK + b"a" + MARK, numbers.tobytes()), b"a")
    assert union.documents() == set_of(numbers)
