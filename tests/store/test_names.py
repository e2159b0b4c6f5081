import pytest

from postroom.store import BadMailboxName, StoreSettings
from postroom.store.names import canonical, checked, listing_key, renames

SETTINGS = StoreSettings(max_name_characters=20, max_name_depth=3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("inbox", "INBOX"), ("Inbox/a", "INBOX/a"), ("INBOX/", "INBOX"), ("a/b/c", "a/b/c"), ("Größe & Co", "Größe & Co")],
)
def test_possible(name: str, expected: str) -> None:
    assert checked(name, SETTINGS) == expected


@pytest.mark.parametrize("name", ["", "/", "//", "a//", "a/b/c/d", "x" * 21, "a\tb", "a\x85", "a\u2028b", "\udc80"])
def test_impossible(name: str) -> None:
    with pytest.raises(BadMailboxName):
        checked(name, SETTINGS)


def test_canonical() -> None:
    assert (canonical("iNbOx"), canonical("inboxes"), canonical("inbox/x")) == ("INBOX", "inboxes", "INBOX/x")


def test_renames_take_children_only() -> None:
    names = dict.fromkeys(["a", "a/b", "ab", "b/a"], 0)
    assert renames("a", "c/d", names) == {"a": "c/d", "a/b": "c/d/b"}
    assert renames("x", "y", names) == {}


def test_the_inbox_is_listed_first() -> None:
    assert sorted(["b", "A", "INBOX", "Z"], key=listing_key) == ["INBOX", "A", "Z", "b"]
