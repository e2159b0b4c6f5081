"""Who comes again, by a clock that runs days in no time (RFC 6647)."""

from pathlib import Path

import pytest

from postroom.reputation.database import ReputationDatabase
from postroom.reputation.greylist import Attempt, Decision, decide, learn, purge, waiting
from postroom.reputation.settings import StrangersSettings

HOUR, DAY = 3600.0, 86_400.0
SETTINGS = StrangersSettings()


class World:
    def __init__(self, path: Path, settings: StrangersSettings = SETTINGS) -> None:
        self.path = path
        self.settings = settings
        self.now = 1_700_000_000.0
        self.database = ReputationDatabase(path)

    def tries(
        self, network: str = "192.0.2.0/24", sender: str = "a@bar.test", to: str = "bob@foo.test", vouched: str = ""
    ) -> Decision:
        attempt = Attempt(network, vouched, sender, to)
        return self.database.now(lambda db: decide(db, attempt, self.now, self.settings))

    def learns(self, origin: str, good: int, junk: int = 0) -> None:
        self.database.now(lambda db: learn(db, {origin: (good, junk)}, self.now))

    def purges(self) -> None:
        self.database.now(lambda db: purge(db, self.now, self.settings))

    def count(self, table: str) -> int:
        return int(self.database.now(lambda db: next(iter(db.execute(f"SELECT count(*) FROM {table}")))[0]))

    def restarts(self) -> None:
        self.database.close()
        self.database = ReputationDatabase(self.path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "reputation.db")


def test_who_comes_again_in_time_is_taken_and_so_is_all_that_follows(world: World) -> None:
    first = world.tries()
    assert (first.taken, first.wait) == (False, 60)
    world.now += 30
    assert world.tries() == Decision(False, "192.0.2.0/24 is asked to come again", 30)
    world.restarts()
    world.now += 30
    assert world.tries() == Decision(True, "192.0.2.0/24 came again after 60 s")
    assert world.tries(sender="x@other.test", to="jones@foo.test").taken  # §5, item 1
    assert not world.tries(network="198.51.100.0/24").taken


def test_too_late_is_as_if_for_the_first_time(world: World) -> None:
    """§5, item 2."""
    world.tries()
    world.now += DAY + 1
    assert world.tries().wait == 60
    world.now += DAY - 1
    assert world.tries().taken


def test_another_sender_or_recipient_is_another_attempt(world: World) -> None:
    world.tries()
    world.now += HOUR
    assert not world.tries(sender="a@other.test").taken
    assert not world.tries(to="jones@foo.test").taken
    assert world.tries(sender="bounce-7@BAR.test", to="BOB@foo.test").taken  # the domain counts, not who there


def test_the_many_addresses_of_a_big_sender_are_one_by_spf(world: World) -> None:
    assert not world.tries("192.0.2.0/24", vouched="bar.test").taken
    world.now += HOUR
    assert world.tries("198.51.100.0/24", vouched="bar.test").taken
    assert world.tries("203.0.113.0/24", vouched="bar.test", to="jones@foo.test").taken
    assert not world.tries("203.0.113.0/24", to="brown@foo.test").taken  # its network is not known by that


def test_a_sender_from_anywhere_does_not_wait_for_ever(world: World) -> None:
    taken = []
    for number in range(8):
        taken.append(world.tries(f"198.51.{number}.0/24").taken)
        world.now += HOUR
    assert taken == [False] * 4 + [True] * 4
    assert not world.tries("198.51.99.0/24", sender="b@bar.test").taken


def test_known_by_good_mail_and_unknown_by_junk(world: World) -> None:
    world.learns("192.0.2.0/24", 4)
    assert not world.tries().taken
    world.learns("192.0.2.0/24", 1)
    assert world.tries().taken
    world.learns("192.0.2.0/24", 0, 6)
    assert not world.tries(to="jones@foo.test").taken
    world.learns("bar.test", 5)
    assert world.tries("198.51.100.0/24", vouched="bar.test").taken


def test_old_mail_counts_less(world: World) -> None:
    for _ in range(20):
        world.learns("192.0.2.0/24", 200)
    found = world.database.remembered("192.0.2.0/24")
    assert found is not None
    assert found.good <= 1000


def test_what_is_old_is_forgotten(world: World) -> None:
    world.tries()
    world.learns("192.0.2.0/24", 9)
    world.purges()
    assert (world.count("attempt"), world.count("origin")) == (2, 1)
    world.now += DAY + 1
    world.purges()
    assert (world.count("attempt"), world.count("origin")) == (0, 1)
    world.now += 34 * DAY
    world.purges()
    assert world.count("origin") == 1
    world.now += DAY
    world.purges()
    assert world.count("origin") == 0


def test_it_has_bounds_and_the_oldest_go_first(tmp_path: Path) -> None:
    world = World(tmp_path / "reputation.db", StrangersSettings(max_known=1000, max_waiting=1000))
    for number in range(1100):
        world.now += 1
        world.tries(f"10.{number // 256}.{number % 256}.0/24")
        world.learns(f"n{number}", 1)
    world.purges()
    assert (world.count("attempt"), world.count("origin")) == (900, 900)
    assert world.database.remembered("n199") is None
    assert world.database.remembered("n200") is not None


def test_who_waits(world: World) -> None:
    world.tries()
    world.now += 5
    world.tries()
    rows = world.database.now(lambda db: waiting(db, ["192.0.2.0/24", "bar.test"], 10))
    assert rows == [("192.0.2.0/24", world.now - 5, world.now, 2)]


def test_a_clock_that_was_set_back_keeps_nobody_out(world: World) -> None:
    world.tries()
    world.now -= 10 * DAY
    assert world.tries().wait == 60
    world.now += 61
    assert world.tries().taken
