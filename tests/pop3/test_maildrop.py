"""Numbers, listings and marks."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.pop3 import Maildrop, NoSuchMessage


def maildrop(sizes: list[int]) -> Maildrop:
    count = len(sizes)
    return Maildrop(1, 0xABC, array("L", range(20, 20 + count)), array("q", sizes), array("q", range(count)))


@given(st.lists(st.integers(0, 10**9), max_size=12), st.sets(st.integers(1, 12)), st.integers(1, 5))
def test_listings_show_what_is_not_marked(sizes: list[int], marks: set[int], piece: int) -> None:
    drop = maildrop(sizes)
    for number in marks:
        if number <= len(sizes):
            drop.delete(number)
        else:
            with pytest.raises(NoSuchMessage, match=f"only {len(sizes)} messages"):
                drop.delete(number)
    left = [(k, size) for k, size in enumerate(sizes, 1) if k not in marks]
    assert drop.messages == len(left)
    assert drop.octets == sum(size for _, size in left)
    assert b"".join(drop.scan_listings(piece)) == b"".join(b"%d %d\r\n" % row for row in left)
    assert b"".join(drop.unique_id_listings(piece)) == b"".join(b"%d abc-%x\r\n" % (k, k + 19) for k, _ in left)
    assert drop.following(0, 3) == [k - 1 for k, _ in left][:3]
    assert drop.marked_uids() == tuple(sorted(k + 19 for k in marks if k <= len(sizes)))
    drop.reset()
    assert drop.messages == len(sizes)
    assert drop.octets == sum(sizes)
    assert drop.marked_uids() == ()


def test_it_is_a_snapshot() -> None:
    uids, sizes, contents = array("L", [1, 2]), array("q", [5, 6]), array("q", [7, 8])
    drop = Maildrop(1, 1, uids, sizes, contents, 2)
    for column in (uids, sizes, contents):
        column.append(9)
    assert drop.messages == 2
    assert b"".join(drop.scan_listings(10)) == b"1 5\r\n2 6\r\n"
    assert drop.following(1, 9) == [8]
    with pytest.raises(NoSuchMessage):
        drop.size(3)


def test_single_answers() -> None:
    drop = maildrop([5, 6])
    assert drop.size(2) == 6
    assert drop.content_id(1) == 1
    assert drop.unique_id(2) == b"abc-15"
    drop.delete(2)
    with pytest.raises(NoSuchMessage, match="message 2 already deleted"):
        drop.unique_id(2)
    with pytest.raises(NoSuchMessage):
        drop.position(0)


def test_the_longest_unique_id_is_within_70_characters() -> None:  # RFC 1939 §7
    drop = Maildrop(1, 2**63, [2**63], [1], [1])
    assert len(drop.unique_id(1)) <= 70
