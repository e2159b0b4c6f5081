from postroom.store.annotations import EVERYBODY, by_owner


def test_shared_entries_are_everybody_s() -> None:
    values = {"/shared/A": b"1", "/private/b": None, "/SHARED/c": b"", "/sharedx": b"2"}
    assert by_owner(7, values) == {
        EVERYBODY: {"/shared/a": b"1", "/shared/c": b""},
        7: {"/private/b": None, "/sharedx": b"2"},
    }
    assert by_owner(7, {}) == {}
