"""SEARCH keys; the many good and bad spellings are in tests/transcripts/imap/search.txt."""

import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.search_parser import mentions, parse_criteria
from postroom.imap.tokens import Cursor
from postroom.imap.types import (
    All,
    And,
    DateField,
    DateRange,
    EmailId,
    Fuzzy,
    HasFlag,
    InSet,
    Larger,
    ModSeq,
    Not,
    Or,
    SearchKey,
    SeqSet,
    Smaller,
    Text,
    TextIn,
    ThreadId,
    Within,
)

from .printer import print_key


def criteria(raw: bytes, settings: ImapSettings | None = None) -> SearchKey:
    return parse_criteria(Cursor(raw, 0, settings or ImapSettings()))[0]


def test_dates() -> None:
    day = 719163  # 1970-01-01
    assert criteria(b"BEFORE 1-Jan-1970") == DateRange(DateField.INTERNAL, None, day - 1)
    assert criteria(b"ON 1-Jan-1970") == DateRange(DateField.INTERNAL, day, day)
    assert criteria(b"SENTSINCE 1-Jan-1970") == DateRange(DateField.SENT, day, None)


def test_composed_keys() -> None:
    assert criteria(b"NEW") == And((HasFlag("\\Recent", True), HasFlag("\\Seen", False)))
    assert criteria(b"OLD") == HasFlag("\\Recent", False)
    assert criteria(b"(ALL) 1") == And((All(), InSet(SeqSet(((1, 1),)), False)))


@pytest.mark.parametrize(
    "charset", ["utf-8", "UTF8", "us-ascii", "iso-8859-15", "windows-1252", "KOI8-R", "iso-2022-jp"]
)
def test_charsets(charset: str) -> None:
    key, name = parse_criteria(Cursor(f"CHARSET {charset} SUBJECT abc".encode(), 0, ImapSettings()))
    assert key == Text(TextIn.SUBJECT, "abc")
    assert name == charset.upper().encode()


@pytest.mark.parametrize("charset", ["rot13", "zlib", "idna", "punycode", "unicode_escape", "os", "..", "", "nonesuch"])
def test_no_charsets(charset: str) -> None:
    with pytest.raises(BadSyntax) as caught:
        criteria(f'CHARSET "{charset}" SUBJECT abc'.encode())
    assert caught.value.status == b"NO"
    assert caught.value.code == b"BADCHARSET (US-ASCII UTF-8)"


def test_an_unknown_charset_leaves_no_trace() -> None:
    """codecs.lookup would remember every name it was ever asked for."""
    with pytest.raises(BadSyntax):
        criteria(b"CHARSET x-never-heard-of ALL")
    assert "x_never_heard_of" not in vars(encodings)["_cache"]


def test_depth_and_number_are_limited() -> None:
    settings = ImapSettings(max_search_depth=10)
    for deep in (b"(" * 11 + b"ALL" + b")" * 11, b"NOT " * 11 + b"ALL", b"OR ALL " * 11 + b"ALL"):
        with pytest.raises(BadSyntax, match="deep"):
            criteria(deep, settings)
    assert criteria(b"NOT " * 10 + b"ALL", settings)
    with pytest.raises(BadSyntax, match="Too many"):
        criteria(b" ".join([b"ALL"] * 17), ImapSettings(max_search_keys=16))


def test_the_deepest_setting_does_not_exhaust_the_stack() -> None:
    assert criteria(b"(" * 200 + b"ALL" + b")" * 200, ImapSettings(max_search_depth=200)) == All()


bounds = st.none() | st.integers(1, 2**32 - 1)
seqsets = st.lists(st.tuples(bounds, bounds), min_size=1, max_size=3).map(lambda ranges: SeqSet(tuple(ranges)))
seqsets |= st.just(SeqSet((), saved=True))
needles = st.text(max_size=10).filter(lambda text: "\0" not in text)
days = st.integers(1, 3_652_059)
fields = st.sampled_from(DateField)
objectids = st.from_regex(rb"[A-Za-z0-9_-]{1,20}", fullmatch=True)
leaves = st.one_of(
    st.just(All()),
    st.builds(HasFlag, st.sampled_from(["\\Seen", "\\Answered", "\\Draft", "$Work"]), st.booleans()),
    st.builds(HasFlag, st.just("\\Recent"), st.booleans()),
    st.builds(DateRange, fields, st.none(), days.map(lambda day: day - 1)),
    st.builds(DateRange, fields, days, st.none()),
    st.builds(lambda field, day: DateRange(field, day, day), fields, days),
    st.builds(Larger, st.integers(0, 2**63 - 1)),
    st.builds(Smaller, st.integers(0, 2**63 - 1)),
    st.builds(Text, st.sampled_from([where for where in TextIn if where is not TextIn.HEADER]), needles),
    st.builds(Text, st.just(TextIn.HEADER), needles, needles),
    st.builds(InSet, seqsets, st.booleans()),
    st.builds(Within, st.integers(1, 2**32 - 1), st.booleans()),
    st.builds(ModSeq, st.integers(0, 2**63 - 1)),
    st.builds(EmailId, objectids),
    st.builds(ThreadId, objectids),
)
keys: st.SearchStrategy[SearchKey] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Fuzzy, inner),
        st.builds(Or, inner, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(keys)
def test_parse_reads_what_print_writes(key: SearchKey) -> None:
    settings = ImapSettings(quirk_utf8_in_quoted=False)
    assert criteria(print_key(key), settings) == key


def test_texts_are_counted() -> None:
    few = ImapSettings(max_search_texts=16)
    assert criteria(b"SUBJECT a " * 15 + b"HEADER x y", few)
    with pytest.raises(BadSyntax) as caught:
        criteria(b"SUBJECT a " * 16 + b"HEADER x y", few)
    assert (caught.value.status, caught.value.code) == (b"NO", b"LIMIT")


def test_what_a_tree_mentions() -> None:
    key = criteria(b"SEEN OR DRAFT NOT (SEEN FUZZY MODSEQ 5)")
    assert mentions(key, ModSeq)
    assert mentions(key, Fuzzy)
    assert not mentions(key, Text)
