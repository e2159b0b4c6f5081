"""Many responses at once are what each would be by itself."""

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.servers.imap.flag_lists import RECENT, FlagLists
from postroom.servers.imap.flag_rows import flag_rows
from postroom.servers.imap.rows import Rows
from postroom.store.api import Mailbox, View

VIEW = View(Mailbox(1, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0), keywords=["100%d"])
messages = st.lists(st.tuples(st.sampled_from([0, 1, 33, 1 | RECENT]), st.integers(1, 3)), min_size=1, max_size=6)


def rows_of(found: Sequence[tuple[int, int]], first: int) -> Rows:
    masks, modseqs = [mask for mask, _ in found], array("q", [modseq for _, modseq in found])
    numbers = range(first, first + len(found))
    return Rows(numbers, array("L", [2 * at + 5 for at in numbers]), masks, [], [], modseqs, [])


@given(messages, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_one_by_one_or_all_together(
    found: list[tuple[int, int]], uids: bool, modseqs: bool, listed: bool, flags: bool
) -> None:
    lists = FlagLists(VIEW)
    rows = rows_of(found, 7)
    numbers: Sequence[int] = list(rows.positions) if listed else rows.positions
    expected = b""
    for at, number in enumerate(numbers):
        items = [b"UID %d" % rows.uids[at]] if uids else []
        items += [b"FLAGS %b" % lists.of([rows.masks[at]])[0]] if flags else []
        items += [b"MODSEQ (%d)" % rows.modseqs[at]] if modseqs else []
        expected += b"* %d FETCH (%b)\r\n" % (number, b" ".join(items))
    made = flag_rows(rows, numbers, b"* %d FETCH (", lists.of if flags else None, uids=uids, modseqs=modseqs)
    assert made == expected


@pytest.mark.parametrize("mask", [1, 33, RECENT])
def test_ten_thousand_alike_are_not_made_one_by_one(mask: int) -> None:
    rows = rows_of([(mask, 4)] * 10_000, 1)
    made = flag_rows(rows, rows.positions, b"* %d FETCH (", FlagLists(VIEW).of, uids=False, modseqs=True)
    lines = made.split(b"\r\n")
    assert len(lines) == 10_001
    assert lines[0].startswith(b"* 1 FETCH (FLAGS (")
    assert lines[-2] == lines[0].replace(b"* 1 ", b"* 10000 ")
