"""PRECIS profiles, against another implementation."""

import unicodedata

import precis_i18n
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl.precis import opaque_string, username
from postroom.sasl.saslprep import BadName


@pytest.mark.parametrize(
    ("text", "prepared"),
    [  # RFC 8265 §3.6
        ("juliet@example.com", "juliet@example.com"),
        ("fussball", "fussball"),
        ("fu\u00dfball", "fu\u00dfball"),
        ("\u03c0", "\u03c0"),
        ("\u03a3", "\u03c3"),
        ("\u03c3", "\u03c3"),
        ("\u03c2", "\u03c2"),
        ("\uff22\uff2f\uff22", "bob"),  # fullwidth
        ("\u05d3\u05df", "\u05d3\u05df"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_usernames(text: str, prepared: str) -> None:
    assert username(text, case_mapped=True) == prepared


def test_case_is_kept_where_that_is_asked_for() -> None:
    assert username("\u0394", case_mapped=False) == "\u0394"


@pytest.mark.parametrize(
    "text",
    [
        "foo bar",
        "",
        "henry\u2163",
        "\u221e",
        "a\u0378",
        "\u05d3x",
        "x\u200d",
        "\u00ad",
        "\ud800",
        "\ue000",
        "\u1100",
        "\x07",
    ],
)
def test_what_is_no_userpart(text: str) -> None:
    with pytest.raises(BadName):
        username(text, case_mapped=True)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [  # RFC 8265 §4.3
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
        ("\U0001f511 key", "\U0001f511 key"),
        ("\u2163", "\u2163"),  # unlike SASLprep, which makes "IV" of it
        ("\u05d3x", "\u05d3x"),
    ],
)
def test_passwords(text: str, prepared: str) -> None:
    assert opaque_string(text) == prepared


@pytest.mark.parametrize("text", ["", "my cat is a \x09by", "\ue000", "\ufdd0", "a\u00ad"])
def test_what_is_no_password(text: str) -> None:
    with pytest.raises(BadName):
        opaque_string(text)


def _theirs(profile: str, text: str) -> str | None:
    try:
        prepared = precis_i18n.get_profile(profile).enforce(text)
    except UnicodeEncodeError:
        return None
    assert isinstance(prepared, str)
    return prepared


def _ours_name(text: str) -> str | None:
    try:
        return username(text, case_mapped=True)
    except BadName:
        return None


def _ours_password(text: str) -> str | None:
    try:
        return opaque_string(text)
    except BadName:
        return None


ASSIGNED = st.text(max_size=6).filter(lambda text: not any(unicodedata.category(char) == "Cn" for char in text))


@given(ASSIGNED | st.text("aB\u00df\u03c3\u05d3\u0661\u200c\u094d\u30fb\uff21 @.", max_size=6))
def test_names_are_those_of_another_implementation(text: str) -> None:
    assert _ours_name(text) == _theirs("UsernameCaseMapped", text)


@given(ASSIGNED | st.text("aB\u00df\u03c3\u05d3\u0661\u200c\u094d\u30fb\uff21\u00a0 @.", max_size=6))
def test_passwords_are_those_of_another_implementation(text: str) -> None:
    assert _ours_password(text) == _theirs("OpaqueString", text)


def test_every_code_point_alone_is_judged_as_by_another_implementation() -> None:
    different = [
        hex(code)
        for code in (*range(0x3000), *range(0xA000, 0xE100), *range(0xF900, 0x10000), *range(0x1D000, 0x1D200))
        if unicodedata.category(chr(code)) != "Cn" and _ours_password(chr(code)) != _theirs("OpaqueString", chr(code))
    ]
    assert different == []
