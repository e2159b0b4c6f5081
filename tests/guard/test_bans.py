"""Bans: they begin, grow, end, are forgotten, spread to networks, and stay few."""

import random

from hypothesis import given
from hypothesis import strategies as st

from postroom.guard.bans import Bans
from postroom.guard.origins import Origin, Origins
from postroom.guard.settings import GuardSettings
from postroom.guard.types import Ban

SETTINGS = GuardSettings(ban_seconds=60, ban_growth=3, max_ban_seconds=1000, ban_memory_seconds=500)
ORIGINS = Origins(SETTINGS)
NOW = 1_700_000_000.0


def origin(address: str) -> Origin:
    found = ORIGINS.of(address)
    assert found is not None
    return found


def test_a_ban_ends() -> None:
    bans = Bans(SETTINGS)
    (ban,) = bans.impose_on(origin("192.0.2.7"), "x", NOW, 0.0)
    assert (ban.network, ban.until - ban.since, ban.times) == ("192.0.2.7", 60, 1)
    assert bans.find(origin("192.0.2.7"), 59.9) == ban
    assert bans.find(origin("192.0.2.7"), 60.0) is None
    assert bans.find(origin("192.0.2.8"), 1.0) is None


def test_bug_a_ban_of_an_operator_was_shortened_by_one_that_was_earned() -> None:
    """In sessions that were open before, recipients go on being unknown and passwords wrong."""
    bans, client = Bans(SETTINGS), origin("192.0.2.7")
    year = bans.impose("192.0.2.7", "spam", NOW, 0.0, seconds=31_536_000, by_operator=True)
    assert bans.impose_on(client, "wrong passwords", NOW + 1, 1.0) == [year]
    assert bans.find(client, 100_000.0) == year
    short = bans.impose("192.0.2.7", "spam", NOW + 2, 2.0, seconds=60, by_operator=True)  # an operator may
    assert bans.find(client, 3.0) == short


def test_bans_grow_up_to_a_length_and_are_forgotten() -> None:
    bans, client = Bans(SETTINGS), origin("192.0.2.7")
    lengths = [bans.impose_on(client, "x", NOW + at, at)[0] for at in (0.0, 100.0, 400.0, 1000.0)]
    assert [(ban.until - ban.since, ban.times) for ban in lengths] == [(60, 1), (180, 2), (540, 3), (1000, 4)]
    later = 2000.0 + 500.0
    assert bans.impose_on(client, "x", NOW + later, later)[0].times == 1


def test_an_ipv6_client_has_many_addresses() -> None:
    bans = Bans(SETTINGS)
    bans.impose_on(origin("2001:db8::1"), "x", NOW, 0.0)
    assert bans.find(origin("2001:db8::ffff:1:2"), 1.0) is not None
    assert bans.find(origin("2001:db8:0:1::1"), 1.0) is None


def test_a_network_is_banned_when_many_of_it_are() -> None:
    settings = GuardSettings(bans_until_network=3)
    bans = Bans(settings)
    bans.impose_on(origin("192.0.2.1"), "x", NOW, 0.0)
    bans.impose_on(origin("198.51.100.1"), "x", NOW, 0.0)
    bans.impose_on(origin("192.0.2.2"), "x", NOW, 0.0)
    assert bans.find(origin("192.0.2.99"), 1.0) is None
    made = bans.impose_on(origin("192.0.2.3"), "x", NOW, 0.0)
    assert [ban.network for ban in made] == ["192.0.2.3", "192.0.2.0/24"]
    assert bans.find(origin("192.0.2.99"), 1.0) is not None
    assert bans.find(origin("192.0.3.1"), 1.0) is None


def test_members_that_other_processes_have_banned_count_too() -> None:
    bans = Bans(GuardSettings(bans_until_network=2))
    bans.learn(Ban("192.0.2.1", NOW, NOW + 60, 1, "x"), NOW, 0.0)
    assert len(bans.impose_on(origin("192.0.2.2"), "x", NOW, 0.0)) == 2


def test_lifting_frees_what_is_within_and_around() -> None:
    bans = Bans(SETTINGS)
    bans.impose("192.0.2.0/24", "x", NOW, 0.0, seconds=600, by_operator=True)
    bans.impose_on(origin("192.0.2.7"), "x", NOW, 0.0)
    bans.impose_on(origin("192.0.3.7"), "x", NOW, 0.0)
    lifted = bans.lift("192.0.2.7", NOW + 1)
    assert {ban.network for ban in lifted} == {"192.0.2.0/24", "192.0.2.7"}
    assert {ban.times for ban in lifted} == {0}
    assert bans.find(origin("192.0.2.7"), 1.0) is None
    assert [ban.network for ban, _ in bans.in_force(1.0)] == ["192.0.3.7"]


def test_a_ban_from_the_disk_has_no_more_than_its_length_left() -> None:
    """The clock stood in the wrong year when it was written, or does now."""
    bans = Bans(SETTINGS)
    year = 365 * 86_400.0
    bans.learn(Ban("192.0.2.7", NOW + year, NOW + year + 60, 1, "x"), NOW, 0.0)
    assert bans.find(origin("192.0.2.7"), 59.0) is not None
    assert bans.find(origin("192.0.2.7"), 61.0) is None
    bans.learn(Ban("192.0.2.8", NOW - year, NOW - year + 60, 1, "x"), NOW, 0.0)
    assert bans.find(origin("192.0.2.8"), 0.0) is None
    bans.learn(Ban("192.0.2.7", NOW, NOW, 0, "x"), NOW, 0.0)
    assert len(bans) == 0


def test_what_is_forgotten_takes_no_room() -> None:
    bans = Bans(SETTINGS)
    bans.impose_on(origin("192.0.2.7"), "x", NOW, 0.0)
    bans.prune(559.0)
    assert len(bans) == 1
    bans.prune(560.0)
    assert len(bans) == 0


@given(st.integers(0, 2**32), st.integers(300, 600))
def test_memory_stays_bounded_whoever_has_how_many_addresses(seed: int, steps: int) -> None:
    """An attacker with an IPv6 /32."""
    chance = random.Random(seed)
    settings = GuardSettings(max_bans=100, max_remembered=1000, bans_until_network=4)
    bans, origins = Bans(settings), Origins(settings)
    for step in range(steps):
        client = origins.of(f"2001:db8:{chance.randrange(40):x}:{chance.randrange(65536):x}::1")
        assert client is not None
        bans.impose_on(client, "x", NOW + step, float(step))
        assert bans.find(client, float(step)) is not None
    assert len(bans) <= 100
    assert sum(map(len, bans._members.values())) <= 100
    assert sum(map(len, bans._by_prefix.values())) == len(bans)
