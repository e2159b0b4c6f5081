"""Macros of SPF: the examples of RFC 7208 §7.4, the grammar of §7.1, and what hostile ones can cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.spf.macros import (
    BadMacro,
    Values,
    expand_name,
    expand_text,
    read_domain_spec,
    read_explanation,
    read_macro_string,
)

LETTERS = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "p": "mx.example.org",
    "v": "in-addr",
    "h": "mx.example.org",
    "c": "192.0.2.3",
    "r": "receiver.example",
    "t": "1700000000",
}
VALUES = Values(LETTERS)
SIX = VALUES.with_letters(i="2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1", v="ip6")


@pytest.mark.parametrize(
    ("text", "expansion"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        # not of the RFC
        ("%{D000002R}", "example.email"),
        ("%{d127}%{d99999999999999999999}", "email.example.comemail.example.com"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{s-}", "strong.bad@email.example.com"),
        ("%{h+-,/_=.}", "mx.example.org"),
        ("%%%_%-", "% %20"),
        ("", ""),
        ("x=%{v}!", "x=in-addr!"),
    ],
)
def test_expansion(text: str, expansion: str) -> None:
    assert expand_text(read_macro_string(text), VALUES, 1000) == expansion


def test_ipv6_expands_to_its_digits() -> None:
    name = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    assert expand_name(read_domain_spec("%{ir}.%{v}._spf.%{d2}"), SIX) == name


def test_each_delimiter_ends_a_part_so_that_some_are_empty() -> None:
    values = VALUES.with_letters(l="-a--b+c-")
    assert (
        expand_text(read_macro_string("%{l-}|%{l2-}|%{lr-+}|%{l1r-}|%{l1-}"), values, 99) == ".a..b+c.|b+c.|.c.b..a.||"
    )


def test_upper_case_escapes_what_is_not_unreserved() -> None:
    values = VALUES.with_letters(l="~jack&jill=up-a_b3.c/ü\udcff")
    assert expand_text(read_macro_string("%{L}"), values, 99) == "~jack%26jill%3Dup-a_b3.c%2F%C3%BC%3F"


@pytest.mark.parametrize(
    "text",
    ["%", "a%", "%(ir)", "%{", "%{}", "%{d", "%{dd}", "%{d0}", "%{d00r}", "%{rd}", "%{d2r2}", "%{x}", "%{d:}", "% ",
     "a b", "\x7f", "\0", "%{d}\n", "%{c}", "%{r}", "%{t}"],
)  # fmt: skip
def test_bad_macros(text: str) -> None:
    with pytest.raises(BadMacro):
        read_macro_string(text)


def test_letters_of_explanations() -> None:
    text = read_explanation("%{c} is not let by %{r} at %{t}.  Why?")
    assert expand_text(text, VALUES, 99) == "192.0.2.3 is not let by receiver.example at 1700000000.  Why?"
    with pytest.raises(BadMacro):
        read_explanation("%{x}")
    with pytest.raises(BadMacro):
        read_explanation("tab\there")


@pytest.mark.parametrize(
    "text",
    ["a.b", "a.b.", "%{d}", "x.%{d2r.}", ".com", "a..com", "foo:bar/baz.example.com", "a.1b", "a.1-2", "a.x--y",
     "%{d}.org", "a%%", "a%_", "a%-", "a.b/c.de", "a.xn--zckzah"],
)  # fmt: skip
def test_domain_specs(text: str) -> None:
    assert read_domain_spec(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "a", "a.", "com", "a.123", "a.-b", "a.b-", "a.b..", ".", "..", "%{d}x", "%{d}.", "a.b/", "a.b/24", "a.b:80",
     "a.b_c", "a.b}", "%%-", "%%_", "%{d}}", "a.b\0", "a.ü", "-all", "{d}"],
)  # fmt: skip
def test_what_is_no_domain_spec(text: str) -> None:
    with pytest.raises(BadMacro):
        read_domain_spec(text)


def test_long_names_lose_labels_at_the_left() -> None:
    ten = ".".join(["a123456789"] * 22) + ".example.com"  # 253 characters
    assert len(ten) == 253
    assert expand_name(read_domain_spec(ten), VALUES) == ten
    assert expand_name(read_domain_spec(ten + "."), VALUES) == ten
    assert expand_name(read_domain_spec("x." + ten), VALUES) == ten
    assert expand_name(read_domain_spec("x.y.z." + ten + "."), VALUES) == ten
    assert expand_name(read_domain_spec("x" + ten), VALUES) == ten.partition(".")[2]


def test_a_backslash_of_a_local_part_is_a_character_of_the_name() -> None:
    values = VALUES.with_letters(l="A\\b")
    assert expand_name(read_domain_spec("%{l}._spf.%{d}"), values) == r"a\\b._spf.email.example.com"
    assert expand_name(read_domain_spec("%{l}%{l}"), values) == ""


def _plain_name(text: str) -> str:
    """RFC 7208 §7.3 word for word, on the whole expansion."""
    name = text.removesuffix(".")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name if len(name) <= 253 else ""


@given(st.lists(st.sampled_from(["a", "%{d}", "%{d1}", ".", "x" * 60 + ".", "%{l1r.}", "%%", "y" * 300]), max_size=80))
def test_making_a_name_from_its_end_gives_what_cutting_the_whole_gives(pieces: list[str]) -> None:
    values = VALUES.with_letters(l="..")
    string = read_macro_string("".join(pieces) + ".%{d}")
    whole = _plain_name(expand_text(string, values, 10**6))
    made = expand_name(string, values)
    assert made in ("", whole)
    assert bool(made) == all(0 < len(label) < 64 for label in whole.split("."))


def test_a_bomb_of_macros_expands_no_further_than_a_name_goes() -> None:
    class Counting(Values):
        expanded = 0

        def expand(self, piece: object) -> str:
            self.expanded += 1
            return super().expand(piece)  # type: ignore[arg-type]

    values = Counting(LETTERS)
    expand_name(read_domain_spec("%{s}" * 8000), values)
    assert values.expanded < 20
    text = expand_text(read_explanation("%{S}" * 8000), values, 400)
    assert values.expanded < 60
    assert len(text) == 400
    assert text.endswith("...")


@given(st.text(alphabet="%{}slodiphvcrtSLr.-+,/_=0129 ax\0ü", max_size=30))
def test_reading_raises_nothing_but_bad_macro(text: str) -> None:
    for read in (read_macro_string, read_explanation, read_domain_spec):
        try:
            string = read(text)
        except BadMacro:
            continue
        assert string.text == text
        expand_name(string, VALUES)
        assert len(expand_text(string, VALUES, 50)) <= 50
