from hypothesis import given
from hypothesis import strategies as st

from postroom.store.text_index.tokens import Needle, split

TEXT = st.text(alphabet="ab1 -.\n中日ก́é🙂", max_size=30)


def test_words_numbers_and_what_stands_between_them() -> None:
    assert split("hotel, flight 42") == (["hotel", "flight", "42"], [", ", " "])
    assert split(".a.") == (["", "a", ""], [".", "."])
    assert split("") == ([""], [])
    assert split("ärger-naïve") == (["ärger", "naïve"], ["-"])


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert split("日本。ab中") == (["日", "本", "ab", "中"], ["", "。", ""])
    assert split("中, b") == (["中", "b"], [", "])


@given(TEXT)
def test_nothing_is_left_out(text: str) -> None:
    tokens, separators = split(text)
    assert len(separators) == len(tokens) - 1
    assert "".join(one for pair in zip(tokens, [*separators, ""], strict=True) for one in pair) == text


@given(TEXT, TEXT, TEXT)
def test_inner_tokens_of_a_piece_are_tokens_of_the_whole(before: str, piece: str, after: str) -> None:
    whole, _ = split(before + piece + after)
    inner = split(piece)[0][1:-1]
    assert any(whole[at : at + len(inner)] == inner for at in range(len(whole)))


def test_a_needle_knows_its_ends() -> None:
    needle = Needle.of(" hotel flight")
    assert (needle.before, list(needle.tokens), list(needle.between), needle.after) == (
        " ",
        ["hotel", "flight"],
        [" "],
        "",
    )
    assert not needle.open_before(0)
    assert needle.open_after(1)
    assert not needle.bare
    assert Needle.of("--").tokens == ()
    assert Needle.of("otel").open_before(0)
    assert not Needle.of("中").open_before(0)
    assert not Needle.of("a.").open_after(0)
