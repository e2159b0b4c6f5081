"""Which of two preparations names and passwords have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import BadName, prepared_name, prepared_password, same_name, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("Bob@Example.org", "Bob@Example.org"),  # case is for the directory
        ("Bob Bobson", "Bob Bobson"),
        ("pa\u0308r@example.org", "p\u00e4r@example.org"),
        ("\uff42ob@example.org", "bob@example.org"),
        ("jos\u00e9 maria", "jos\u00e9 maria"),
        ("bo\u00adb@example.org", "bob@example.org"),  # SASLprep: PRECIS has no soft hyphen
        ("henry\u2163@example.org", "henryIV@example.org"),
        ("bob@b\u00fccher.example", "bob@b\u00fccher.example"),
    ],
)
def test_names(text: str, prepared: str) -> None:
    assert prepared_name(text) == prepared


def test_people_with_right_to_left_names_sign_in_under_a_left_to_right_domain() -> None:
    """SASLprep looks at the address as one string, in which the two directions may not meet."""
    name = "\u05d3\u05df@example.org"
    with pytest.raises(BadName):
        saslprep(name)
    assert prepared_name(name) == name


def test_a_joiner_that_a_name_needs_stays() -> None:
    """SASLprep drops it, and the directory, which keeps it, would not find the person."""
    name = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc@example.org"
    assert prepared_name(name) == name


@pytest.mark.parametrize("text", ["", "\u00ad", "a\x07", "\x07\u00e4@example.org", "\u00e4@exa\x07mple.org", "\ue000"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(BadName):
        prepared_name(text)


def test_names_are_the_same_in_any_case() -> None:
    assert same_name("B\u00f6b@Example.ORG", "b\u00f6b@example.org")
    assert not same_name("bob", "bobby")


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("secret word", "secret word"),
        ("secret\u00a0word", "secret word"),
        ("\u2168", "IX"),  # as all passwords ever kept here
        ("\U0001f511", "\U0001f511"),  # younger than Unicode 3.2
        ("\U0001f511\u2168\u3000", "\U0001f511IX "),
        ("\U0001f468\u200d\U0001f469\ufe0f", "\U0001f468\U0001f469"),  # PRECIS alone would refuse the joiner
        ("\u05d3x\u2168", "\u05d3x\u2168"),  # SASLprep has no place for both directions
    ],
)
def test_passwords(text: str, prepared: str) -> None:
    assert prepared_password(text) == prepared


@pytest.mark.parametrize("text", ["", "\u00ad", "a\x07", "\ue000", "\U0001f511\U000e0080", "\U0001f511\ufdd0"])
def test_what_is_no_password(text: str) -> None:
    with pytest.raises(BadName):
        prepared_password(text)


@given(st.text(max_size=8))
def test_a_prepared_password_stays_as_it_is(text: str) -> None:
    try:
        prepared = prepared_password(text)
    except BadName:
        return
    assert prepared_password(prepared) == prepared


@given(st.text(max_size=8))
def test_whoever_has_a_password_today_keeps_it(text: str) -> None:
    try:
        kept = saslprep(text, stored=True)
    except BadName:
        return
    if kept:
        assert prepared_password(text) == kept


@given(st.text(max_size=8))
def test_a_prepared_name_stays_as_it_is(text: str) -> None:
    try:
        prepared = prepared_name(text)
    except BadName:
        return
    assert prepared_name(prepared) == prepared
