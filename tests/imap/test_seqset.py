"""Sequence sets."""

from array import array
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax
from postroom.imap.seqset import as_spans, by_number, by_uid, fits, merge, parse, runs, write, write_pieces, written
from postroom.imap.types import SeqSet

bounds = st.none() | st.integers(1, 40) | st.integers(1, 2**32 - 1)
seqsets = st.lists(st.tuples(bounds, bounds), min_size=1, max_size=8).map(lambda ranges: SeqSet(tuple(ranges)))
uid_lists = st.lists(st.integers(1, 60), unique=True).map(sorted)


def positions(spans: Iterable[tuple[int, int]]) -> list[int]:
    return [at for start, end in spans for at in range(start, end)]


def test_the_rfc_example() -> None:
    """RFC 3501 §9: 2,4:7,9,12:* in a mailbox of 15 messages."""
    seqset = parse(b"2,4:7,9,12:*")
    assert seqset.ranges == ((2, 2), (4, 7), (9, 9), (12, None))
    assert [k + 1 for k in positions(by_number(seqset, 15))] == [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]


def test_overlaps_and_reversed_ranges() -> None:
    assert by_number(parse(b"*:4,5:7"), 10) == [(3, 10)]
    assert by_number(parse(b"2:1,1:3,9,9"), 10) == [(0, 3), (8, 9)]
    assert by_number(parse(b"1,2,3"), 10) == [(0, 3)]


def test_the_last_uid_is_always_in_a_range_to_the_star() -> None:
    """RFC 3501 §6.4.8: UID FETCH 559:* names the last message although its UID is smaller."""
    assert by_uid(parse(b"559:*"), [3, 5, 7]) == [(2, 3)]
    assert by_uid(parse(b"4:6"), [3, 5, 7]) == [(1, 2)]
    assert by_uid(parse(b"*"), [3, 5, 7]) == [(2, 3)]
    assert by_uid(parse(b"8:9,6,1:2"), [3, 5, 7]) == []
    assert by_uid(parse(b"1:*"), []) == []
    assert by_uid(parse(b"1:*"), array("L", [9])) == [(0, 1)]


def test_numbers_beyond_the_mailbox() -> None:
    assert fits(parse(b"1:3,*"), 3)
    assert not fits(parse(b"4"), 3)
    assert not fits(parse(b"2:4"), 3)
    assert not fits(parse(b"*"), 0)
    assert not fits(parse(b"1:*"), 0)
    assert by_number(parse(b"2:9,7"), 3) == [(1, 3)]
    assert by_number(parse(b"1:*"), 0) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"0",
        b"1:",
        b":1",
        b",",
        b"1,",
        b"a",
        b"1:2:3",
        b"-1",
        b"01",
        b"4294967296",
        b"1:99999999999",
        b"$,1",
        b"$:4",
        b"1:$",
        b"$$",
        b",$",
    ],
)
def test_what_is_no_set(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(raw)


def test_write() -> None:
    assert write([1, 2, 3, 5, 9, 10]) == b"1:3,5,9:10"
    assert write([]) == b""
    assert write([7]) == b"7"
    assert write([4, 3, 2]) == b"4,3,2"
    assert write(range(1, 1001)) == b"1:1000"


def test_the_saved_result() -> None:
    assert parse(b"$") == SeqSet((), saved=True)  # RFC 5182 §3
    assert parse(b"3:*,$") == SeqSet(((3, None),), saved=True)  # RFC 9051 §9
    assert fits(parse(b"$"), 0)
    assert by_number(parse(b"$"), 5) == by_uid(parse(b"$"), [1, 2]) == []


def test_write_in_pieces() -> None:
    assert list(write_pieces([1, 2, 4, 6, 7, 9], 2)) == [b"1:2,4", b",6:7,9"]
    assert list(write_pieces([])) == list(write_pieces(range(0))) == []
    assert list(runs(range(4, 9))) == [(4, 8)]
    assert list(runs(range(8, 4, -1))) == [(8, 8), (7, 7), (6, 6), (5, 5)]


def test_merge() -> None:
    assert merge([(5, 6), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 6)]
    assert merge([]) == []


@given(seqsets)
def test_parse_reads_what_written_writes(seqset: SeqSet) -> None:
    assert parse(written(seqset)) == seqset


@given(st.lists(st.integers(1, 200)))
def test_write_keeps_every_number_in_order(numbers: list[int]) -> None:
    raw = write(numbers)
    expanded: list[int] = []
    for part in raw.decode().split(",") if raw else []:
        low, _, high = part.partition(":")
        expanded.extend(range(int(low), int(high or low) + 1))
    assert expanded == numbers


def _holds(seqset: SeqSet, number: int, star: int) -> bool:
    return any(
        min(low or star, high or star) <= number <= max(low or star, high or star) for low, high in seqset.ranges
    )


@given(seqsets, uid_lists)
def test_by_uid_is_what_the_definition_says(seqset: SeqSet, uids: list[int]) -> None:
    wanted = [k for k, uid in enumerate(uids) if _holds(seqset, uid, uids[-1])]
    spans = by_uid(seqset, uids)
    assert positions(spans) == wanted
    assert all(left[1] < right[0] for left, right in pairwise(spans))


@given(seqsets, st.integers(0, 50))
def test_by_number_is_what_the_definition_says(seqset: SeqSet, count: int) -> None:
    wanted = [number - 1 for number in range(1, count + 1) if _holds(seqset, number, count)]
    assert positions(by_number(seqset, count)) == wanted


@given(uid_lists)
def test_positions_as_spans(numbers: list[int]) -> None:
    assert positions(as_spans(numbers)) == numbers
