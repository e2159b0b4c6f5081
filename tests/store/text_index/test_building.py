import random

from tests.store.text_index.plain import PlainIndex

from postroom.store.text_index.blocks import MARK
from postroom.store.text_index.building import Cover, Part, frequent_tokens, pack_cover, unpack_cover


def terms(index: PlainIndex, part: Part) -> set[str]:
    return {term.decode() for its, block in index.all_blocks if its is part for term in block.terms.split(MARK) if term}


def test_tokens_and_the_pairs_of_frequent_ones() -> None:
    index = PlainIndex(["the hotel - the, flight the hotel", "the x"], frozenset({"the", "hotel"}))
    assert terms(index, Part.FREQUENT) == {"the", "hotel"}
    assert terms(index, Part.OTHER) == {"flight", "x"}
    assert terms(index, Part.PAIRS) == {"the hotel"}  # three characters stand between "hotel" and the next "the"


def test_frequent_is_what_many_texts_have() -> None:
    texts = [f"all w{number} {'some' if number % 9 == 0 else ''}" for number in range(90)]
    assert frequent_tokens(texts) == {"all"}
    assert frequent_tokens([]) == frozenset()


def test_texts_without_any_text_are_not_present() -> None:
    index = PlainIndex(["a", "", "."])
    assert index.cover == Cover(0b101, 0)
    assert unpack_cover(*pack_cover(index.cover, 3)) == index.cover


def test_junk_is_left_to_be_scanned() -> None:
    chance = random.Random(1)
    junk = [" ".join(chance.randbytes(20).hex() for _ in range(400)) for _ in range(2)]
    index = PlainIndex([f"seldom {junk[0]}", "seldom once", junk[1], "x " * 9000])
    assert index.cover == Cover(0b1111, 0b101)
    assert "seldom" in terms(index, Part.FREQUENT) | terms(index, Part.OTHER)
    assert "once" in terms(index, Part.OTHER)
    assert sum(len(block.terms) for _, block in index.all_blocks) < 200
    piece = junk[0].split()[7][3:9]
    assert index.ask(piece).unsure & 0b101 == 0b101
