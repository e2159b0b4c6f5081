"""SASLprep by the examples of RFC 4013 §3 and its rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import BadName, saslprep


@pytest.mark.parametrize(
    ("given_text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
        ("a b!~", "a b!~"),
        ("", ""),
    ],
)
def test_examples(given_text: str, prepared: str) -> None:
    assert saslprep(given_text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\u0007",
        "\u0627\u0031",
        "\u0627a\u0627",
        "a\x7f",
        "\u0080x",
        "\ue000",
        chr(0xD800),
        "\ufffd",
        "\u200e",
        "\U000e0001",
    ],
)
def test_prohibited(text: str) -> None:
    with pytest.raises(BadName):
        saslprep(text)


def test_unassigned_code_points_may_be_asked_for_but_not_stored() -> None:
    assert saslprep("\U0001f600") == "\U0001f600"  # not in Unicode 3.2
    with pytest.raises(BadName):
        saslprep("\U0001f600", stored=True)


@given(st.text(max_size=20))
def test_preparing_twice_changes_nothing_more(text: str) -> None:
    try:
        once = saslprep(text)
    except BadName:
        return
    try:
        assert saslprep(once) == once
    except BadName:
        # NFKC with a newer Unicode than 3.2 can make a character that the mapping tables would have dropped
        assert not text.isascii()
