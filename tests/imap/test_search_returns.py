"""RETURN options and the ESEARCH response; good and bad spellings are in tests/transcripts/imap/search-return.txt."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.search_returns import esearch, parse_return, part, partial_range, spoken_of
from postroom.imap.tokens import Cursor
from postroom.imap.types import SearchReturn


def parse(raw: bytes) -> SearchReturn | None:
    return parse_return(Cursor(raw, 0, ImapSettings()))


def response(returns: SearchReturn, numbers: Sequence[int], uid: bool = False, modseq: int = 0) -> bytes:
    return b"".join(esearch(b"a1", returns, numbers, uid=uid, modseq=modseq))


def test_options() -> None:
    assert parse(b"return (min Max COUNT all save) x") == SearchReturn(True, True, True, True, True)
    assert parse(b"RETURN () x") == SearchReturn(all=True)  # RFC 4731 §3.1
    assert parse(b"RETURN (SAVE) x") == SearchReturn(save=True)
    assert parse(b"SEEN") is None
    assert parse(b"RETURN (PARTIAL -100:-1) x") == SearchReturn(partial=(-100, -1))


@pytest.mark.parametrize(
    "raw", [b"RETURN (ALL)", b"RETURN (ALL", b"RETURN (ALL x", b"RETURN ( ALL) x", b"RETURN (Z) x"]
)
def test_what_is_none(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(raw)


def test_the_examples() -> None:
    """RFC 4731 §3.1, RFC 4466 §2.6.2"""
    assert response(SearchReturn(min=True, count=True), [2, 10, 11]) == b'* ESEARCH (TAG "a1") MIN 2 COUNT 3\r\n'
    assert response(SearchReturn(all=True), [2, 10, 11]) == b'* ESEARCH (TAG "a1") ALL 2,10:11\r\n'
    assert (
        response(SearchReturn(min=True, max=True), [7, 3800], uid=True)
        == b'* ESEARCH (TAG "a1") UID MIN 7 MAX 3800\r\n'
    )
    assert response(SearchReturn(all=True), range(1, 6), modseq=1236) == b'* ESEARCH (TAG "a1") ALL 1:5 MODSEQ 1236\r\n'


def test_nothing_found() -> None:
    """RFC 4731 §3.1: COUNT always, the others never."""
    told = SearchReturn(min=True, max=True, all=True, count=True)
    assert response(told, [], modseq=5) == b'* ESEARCH (TAG "a1") COUNT 0\r\n'
    assert response(SearchReturn(all=True), [], uid=True) == b'* ESEARCH (TAG "a1") UID\r\n'
    assert response(SearchReturn(partial=(1, 5)), []) == b'* ESEARCH (TAG "a1") PARTIAL (1:5 NIL)\r\n'
    assert response(SearchReturn(relevancy=True), []) == b'* ESEARCH (TAG "a1") RELEVANCY ()\r\n'


def test_a_sorted_result_keeps_its_order() -> None:
    """RFC 5267 §3.1"""
    told = SearchReturn(min=True, max=True, all=True)
    assert response(told, [5, 10, 1, 2]) == b'* ESEARCH (TAG "a1") MIN 5 MAX 2 ALL 5,10,1:2\r\n'


def test_partial() -> None:
    """RFC 5267 §4.4, RFC 9394 §3.1"""
    assert response(SearchReturn(partial=(3, 2), count=True), [4, 5, 6, 9]) == (
        b'* ESEARCH (TAG "a1") COUNT 4 PARTIAL (3:2 5:6)\r\n'
    )
    assert response(SearchReturn(partial=(-1, -2)), [4, 5, 6, 9]) == b'* ESEARCH (TAG "a1") PARTIAL (-1:-2 6,9)\r\n'


def test_relevancy() -> None:
    """RFC 6203 §4"""
    told = SearchReturn(all=True, relevancy=True)
    assert b"".join(esearch(b"B1", told, [1, 5, 10], uid=False, scores=[4, 99, 42])) == (
        b'* ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)\r\n'
    )
    told = SearchReturn(partial=(-1, -2), relevancy=True)
    assert b"".join(esearch(b"B1", told, [1, 5, 10], uid=False, scores=[4, 99, 42])) == (
        b'* ESEARCH (TAG "B1") PARTIAL (-1:-2 5,10) RELEVANCY (99 42)\r\n'
    )


def test_several_mailboxes() -> None:
    """RFC 7377 §3"""
    pieces = esearch(b"tag1", SearchReturn(all=True), [4001, 4003], uid=True, mailbox=b'"folder1"', uid_validity=1)
    assert b"".join(pieces) == b'* ESEARCH (TAG "tag1" MAILBOX "folder1" UIDVALIDITY 1) UID ALL 4001,4003\r\n'


found = [2, 10, 11, 12, 13, 14, 15, 21]


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (SearchReturn(save=True), found),
        (SearchReturn(save=True, min=True), [2]),
        (SearchReturn(save=True, max=True), [21]),
        (SearchReturn(save=True, min=True, max=True), [2, 21]),
        (SearchReturn(save=True, min=True, max=True, count=True), found),
        (SearchReturn(save=True, min=True, all=True), found),
        (SearchReturn(save=True, partial=(2, 3)), [10, 11]),
        (SearchReturn(save=True, partial=(2, 3), min=True, max=True), [2, 10, 11, 21]),
        (SearchReturn(save=True, partial=(1, 8), min=True, max=True), found),
        (SearchReturn(save=True, partial=(-9, -8), min=True), [2]),
        (SearchReturn(save=True, partial=(9, 10)), []),
        (SearchReturn(save=True, partial=(9, 10), max=True), [21]),
        (SearchReturn(save=True, relevancy=True), found),
        (None, found),
    ],
)
def test_what_is_spoken_of(returns: SearchReturn | None, expected: list[int]) -> None:
    """RFC 5182 §2.4, RFC 4731 §3.2"""
    assert list(spoken_of(returns, found)) == expected
    assert list(spoken_of(returns, [])) == []


@given(st.lists(st.integers(1, 99), unique=True), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_parts_are_what_counting_gives(numbers: list[int], a: int, b: int, newest: bool) -> None:
    line = numbers[::-1] if newest else numbers
    expected = [number for at, number in enumerate(line, 1) if min(a, b) <= at <= max(a, b)]
    assert part(numbers, (-a, -b) if newest else (a, b)) == (expected[::-1] if newest else expected)


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.sampled_from(["", "-"]))
def test_ranges(a: int, b: int, sign: str) -> None:
    cursor = Cursor(f"{sign}{a}:{sign}{b})".encode(), 0, ImapSettings())
    assert b"%d:%d)" % partial_range(cursor) == cursor.data
    assert cursor.next() == b")"


def test_long_responses_come_in_pieces() -> None:
    numbers = range(1, 200_001, 2)
    pieces = list(esearch(b"a", SearchReturn(all=True, relevancy=True), numbers, uid=True, scores=[100] * 100_000))
    assert max(map(len, pieces)) < 100_000
    assert len(re.findall(rb"\d+", b"".join(pieces))) == 200_000
