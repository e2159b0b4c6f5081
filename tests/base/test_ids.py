"""Chance: unguessable outside tests, repeatable inside."""

from postroom.base import SeededIds, SystemIds


def test_seeded_ids_repeat_and_differ_by_seed() -> None:
    assert [SeededIds(1).token(), SeededIds(1).octets(4), SeededIds(1).jitter()] == [
        SeededIds(1).token(),
        SeededIds(1).octets(4),
        SeededIds(1).jitter(),
    ]
    assert SeededIds(1).token(30) != SeededIds(2).token(30)


def test_system_ids_have_the_asked_shape() -> None:
    ids = SystemIds()
    assert len({ids.token(20) for _ in range(100)}) == 100
    assert len(ids.token(20)) == 20
    assert ids.token().isalnum()
    assert len(ids.octets(7)) == 7
    assert all(0 <= ids.jitter() < 1 for _ in range(100))
