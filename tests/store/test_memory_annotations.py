"""What a client sees of it is in tests/contract/test_store_extensions.py."""

from postroom.store import StoreSettings
from postroom.store.memory_annotations import MemoryAnnotations


def test_a_copy_is_a_copy() -> None:
    kept = MemoryAnnotations(StoreSettings())
    kept.change(1, 7, {"/shared/a": b"1", "/private/a": b"2"}, 5, None)
    kept.copy(1, 2)
    kept.change(1, 7, {"/shared/a": b"3"}, 6, None)
    assert kept.read(2, 7) == {"/private/a": b"2", "/shared/a": b"1"}
    kept.forget(1)
    assert (kept.read(1, 7), kept.octets()) == ({}, 2)
    assert kept.read(None, 7) == {}
