"""What a search does with sets of positions, against Python's sets."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.seqset import Span, merge
from postroom.imap.types import And, HasFlag, InSet, Not, Or, SearchKey, SeqSet, Text, TextIn
from postroom.servers.imap.candidates import Columns, complement, cost, flagged, intersection, union, within, without
from postroom.servers.imap.rows import Rows

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda one: (one[0], one[0] + one[1]))).map(merge)
some = st.sets(st.integers(0, 39)).map(sorted) | st.tuples(st.integers(0, 9), st.integers(9, 40)).map(
    lambda r: range(*r)
)


def positions(found: list[Span]) -> set[int]:
    return {at for start, stop in found for at in range(start, stop)}


def test_cheap_keys_are_asked_first() -> None:
    body, subject = Text(TextIn.BODY, "x"), Text(TextIn.SUBJECT, "x")
    flag, one = HasFlag("\\Seen", True), InSet(SeqSet(((1, 1),)), uid=False)
    keys: list[SearchKey] = [And((body, flag)), Or(flag, body), Not(body), subject, flag, one]
    assert sorted(keys, key=cost)[:3] == [one, flag, subject]


@pytest.mark.parametrize("first", [0, 7])
def test_flags_are_told_by_octets_as_by_numbers(first: int) -> None:
    numbers = [mask * 7 % 1024 for mask in range(500)]
    masks = array("q", numbers)
    for there, missing in [(1, 0), (0, 1), (4, 1), (0, 31), (31, 0), (128, 3), (256, 1), (0, 256), (1, 1), (0, 1024)]:
        candidates = range(first, 490)
        expected = [at for at in candidates if not ~numbers[at] & there and not numbers[at] & missing]
        assert list(flagged(masks, candidates, there, missing)) == expected
        assert list(flagged(masks, list(candidates), there, missing)) == expected
        assert list(flagged(tuple(numbers), candidates, there, missing)) == expected


@given(spans, spans)
def test_spans(left: list[Span], right: list[Span]) -> None:
    common = intersection([left, right])
    assert positions(common) == positions(left) & positions(right)
    assert common == merge(list(common))
    assert positions(complement(left, 40)) == set(range(40)) - positions(left)


@given(st.lists(spans, min_size=1, max_size=5))
def test_what_many_have_in_common(sets: list[list[Span]]) -> None:
    common = intersection(sets)
    assert positions(common) == set[int].intersection(*map(positions, sets))
    assert common == merge(list(common))


@given(spans, spans, spans, spans)
def test_what_is_saved_is_looked_up_once(
    left: list[Span], right: list[Span], out: list[Span], saved: list[Span]
) -> None:
    """Bug: a search with "$" in a thousand keys went through the saved result a thousand times."""
    columns, asked = Columns(), 0

    def look_up() -> list[Span]:
        nonlocal asked
        asked += 1
        return list(saved)

    columns.beside_saved += [left, right]
    columns.outside += out
    columns.settle(40, look_up)
    assert positions(columns.spans or []) == (positions(left) & positions(right) | positions(saved)) - positions(out)
    assert asked == 1


@given(some, spans)
def test_within(candidates: list[int], where: list[Span]) -> None:
    assert list(within(candidates, where)) == [at for at in candidates if at in positions(where)]


@given(some, st.sets(st.integers(0, 39)), st.sampled_from([1, 1000]))
def test_without_and_union(candidates: list[int], wanted: set[int], spread: int) -> None:
    spaced = [at * spread for at in candidates] if spread > 1 else candidates
    found = [at for at in spaced if at // spread in wanted]
    rest = without(spaced, found)
    assert list(rest) == [at for at in spaced if at // spread not in wanted]
    assert list(union(spaced, found, rest)) == list(spaced)


def rows() -> Rows:
    numbers = range(40)
    masks = array("q", [n % 8 for n in numbers])
    return Rows(numbers, numbers, masks, [n * 10 for n in numbers], numbers, numbers, numbers)


def test_conditions_are_joined() -> None:
    columns = Columns()
    columns.flag(1, present=True)
    columns.flag(2, present=False)
    columns.bound("sizes", least=100)
    columns.bound("sizes", most=300)
    columns.bound("sizes", least=50)
    columns.among([(0, 20), (25, 40)])
    columns.outside += [(12, 14), (0, 3)]
    columns.settle(40)
    expected = [
        at for at in range(40) if at % 8 in (1, 5) and 10 <= at <= 30 and (at < 20 or at >= 25) and at not in (12, 13)
    ]
    assert columns.spans is not None
    assert list(columns.look(rows(), within(range(40), columns.spans))) == expected
    assert not columns.never


@pytest.mark.parametrize("number", range(5))
def test_what_can_never_be_is_known_at_once(number: int) -> None:
    columns = Columns()
    if number == 0:
        columns.flag(0, present=True)
    elif number == 1:
        columns.flag(4, present=True)
        columns.flag(4, present=False)
    elif number == 2:
        columns.bound("dates", least=5)
        columns.bound("dates", most=4)
    elif number == 3:
        columns.among([(1, 2)])
        columns.among([(2, 3)])
    else:
        columns.outside += [(0, 40)]
    columns.settle(40)
    assert columns.never
