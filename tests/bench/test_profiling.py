"""Profiles as text."""

from collections import Counter

from bench.profiling import collapsed, scripted, summary


def test_stacks_are_added_up() -> None:
    assert collapsed("a;b 2\na;c 1\na;b 3\nnonsense\n") == Counter({"a;b": 5, "a;c": 1})


def test_the_blocks_of_perf_become_stacks() -> None:
    text = "python 1:\n\tffff inner+0x1\n\teeee outer\n\npython 1:\n\tffff inner+0x1\n\teeee outer\n"
    assert scripted(text) == Counter({"outer;inner+0x1": 2})


def test_what_most_samples_were_in_and_below() -> None:
    text = summary(Counter({"main;read": 3, "main;write": 1}))
    own, below = text.split("in it and below:")
    assert "4 samples" in own
    assert "75.0%  read" in own
    assert "main" not in own
    assert "100.0%  main" in below
