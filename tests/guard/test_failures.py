"""Failed sign-ins: how long, when a ban, and that owners get in while strangers attack."""

from postroom.guard.failures import Failures
from postroom.guard.origins import Origin, Origins
from postroom.guard.places import Places
from postroom.guard.settings import GuardSettings

SETTINGS = GuardSettings(failures_until_ban=5, known_failures_until_ban=9, failures_until_attack=4)


def room(settings: GuardSettings = SETTINGS) -> tuple[Failures, Places]:
    places = Places(settings)
    return Failures(settings, places, b"k" * 32), places


def origin(address: str) -> Origin:
    found = Origins(SETTINGS).of(address)
    assert found is not None
    return found


def test_each_failure_takes_twice_as_long_and_then_there_is_a_ban() -> None:
    failures, _ = room()
    told = [failures.failed(origin("192.0.2.1"), f"name{n}", f"guess{n}", 0.0, 0.0) for n in range(5)]
    assert told == [(1.0, False), (2.0, False), (4.0, False), (8.0, False), (15.0, True)]


def test_failures_are_forgotten() -> None:
    failures, _ = room()
    for hour in range(100):  # one in 20 minutes, for ever
        assert failures.failed(origin("192.0.2.1"), "bob", f"guess{hour}", 0.0, hour * 1200.0) == (1.0, False)


def test_a_phone_with_the_old_password_bans_nobody() -> None:
    failures, _ = room()
    told = [failures.failed(origin("192.0.2.1"), "bob", "old", 0.0, float(n)) for n in range(60)]
    assert not any(ban for _, ban in told)
    assert max(delay for delay, _ in told) < 15.0


def test_the_same_password_for_many_names_is_many_guesses() -> None:
    failures, _ = room()
    assert failures.failed(origin("192.0.2.1"), "n0", "123456", 0.0, 0.0) == (1.0, False)
    told = [failures.failed(origin("192.0.2.1"), f"n{n}", "123456", 0.0, 0.0) for n in range(1, 5)]
    assert told[-1] == (15.0, True)


def test_an_office_behind_one_address_has_more_tries() -> None:
    failures, places = room()
    places.note("alice", "192.0.2.1", 0.0)
    bans = [failures.failed(origin("192.0.2.1"), f"n{n}", "", 0.0, 0.0)[1] for n in range(9)]
    assert bans == [False] * 8 + [True]


def test_an_exempt_address_is_slowed_only_by_the_name() -> None:
    failures, _ = room()
    told = [failures.failed(origin("127.0.0.1"), f"n{n}", "", 0.0, 0.0) for n in range(50)]
    assert set(told) == {(1.0, False)}
    assert [failures.failed(None, "bob", "", 0.0, 0.0)[0] for _ in range(3)] == [1.0, 2.0, 4.0]


def test_no_bans_when_there_is_no_such_limit() -> None:
    failures, _ = room(GuardSettings(failures_until_ban=0))
    told = [failures.failed(origin("192.0.2.1"), "bob", f"{n}", 0.0, 0.0) for n in range(500)]
    assert not any(ban for _, ban in told)
    assert failures.addresses.level("192.0.2.1", 50 * 3600.0) == 0


def test_an_account_under_attack_is_slow_for_strangers_and_open_for_its_owner() -> None:
    failures, places = room()
    places.note("bob", "198.51.100.1", 0.0)
    for n in range(4):
        assert failures.before(origin(f"192.0.2.{n}"), "bob", 0.0, 0.0) == 0.0
        failures.failed(origin(f"192.0.2.{n}"), "bob", f"guess{n}", 0.0, 0.0)
    waits = [failures.before(origin(f"203.0.113.{n}"), "bob", 0.0, 0.0) for n in range(30)]
    assert waits[:3] == [0.0, 1.0, 2.0]
    assert waits[-1] is None
    assert max(wait for wait in waits if wait is not None) <= SETTINGS.max_stranger_delay_seconds
    assert failures.before(origin("198.51.100.1"), "bob", 0.0, 0.0) == 0.0
    assert failures.before(origin("203.0.113.1"), "alice", 0.0, 0.0) == 0.0
    assert failures.before(origin("203.0.113.1"), "bob", 0.0, 8 * 3600.0) == 0.0


