"""Recent changes: what is remembered is all there was, and never more than so much."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.store.recent_changes import MAX_REMEMBERED_UIDS, RecentChanges

changes = st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=5) | st.just([7] * 3000), max_size=20)


@given(changes, st.integers(0, 22), st.booleans())
def test_what_is_remembered_is_all_there_was(made: list[list[int]], asked: int, loaded: bool) -> None:
    recent = RecentChanges(0 if loaded else None)
    for modseq, uids in enumerate(made, start=1):
        recent.add(modseq, uids)
    found = recent.after(asked)
    if found is not None:
        assert found == {uid for modseq, uids in enumerate(made, start=1) if modseq > asked for uid in uids}
    elif made and loaded:
        assert sum(map(len, made[asked:])) > MAX_REMEMBERED_UIDS or asked < len(made)


def test_nothing_is_forgotten_without_need() -> None:
    recent = RecentChanges(5)
    assert recent.after(4) is None
    assert recent.after(5) == set()
    for modseq in range(6, 6 + MAX_REMEMBERED_UIDS):
        recent.add(modseq, (modseq,))
    assert recent.after(5) == set(range(6, 6 + MAX_REMEMBERED_UIDS))
    recent.add(9000, (1, 2))
    assert recent.after(6) is None
    assert recent.after(7) == {1, 2, *range(8, 6 + MAX_REMEMBERED_UIDS)}
    assert recent.after(9000) == set()


def test_more_than_all_at_once() -> None:
    recent = RecentChanges(0)
    recent.add(1, range(MAX_REMEMBERED_UIDS + 1))
    assert recent.after(0) is None
    assert recent.after(1) == set()


def test_of_a_view_without_a_known_beginning() -> None:
    recent = RecentChanges()
    assert recent.after(0) is None
    recent.add(3, (1,))
    assert recent.after(2) is None
    assert recent.after(3) == set()
