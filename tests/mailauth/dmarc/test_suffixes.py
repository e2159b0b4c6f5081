"""The public suffix list: its format, its rules, and what becomes of lines that are none."""

import pytest

from postroom.mailauth.dmarc import PublicSuffixes

LIST = """// a comment
// ===BEGIN ICANN DOMAINS===

com
uk
co.uk   // what follows a white space is none of it
*.ck
!www.ck
jp
kobe.jp
*.kobe.jp
!city.kobe.jp
公司.cn
cn
!odd.exception.com
 \t
"""


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("com", "com"),
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("example.co.uk", "example.co.uk"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),  # a public suffix is its own
        ("example.uk", "example.uk"),
        # wildcards
        ("ck", None),
        ("test.ck", "test.ck"),
        ("b.test.ck", "b.test.ck"),
        ("a.b.test.ck", "b.test.ck"),
        ("c.kobe.jp", "c.kobe.jp"),
        ("b.c.kobe.jp", "b.c.kobe.jp"),
        ("a.b.c.kobe.jp", "b.c.kobe.jp"),
        # exceptions
        ("www.ck", "www.ck"),
        ("a.www.ck", "www.ck"),
        ("city.kobe.jp", "city.kobe.jp"),
        ("a.b.city.kobe.jp", "city.kobe.jp"),
        ("x.odd.exception.com", "odd.exception.com"),
        # in A-labels
        ("shishi.xn--55qx5d.cn", "shishi.xn--55qx5d.cn"),
        ("www.shishi.xn--55qx5d.cn", "shishi.xn--55qx5d.cn"),
        # of which the list does not speak
        ("example.test", None),
        ("notcom", None),
        ("", None),
    ],
)
def test_the_organisation_of_a_domain(domain: str, organisation: str | None) -> None:
    assert PublicSuffixes(LIST)(domain) == organisation


def test_other_line_ends_and_the_case_of_a_rule() -> None:
    suffixes = PublicSuffixes("COM\r\n*.Ck\r\n")
    assert (suffixes("a.example.com"), suffixes("a.b.c.ck")) == ("example.com", "b.c.ck")
    assert len(suffixes) == 2


@pytest.mark.parametrize("line", ["*", "!", "a.*.b", "x" * 300, "a..b", "é" * 200, "\x00", "*.", "!."])
def test_lines_that_are_no_rule_are_passed_over(line: str) -> None:
    suffixes = PublicSuffixes(f"com\n{line}\n")
    assert len(suffixes) == 1
    assert suffixes("a.example.com") == "example.com"


@pytest.mark.parametrize("text", ["", "\n\n", "// nothing\n", "<html><body>Not found</body></html>"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="no rule"):
        PublicSuffixes(text)
