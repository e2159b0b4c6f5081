"""What a client sees of it is in tests/contract/test_store_extensions.py."""

from postroom.base import FakeClock
from postroom.store import StoreSettings
from postroom.store.memory_history import MemoryHistory

DAY = 86_400


def test_history_is_forgotten_in_time_and_with_its_mailbox() -> None:
    clock = FakeClock()
    history = MemoryHistory(StoreSettings(undo_days=2), clock)
    history.saved(1, [(5, 0, 2, 10, 0, 1), (6, 0, 2, 10, 0, 2)])
    history.expunged(1, [5], 3)
    clock._now += DAY
    history.expunged(1, [6], 4)
    assert history.expunged_since(1, 0) == (5, 6)
    assert history.save_dates(1, [5, 6]) == {}
    clock._now += DAY
    assert history.expunged_since(1, 2) is None
    assert history.expunged_since(1, 3) == (6,)
    history.forget(1)
    assert history.expunged_since(1, 0) == ()
