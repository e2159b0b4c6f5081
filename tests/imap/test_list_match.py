"""LIST and LSUB patterns."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.list_match import Pattern, canonical, match, parents

NAMES = ["INBOX", "INBOX/x", "Sent", "a/b/c", "a/d", "foo", "foo/bar"]


def listed(reference: str, *patterns: str) -> list[str]:
    """Matches in order; a level that is no name itself with a "-" before it."""
    return [("" if found.listed else "-") + found.name for found in match(NAMES, reference, patterns)]


@pytest.mark.parametrize(
    ("reference", "pattern", "names"),
    [
        ("", "*", ["INBOX", "INBOX/x", "Sent", "a/b/c", "a/d", "foo", "foo/bar"]),
        ("", "%", ["INBOX", "Sent", "-a", "foo"]),
        ("", "", []),
        ("", "Sent", ["Sent"]),
        ("", "sent", []),
        ("", "a/%", ["-a/b", "a/d"]),
        ("a/", "%", ["-a/b", "a/d"]),
        ("a", "/%", ["-a/b", "a/d"]),
        ("", "a/*", ["a/b/c", "a/d"]),
        ("", "a*", ["a/b/c", "a/d"]),
        ("", "%/%", ["INBOX/x", "-a/b", "a/d", "foo/bar"]),
        ("", "%/%/%", ["a/b/c"]),
        ("", "*%", ["INBOX", "INBOX/x", "Sent", "-a", "-a/b", "a/b/c", "a/d", "foo", "foo/bar"]),
        ("", "%*", ["INBOX", "INBOX/x", "Sent", "a/b/c", "a/d", "foo", "foo/bar"]),
        ("", "*/b*", ["a/b/c", "foo/bar"]),
        ("", "f%o", ["foo"]),
        ("", "f*r", ["foo/bar"]),
        ("", "f%r", []),
        ("", "foo*", ["foo", "foo/bar"]),
        ("", "foo%", ["foo"]),
        ("", "*o*", ["INBOX", "foo", "foo/bar"]),
        ("", "%a%", ["-a"]),
        # INBOX in any case (RFC 3501 §5.1, §6.3.8)
        ("", "inbox", ["INBOX"]),
        ("", "iNb%", ["INBOX"]),
        ("", "inb*", ["INBOX"]),
        ("", "*nbOx", ["INBOX"]),
        ("", "inbox/%", ["INBOX/x"]),
        ("inbox/", "*", ["INBOX/x"]),
        ("", "inbox*", ["INBOX", "INBOX/x"]),
        ("", "inboxes", []),
        ("", "%x%", ["INBOX"]),
    ],
)
def test_patterns(reference: str, pattern: str, names: list[str]) -> None:
    assert listed(reference, pattern) == names


def test_several_patterns_name_a_mailbox_once() -> None:
    assert listed("", "foo", "f%", "foo/bar", "a/%") == ["-a/b", "a/d", "foo", "foo/bar"]
    assert listed("") == []


def test_lsub_shows_the_level_of_a_subscription() -> None:
    """RFC 3501 §6.3.9: "foo/bar" is subscribed and "foo" is not, so "%" gives foo, \\Noselect."""
    assert [(found.name, found.listed) for found in match(["foo/bar"], "", ["%"])] == [("foo", False)]
    news = ["#news/comp/mail/mime", "#news/comp/mail/misc"]
    assert [found.name for found in match(news, "#news/", ["comp/mail/*"])] == news
    assert [(found.name, found.listed) for found in match(news, "#news/", ["comp/%"])] == [("#news/comp/mail", False)]


def test_canonical() -> None:
    assert canonical("a/", "b") == "a/b"


def test_parents() -> None:
    assert parents(NAMES) == {"INBOX", "a", "a/b", "foo"}
    assert parents(["/a", "x"]) == set()


def test_a_wicked_pattern_takes_linear_time() -> None:
    pattern = Pattern("*a%" * 100 + "b")
    start = time.perf_counter()
    assert not pattern.matches("a" * 2000)
    assert time.perf_counter() - start < 1  # backtracking would not end in this universe


def _regex(pattern: str) -> "re.Pattern[str]":
    parts = {"*": ".*", "%": "[^/]*"}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL)


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_it_matches_what_a_regular_expression_would(pattern: str, name: str) -> None:
    assert Pattern(pattern).matches(name) == bool(_regex(pattern).fullmatch(name))
