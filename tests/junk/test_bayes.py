"""Words joined to a verdict."""

import math

import pytest

from postroom.junk.bayes import Seen, Verdict, _chi_square_tail, judge

LEARNT = Seen(spam=100, ham=200)


def test_nothing_known_is_neither() -> None:
    assert judge({}, LEARNT) == Verdict(0.5)
    assert judge({"word": (0, 0)}, LEARNT) == Verdict(0.5)
    assert judge({"word": (3, 3)}, Seen(0, 0)).heard == 0


def test_words_of_junk_speak_for_junk_and_are_told() -> None:
    verdict = judge({f"pills{n}": (20, 0) for n in range(20)} | {"the": (50, 100)}, LEARNT)
    assert verdict.probability > 0.999
    assert verdict.heard == 20, "a word that all mail has says nothing"
    assert len(verdict.against) == 6
    assert verdict.favour == ()


def test_words_of_good_mail_speak_against_it() -> None:
    verdict = judge({f"meeting{n}": (0, 20) for n in range(20)}, LEARNT)
    assert verdict.probability < 0.001
    assert verdict.favour


def test_strong_words_of_both_kinds_give_no_verdict() -> None:
    words = {f"pills{n}": (20, 0) for n in range(20)} | {f"meeting{n}": (0, 40) for n in range(20)}
    assert 0.2 < judge(words, LEARNT).probability < 0.8


def test_the_strongest_words_are_told_first() -> None:
    verdict = judge({"weak": (2, 1), "strong": (60, 0), "middling": (10, 0)}, LEARNT)
    assert verdict.against[0] == "strong"


def test_a_word_seen_once_in_much_junk_says_little_where_hardly_any_good_mail_was_learnt() -> None:
    words = {f"word{n}": (1, 0) for n in range(40)}
    assert judge(words, Seen(spam=200, ham=200)).probability > judge(words, Seen(spam=1200, ham=200)).probability
    assert judge(words, Seen(spam=3000, ham=200)).probability < 0.9


def test_many_words_are_bounded() -> None:
    assert judge({f"w{n}": (5, 0) for n in range(2000)}, LEARNT).heard == 200


@pytest.mark.parametrize(("half", "pairs"), [(0.0, 3), (1.0, 1), (2.5, 4), (40.0, 10), (900.0, 50), (3000.0, 50)])
def test_the_tail_is_that_of_chi_square(half: float, pairs: int) -> None:
    terms = [math.exp(-half + (at * math.log(half) if half else (0.0 if at == 0 else -math.inf)) - math.lgamma(at + 1))
             for at in range(pairs)]  # fmt: skip
    assert _chi_square_tail(half, pairs) == pytest.approx(min(1.0, math.fsum(terms)), rel=1e-9, abs=1e-300)
