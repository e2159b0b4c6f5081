"""Fuzzy comparison of text (RFC 6203)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.casemap import fold
from postroom.message.fuzzy import ONE_SLIP, WHOLE_WORD, WITHIN_WORD, WORD_START, FuzzyNeedle, one_slip, plain


def score(needle: str, text: str) -> int:
    return FuzzyNeedle(needle, 16).score(fold(text))


@pytest.mark.parametrize(
    ("needle", "text"),
    [
        ("IMAP break", "IMAP break"),  # RFC 6203 §3
        ("IMAP break", "broken? No: break, and it is IMAP"),
        ("resume", "My Résumé"),
        ("résumé", "my resume"),
        ("Blåbærgrød", "blabaergrod"),
        ("strasse", "Straße"),
        ("dont", "I don't know"),
        ("don't", "dont"),
        ("email", "an e-mail"),
        ("meeting", "meeitng tomorrow"),
        ("meeting", "meting tomorrow"),
        ("meeting", "meetting tomorrow"),
        ("meeting", "meering tomorrow"),
        ("rèunion", "reunoin"),
        ("meet", "meetings"),
        ("会議", "明日の会議です"),
    ],
)
def test_what_fits(needle: str, text: str) -> None:
    assert score(needle, text) > 0


@pytest.mark.parametrize(
    ("needle", "text"),
    [
        ("IMAP break", "IMAP broke"),
        ("Helo", "help"),  # four letters: no slip
        ("meeting", "meinetg"),
        ("meeting", "mating"),
        ("one two", "one"),
        ("", "anything"),
        ("...", "anything"),
        ("word", ""),
    ],
)
def test_what_does_not(needle: str, text: str) -> None:
    assert score(needle, text) == 0


def test_better_fits_score_higher() -> None:
    texts = ["quarterly report", "report: quarterly", "quarterly reports", "thequarterly report", "quartely report"]
    scores = [score("quarterly report", text) for text in texts]
    assert scores[0] == WHOLE_WORD
    assert len(set(scores)) == 5
    assert scores[0] > max(scores[1:])
    assert score("report", "reports") == WORD_START
    assert score("port", "reports") == WITHIN_WORD
    assert score("reports", "repotrs") == ONE_SLIP


def test_needles_have_a_bounded_number_of_words() -> None:
    assert len(FuzzyNeedle(" ".join(map(str, range(100))), 16).words) == 16


words = st.text(alphabet="abcde", min_size=1, max_size=7)


@given(words, words)
def test_one_slip_is_what_trying_all_slips_gives(word: str, other: str) -> None:
    if word == other:
        return
    letters = "abcde"
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    slips = {a + b[1:] for a, b in cuts if b} | {a + c + b for a, b in cuts for c in letters}
    slips |= {a + c + b[1:] for a, b in cuts if b for c in letters}
    slips |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    assert one_slip(word, other) == (other in slips)


@given(st.lists(st.text(alphabet="abcdeé'-", min_size=5, max_size=9), min_size=1, max_size=3), st.randoms())
def test_words_in_any_order_with_one_slip_each_are_found(found: list[str], random: object) -> None:
    needle = " ".join(word for word in map(plain, map(fold, found)))
    for word in needle.split():
        if len(word) >= 5 and word.isalpha():
            for at in range(len(word) - 1):
                slipped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
                assert score(word, f"so {slipped} it is") > 0


@given(st.text(), st.text())
def test_any_text_can_be_compared(needle: str, text: str) -> None:
    assert 0 <= score(needle, text) <= 100
    if FuzzyNeedle(needle, 16).words:
        assert score(needle, needle) > 0


def test_long_words_and_texts_take_linear_time() -> None:
    """RFC 6203 §8"""
    needle = FuzzyNeedle(" ".join(f"unfindable{n:x}" for n in range(16)), 16)
    start = time.process_time()
    for text in (
        "a" * 100_000,
        "unfindabl " * 10_000,
        "find" * 25_000,
        " ".join(f"abl{n}" for n in range(14_000)),
        "é" * 100_000,
    ):
        needle.score(fold(text))
        FuzzyNeedle("a" * 5_000, 16).score(fold(text))
    assert time.process_time() - start < 4
