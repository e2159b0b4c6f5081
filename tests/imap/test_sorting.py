"""SORT, THREAD and CANCELUPDATE as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import ImapSettings
from postroom.imap.sorting import (
    ROWS,
    CancelUpdate,
    Criterion,
    Sort,
    SortKey,
    Thread,
    Threading,
    cancel_update,
    sort,
    thread,
    uid_sort,
    uid_thread,
)
from postroom.imap.syntax import BadSyntax
from postroom.imap.table import Parse
from postroom.imap.tokens import Cursor
from postroom.imap.types import All, Command, HasFlag, SearchReturn, Text, TextIn

from .printer import print_sorting


def parsed(parse: Parse, arguments: bytes) -> Command:
    return parse(Cursor(arguments, 0, ImapSettings()))


def test_sort() -> None:
    """RFC 5256 §3"""
    command = parsed(sort, b" (SUBJECT REVERSE DATE) utf-8 ALL")
    criteria = (Criterion(SortKey.SUBJECT), Criterion(SortKey.DATE, reverse=True))
    assert command == Sort(criteria, All(), False, b"UTF-8")


def test_every_key() -> None:
    names = b"ARRIVAL CC DATE FROM SIZE SUBJECT TO DISPLAYFROM displayto RELEVANCY"
    command = parsed(uid_sort, b" (%b) US-ASCII FUZZY ALL" % names)
    assert isinstance(command, Sort)
    assert command.uid
    assert [one.key for one in command.criteria] == list(SortKey)


def test_a_key_that_is_named_again_decides_nothing() -> None:
    command = parsed(sort, b" (SIZE" + b" REVERSE SIZE" * 1000 + b" TO) UTF-8 ALL")
    assert isinstance(command, Sort)
    assert command.criteria == (Criterion(SortKey.SIZE), Criterion(SortKey.TO))


def test_return_options() -> None:
    """RFC 5267 §3, §5"""
    command = parsed(uid_sort, b" RETURN (UPDATE COUNT PARTIAL 1:500 CONTEXT) (REVERSE DATE) UTF-8 UNSEEN")
    returns = SearchReturn(count=True, update=True, context=True, partial=(1, 500))
    assert command == Sort((Criterion(SortKey.DATE, True),), HasFlag("\\Seen", False), True, b"UTF-8", returns)


def test_thread() -> None:
    assert parsed(thread, b' references "UTF-8" TEXT gewp') == Thread(
        Threading.REFERENCES, Text(TextIn.TEXT, "gewp"), False, b"UTF-8"
    )
    assert parsed(uid_thread, b" ORDEREDSUBJECT UTF-8 ALL") == Thread(Threading.ORDEREDSUBJECT, All(), True, b"UTF-8")


def test_the_charset_is_that_of_the_strings() -> None:
    command = parsed(sort, b" (TO) ISO-8859-1 SUBJECT {4+}\r\ncaf\xe9")
    assert isinstance(command, Sort)
    assert command.key == Text(TextIn.SUBJECT, "café")


def test_cancel_update() -> None:
    """RFC 5267 §5"""
    assert parsed(cancel_update, b' "B01" "B02"') == CancelUpdate((b"B01", b"B02"))


@pytest.mark.parametrize(
    ("parse", "arguments"),
    [
        (sort, b""),
        (sort, b" SUBJECT UTF-8 ALL"),
        (sort, b" () UTF-8 ALL"),
        (sort, b" (REVERSE) UTF-8 ALL"),
        (sort, b" (REVERSE REVERSE SIZE) UTF-8 ALL"),
        (sort, b" (WEIGHT) UTF-8 ALL"),
        (sort, b" (SUBJECT ) UTF-8 ALL"),
        (sort, b" (SUBJECT UTF-8 ALL"),
        (sort, b" (SUBJECT) UTF-8"),
        (sort, b" (SUBJECT) UTF-8 ALL "),
        (sort, b" RETURN (ALL PARTIAL 1:2) (SUBJECT) UTF-8 ALL"),
        (sort, b" RETURN (PARTIAL 1:2 PARTIAL 1:2) (SUBJECT) UTF-8 ALL"),
        (sort, b" RETURN (PARTIAL 1:*) (SUBJECT) UTF-8 ALL"),
        (thread, b" REFERENCES UTF-8"),
        (thread, b" JWZ UTF-8 ALL"),
        (thread, b" RETURN (ALL) REFERENCES UTF-8 ALL"),
        (cancel_update, b""),
        (cancel_update, b" B01"),
        (cancel_update, b' "B01" '),
        (cancel_update, b' "B01""B02"'),
    ],
)
def test_what_is_none(parse: Parse, arguments: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        parsed(parse, arguments)
    assert caught.value.status == b"BAD"


@pytest.mark.parametrize(("parse", "start"), [(sort, b" (SUBJECT)"), (thread, b" REFERENCES")])
def test_a_charset_that_is_not_known(parse: Parse, start: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        parsed(parse, start + b" X-NONE ALL")
    assert caught.value.status == b"NO"
    assert caught.value.code.startswith(b"BADCHARSET")


NAMES: dict[type, bytes] = {Sort: b"SORT", Thread: b"THREAD", CancelUpdate: b"CANCELUPDATE"}
KEYS = st.sampled_from([All(), HasFlag("\\Seen", False), Text(TextIn.SUBJECT, "café")])
CRITERIA = st.lists(
    st.builds(Criterion, st.sampled_from([key for key in SortKey if key is not SortKey.RELEVANCY]), st.booleans()),
    min_size=1, unique_by=lambda one: one.key,
).map(tuple)  # fmt: skip
RETURNS = st.none() | st.builds(
    SearchReturn, min=st.booleans(), count=st.just(True), update=st.booleans(), context=st.booleans(),
    partial=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)),
)  # fmt: skip
TAGS = st.lists(st.text("ab1", min_size=1).map(str.encode), min_size=1).map(tuple)
COMMANDS = (
    st.builds(Sort, CRITERIA, KEYS, st.booleans(), st.just(b"UTF-8"), RETURNS)
    | st.builds(Thread, st.sampled_from(Threading), KEYS, st.booleans(), st.just(b"UTF-8"))
    | st.builds(CancelUpdate, TAGS)
)


@given(COMMANDS)
def test_what_is_printed_is_parsed_again(command: Sort | Thread | CancelUpdate) -> None:
    prefix = b"UID " if not isinstance(command, CancelUpdate) and command.uid else b""
    row = next(row for row in ROWS if row.name == prefix + NAMES[type(command)])
    assert parsed(row.parse, b" " + print_sorting(command)) == command


def test_the_rows_are_named() -> None:
    assert [row.name for row in ROWS] == [b"SORT", b"UID SORT", b"THREAD", b"UID THREAD", b"CANCELUPDATE"]
