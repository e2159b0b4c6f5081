"""Flag lists, each combination made once."""

import pytest

from postroom.servers.imap.flag_lists import RECENT, FlagLists
from postroom.store.api import Mailbox, View

VIEW = View(Mailbox(1, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0), keywords=["$Work"])


def test_system_flags_then_keywords_then_recent() -> None:
    lists = FlagLists(VIEW)
    assert lists.of([1 | 1 << 5 | RECENT, 0, 4]) == [b"(\\Seen $Work \\Recent)", b"()", b"(\\Flagged)"]
    assert lists.of([0]) == [b"()"]


def test_they_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.servers.imap.flag_lists._MAX_CACHED_OCTETS", 150)
    lists = FlagLists(VIEW)
    for mask in range(8):
        assert lists.of([mask])
    assert len(lists) <= 4
    assert lists.of([0]) == [b"()"]