def test_in_a_storm_strangers_take_turns_and_people_do_not_notice() -> None:
    settings = GuardSettings(failures_until_storm=50, stranger_sign_ins_per_second=2)
    failures, places = room(settings)
    places.note("alice", "198.51.100.1", 0.0)
    for n in range(50):
        assert failures.before(origin(f"192.0.{n}.1"), f"name{n}", 0.0, 0.0) == 0.0
        failures.failed(origin(f"192.0.{n}.1"), f"name{n}", f"guess{n}", 0.0, 0.0)
    waits = [failures.before(origin(f"203.0.{n}.1"), f"other{n}", 0.0, 0.0) for n in range(60)]
    assert waits[:4] == [0.0, 0.5, 1.0, 1.5]
    assert waits[40:] == [20.0] + [None] * 19
    assert failures.before(origin("198.51.100.1"), "bob", 0.0, 0.0) == 0.0  # from where somebody has signed in
    assert failures.before(origin("127.0.0.1"), "bob", 0.0, 0.0) == 0.0
    assert failures.before(origin("203.0.113.9"), "bob", 0.0, 300.0) == 0.0  # it is over


def test_many_at_once_are_a_storm_before_the_first_password_is_known_to_be_wrong() -> None:
    settings = GuardSettings(sign_ins_until_storm=10, stranger_sign_ins_per_second=1)
    failures, _ = room(settings)
    waits = [failures.before(origin(f"203.0.{n}.1"), f"name{n}", 0.0, 0.0) for n in range(13)]
    assert waits == [0.0] * 11 + [1.0, 2.0]
    for _ in range(8):
        failures.answered(0.0)
    assert failures.before(origin("203.0.99.1"), "bob", 0.0, 0.0) == 0.0
    for _ in range(20):
        failures.before(origin("203.0.99.1"), "bob", 0.0, 0.0)
    assert failures.before(origin("203.0.99.1"), "bob", 0.0, 100.0) == 0.0  # never answered, and forgotten


def test_whoever_does_not_wait_is_banned_in_the_end() -> None:
    failures, _ = room()
    told = [failures.put_off(origin("192.0.2.1"), 0.0, 0.0) for _ in range(50)]
    assert told.index(True) == 32  # eight count as one: this is more than four
    assert not failures.put_off(origin("127.0.0.1"), 0.0, 0.0)
    assert not failures.put_off(None, 0.0, 0.0)


def test_bug_one_stranger_kept_all_others_waiting() -> None:
    """Turns can be taken without a guess, by SCRAM that ends after the server's first word: no ban ever ends that."""
    failures, _ = room()
    for n in range(4):
        failures.failed(origin(f"192.0.2.{n}"), "bob", f"guess{n}", 0.0, 0.0)
    one = [failures.before(origin("203.0.113.1"), "bob", 0.0, 0.0) for _ in range(50)]
    assert one == [0.0, 1.0] + [None] * 48
    site = [failures.before(origin(f"2001:db8:0:{n:x}::1"), "bob", 0.0, 0.0) for n in range(50)]
    assert site == [2.0] + [None] * 49  # 65536 networks and one turn
    assert failures.before(origin("198.51.100.9"), "bob", 0.0, 0.0) == 3.0
    assert failures.before(origin("203.0.113.1"), "bob", 0.0, 1.0) == 3.0


def test_memory_stays_bounded() -> None:
    settings = GuardSettings(max_remembered=1000, failures_until_attack=1)
    failures, _ = room(settings)
    for n in range(3000):
        failures.failed(origin(f"2001:db8:{n:x}::1"), f"name{n}", f"guess{n}", 0.0, float(n))
        failures.before(None, f"name{n}", 0.0, float(n))
    assert len(failures.addresses) == len(failures.names) == len(failures._tried) == len(failures._turns) == 1000
    assert len(failures.everywhere) == 1
