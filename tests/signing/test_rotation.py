"""Which keys sign at a moment, and when old ones go."""

import pytest

from postroom.signing import KeySet, NoRotation, Phase, phase, retire_due, signing_set, waiting_set
from postroom.signing.rotation import replaced_at, retire, set_name, with_begin, with_new
from postroom.signing.types import Key

DAY = 86_400.0
NOW = 1_790_000_000.0  # 2026-09-21


def a_set(name: str, use_from: float | None, revoked: float | None = None) -> KeySet:
    key = Key(selector=f"{name}-rsa", algorithm="rsa-sha256", record="v=DKIM1; k=rsa; p=AA", file=f"{name}.pem")
    return KeySet(name=name, made=NOW, use_from=use_from, keys=(key,), revoked=revoked)


def test_names_are_days() -> None:
    assert set_name(NOW, ()) == "20260921"
    assert set_name(NOW, {"20260921"}) == "20260921b"
    assert set_name(NOW, {"20260921", "20260921b"}) == "20260921c"
    with pytest.raises(NoRotation):
        set_name(NOW, {f"20260921{letter}" for letter in ("", *"bcdefghijklmnopqrstuvwxyz")})


def test_the_newest_that_has_begun_signs() -> None:
    first, second, third = a_set("1", NOW - DAY), a_set("2", NOW), a_set("3", None)
    sets = (first, second, third)
    assert [phase(one, sets, NOW) for one in sets] == [Phase.REPLACED, Phase.SIGNING, Phase.WAITING]
    assert [phase(one, sets, NOW - 1) for one in sets] == [Phase.SIGNING, Phase.WAITING, Phase.WAITING]
    assert signing_set(sets, NOW) == second
    assert signing_set(sets, NOW - 1) == first
    assert signing_set(sets, NOW - 2 * DAY) is None
    assert waiting_set(sets, NOW) == third
    assert replaced_at(first, sets, NOW) == NOW
    assert replaced_at(first, sets, NOW - 1) is None


def test_revoked_keys_never_sign() -> None:
    sets = (a_set("1", NOW - DAY), a_set("2", NOW - 10, revoked=NOW))
    assert signing_set(sets, NOW) == sets[0]
    assert phase(sets[1], sets, NOW) is Phase.REVOKED


def test_one_rotation_at_a_time() -> None:
    sets = with_new((a_set("1", NOW - DAY),), a_set("2", None), NOW)
    with pytest.raises(NoRotation, match="2 wait"):
        with_new(sets, a_set("3", None), NOW)
    begun = with_begin(sets, "2", NOW + 60)
    with pytest.raises(NoRotation):
        with_new(begun, a_set("3", None), NOW)
    assert signing_set(begun, NOW + 59) == begun[0]
    assert signing_set(begun, NOW + 60) == begun[1]
    assert len(with_new(begun, a_set("3", None), NOW + 60)) == 3


def test_replaced_keys_are_revoked_after_the_overlap_and_forgotten_later() -> None:
    sets = (a_set("1", NOW - 30 * DAY), a_set("2", NOW))
    assert retire_due(sets[0], sets, NOW, overlap=10 * DAY, revoked=30 * DAY) == NOW + 10 * DAY
    assert retire_due(sets[1], sets, NOW, overlap=10 * DAY, revoked=30 * DAY) is None
    assert retire(sets, NOW + 10 * DAY - 1, overlap=10 * DAY, revoked=30 * DAY).sets == sets
    then = NOW + 10 * DAY
    made = retire(sets, then, overlap=10 * DAY, revoked=30 * DAY)
    assert made.revoked == ("1",)
    assert [key.file for key in made.keys] == ["1.pem"]
    assert [one.revoked for one in made.sets] == [then, None]
    assert retire(made.sets, then + 30 * DAY - 1, overlap=10 * DAY, revoked=30 * DAY).sets == made.sets
    last = retire(made.sets, then + 30 * DAY, overlap=10 * DAY, revoked=30 * DAY)
    assert last.forgotten == ("1",)
    assert last.sets == (sets[1],)


def test_at_once_revokes_what_was_replaced_and_nothing_else() -> None:
    sets = (a_set("1", NOW - DAY), a_set("2", NOW), a_set("3", None))
    made = retire(sets, NOW, overlap=10 * DAY, revoked=30 * DAY, at_once=True)
    assert made.revoked == ("1",)
    again = retire(made.sets, NOW, overlap=10 * DAY, revoked=30 * DAY, at_once=True)
    assert (again.revoked, again.forgotten) == ((), ())
    assert again.sets == made.sets


def test_the_moment_a_set_was_replaced_stays_when_its_successor_is_revoked() -> None:
    sets = (a_set("1", NOW), a_set("2", NOW + DAY, revoked=NOW + 9 * DAY), a_set("3", NOW + 2 * DAY))
    assert replaced_at(sets[0], sets, NOW + 10 * DAY) == NOW + DAY
