"""What a client makes of ADDTO and REMOVEFROM is the result itself."""

import re

from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.contexts import Descending, Entry, FollowedSearch, FollowedSort, Pair, update_line

LINE = re.compile(rb'\* ESEARCH \(TAG "t"\) UID (ADDTO|REMOVEFROM) \((.*)\)\r\n')


def expand(numbers: bytes) -> list[int]:
    """RFC 5267 §3.2: ranges ascend."""
    found: list[int] = []
    for part in numbers.split(b","):
        first, _, last = part.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found


def apply(result: list[int], pairs: list[Pair], word: bytes) -> None:
    """A client that reads the line."""
    line = update_line(b"t", word, pairs)
    if not pairs:
        assert line == b""
        return
    found = LINE.fullmatch(line)
    assert found is not None
    assert found[1] == word
    words = found[2].split()
    for position, numbers in zip(map(int, words[::2]), map(expand, words[1::2]), strict=True):
        if word == b"ADDTO" and position:
            result[position - 1 : position - 1] = numbers
        elif word == b"ADDTO":
            result[:] = sorted([*result, *numbers])
        elif position:
            assert result[position - 1 : position - 1 + len(numbers)] == numbers
            del result[position - 1 : position - 1 + len(numbers)]
        else:
            for number in numbers:
                result.remove(number)


uids = st.sets(st.integers(1, 90))


@given(st.lists(uids, min_size=1, max_size=6))
def test_a_search(states: list[set[int]]) -> None:
    followed = FollowedSearch(states[0])
    result = sorted(states[0])
    for state in states[1:]:
        apply(result, followed.remove({uid for uid in range(1, 91) if uid not in state}), b"REMOVEFROM")
        apply(result, followed.add([uid for uid in state if uid not in followed]), b"ADDTO")
        assert result == sorted(state) == sorted(followed.members())
        assert len(followed) == len(state)


@given(st.lists(uids, min_size=1, max_size=6), st.lists(st.integers(0, 9), min_size=91, max_size=91), st.booleans())
def test_a_sort(states: list[set[int]], keys: list[int], reverse: bool) -> None:
    def entry(uid: int) -> Entry:
        return (Descending(str(keys[uid])), uid) if reverse else (str(keys[uid]), uid)

    followed = FollowedSort(sorted(map(entry, states[0])))
    result = [one[-1] for one in sorted(map(entry, states[0]))]
    for state in states[1:]:
        apply(result, followed.remove({uid for uid in range(1, 91) if uid not in state}), b"REMOVEFROM")
        apply(result, followed.add(entry(uid) for uid in state if uid not in followed), b"ADDTO")
        assert result == [one[-1] for one in sorted(map(entry, state))]
        assert len(followed) == len(state)
        assert set(followed.members()) == state


def test_the_preferred_representation() -> None:
    """RFC 5267 §4.3.3: ADDTO (1 2731:2733), and no smaller steps."""
    followed = FollowedSort([("b", 2734), ("b", 2735)])
    pairs = followed.add([("a", 2733), ("a", 2732), ("a", 2731)])
    assert update_line(b"C01", b"ADDTO", pairs) == b'* ESEARCH (TAG "C01") UID ADDTO (1 2731:2733)\r\n'


def test_by_number() -> None:
    """RFC 5267 §4.3.2: message numbers, when the command was no UID command."""
    line = update_line(b"B01", b"REMOVEFROM", FollowedSearch([50, 51]).remove([51, 52]), {51: 2}.__getitem__)
    assert line == b'* ESEARCH (TAG "B01") REMOVEFROM (0 2)\r\n'


def test_descending() -> None:
    assert Descending("b") < Descending("a")
    assert not Descending("a") < Descending("a")
    assert Descending("a") == Descending("a") != Descending("b")
    assert Descending("a") != "a"
    assert len({Descending("a"), Descending("a")}) == 1
