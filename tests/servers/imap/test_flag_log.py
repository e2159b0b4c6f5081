"""Which flags have changed since a modification sequence, as far as that is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.servers.imap.flag_log import FlagLog
from postroom.store.api import FlagsChanged, MessagesAdded

A, B = 1, 2


def changed(modseq: int, *uids: int, flags: int = -1) -> FlagsChanged:
    return FlagsChanged(1, uids, modseq, None, flags)


def test_only_the_flags_that_are_named_count() -> None:
    log = FlagLog(10)
    log.add(changed(11, 1, 2, flags=A))
    log.add(changed(12, 2, 3, flags=B))
    assert log.untouched([1, 2, 3, 4], A, 10) == [3, 4]
    assert log.untouched([1, 2, 3, 4], B, 10) == [1, 4]
    assert log.untouched([1, 2, 3, 4], A | B, 10) == [4]
    assert log.untouched([1, 2, 3, 4], A, 11) == [1, 2, 3, 4]
    assert log.untouched([1, 2, 3, 4], A, 9) == []  # not known


def test_a_new_message_and_one_with_all_flags_replaced() -> None:
    log = FlagLog(10)
    log.add(MessagesAdded(1, (7,), 11, None))
    log.add(changed(12, 8))
    assert log.untouched([7, 8, 9], 0, 10) == [9]
    assert log.untouched([7, 8, 9], A, 11) == [7, 9]


@given(st.lists(st.tuples(st.sets(st.integers(1, 5), min_size=1), st.integers(1, 3))), st.integers(0, 20))
def test_what_is_forgotten_is_not_guessed(changes: list[tuple[set[int], int]], since: int) -> None:
    full, short = FlagLog(0, 1000), FlagLog(0, 6)
    for modseq, (uids, flags) in enumerate(changes, start=1):
        for log in (full, short):
            log.add(changed(modseq, *sorted(uids), flags=flags))
    everything = range(1, 6)
    for flags in (A, B, A | B):
        known = short.untouched(everything, flags, since)
        assert known in ([], full.untouched(everything, flags, since))
        dirty = {uid for at, (uids, mask) in enumerate(changes, start=1) if at > since and mask & flags for uid in uids}
        assert full.untouched(everything, flags, since) == [uid for uid in everything if uid not in dirty]
