"""Points and words of a score."""

from postroom.junk import Score, ScorePart


def test_total_is_the_sum_and_words_begin_with_the_weightiest() -> None:
    score = Score((ScorePart("hello", 0.5, "its HELO is no name"),))
    more = score.with_parts((ScorePart("dnsbl.zen", 3.0, "listed"), ScorePart("dnswl", -1.0, "well known")))
    assert score.total == 0.5
    assert more.total == 2.5
    assert more.words == "+3.0 dnsbl.zen: listed; -1.0 dnswl: well known; +0.5 hello: its HELO is no name"
    assert Score().total == 0


def test_the_sum_but_for_what_some_parts_hold_against_it() -> None:
    score = Score((ScorePart("hello.x", 2, ""), ScorePart("hello.y", -1, ""), ScorePart("list.z", 4, "")))
    assert score.without("hello.") == 3
