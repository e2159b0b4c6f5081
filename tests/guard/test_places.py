"""From where accounts have signed in."""

from postroom.guard.places import Places
from postroom.guard.settings import GuardSettings

DAY = 86_400.0


def test_a_place_is_known_for_a_while() -> None:
    places = Places(GuardSettings(known_place_days=10))
    assert places.note("bob", "192.0.2.1", 0.0)
    assert not places.note("bob", "192.0.2.1", 100.0)
    assert places.known("bob", "192.0.2.1", 9 * DAY)
    assert places.welcome("192.0.2.1", 9 * DAY)
    assert not places.known("alice", "192.0.2.1", 0.0)
    assert not places.known("bob", "192.0.2.2", 0.0)
    assert not places.known("bob", "192.0.2.1", 11 * DAY)
    assert not places.welcome("192.0.2.1", 11 * DAY)
    assert places.note("bob", "192.0.2.1", 11 * DAY)
    assert places.of("bob") == {"192.0.2.1": 11 * DAY}


def test_the_oldest_of_many_places_goes() -> None:
    places = Places(GuardSettings(max_known_places=2))
    for number in range(3):
        places.note("bob", f"192.0.2.{number}", float(number))
    assert set(places.of("bob")) == {"192.0.2.1", "192.0.2.2"}


def test_names_are_bounded() -> None:
    places = Places(GuardSettings(max_remembered=1000))
    for number in range(1500):
        places.note(f"name{number}", f"host{number}", float(number))
    assert not places.known("name0", "host0", 1500.0)
    assert places.known("name1499", "host1499", 1500.0)
    assert (len(places._by_name), len(places._hosts)) == (1000, 1000)
