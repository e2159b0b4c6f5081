"""The guard as sessions and listeners ask it; restarts, other processes, clocks that jump."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.accounts import address_key
from postroom.base import ALONE, FakeClock, Pokes, SeededIds, SystemClock, WorkerPlace
from postroom.guard import Ban, Guard, GuardFailure, GuardSettings, Stop
from postroom.guard.exchange import release

STRANGER, OTHER = "192.0.2.1", "198.51.100.1"


class QuickClock(FakeClock):
    """Nobody waits: how long it would have been is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class JumpingClock(QuickClock):
    """The time of day may be set; the other one goes on."""

    offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


def made(path: Path | None = None, clock: QuickClock | None = None, **values: object) -> Guard:
    return Guard(path, GuardSettings(**values), clock or QuickClock(), SeededIds())  # type: ignore[arg-type]


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


async def fail(guard: Guard, address: str, count: int) -> list[float]:
    return [await guard.failed_sign_in(address, f"name{n}", f"guess{n}") for n in range(count)]


def test_wrong_passwords_end_in_a_ban_that_ends() -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(clock=clock, failures_until_ban=5, ban_seconds=60)
        assert guard.admit(STRANGER) is None
        assert await fail(guard, STRANGER, 5) == [1, 2, 4, 8, 15]
        refusal = guard.admit(STRANGER)
        assert refusal is not None
        assert refusal.until == clock.now() + 60
        assert await guard.may_sign_in(STRANGER, "bob") is None  # in a session that was open before
        assert clock.slept == [15.0]  # and it waits for that
        assert guard.admit(OTHER) is None
        await clock.advance(61)
        assert guard.admit(STRANGER) is None
        assert await guard.may_sign_in(STRANGER, "bob") == 0.0
        await guard.close()

    run(main)


def test_a_ban_and_an_account_s_budget_survive_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        clock = QuickClock()
        values: dict[str, object] = {"failures_until_ban": 2, "ban_seconds": 60, "account_messages_per_day": 2}
        guard = made(tmp_path / "guard.db", clock, **values)
        await fail(guard, STRANGER, 2)
        assert [guard.spend("messages", "account", "7") is None for _ in range(3)] == [True, True, False]
        await guard.succeeded(OTHER, "bob")
        await guard.close()
        await clock.advance(10)
        guard = made(tmp_path / "guard.db", clock, **values)
        refusal = guard.admit(STRANGER)
        assert refusal is not None
        assert refusal.until - clock.now() == 50
        assert guard.spent("messages", "account", "7", 1) is not None
        assert guard.banned(STRANGER) is not None
        await guard.close()
        await clock.advance(86_400)
        guard = made(tmp_path / "guard.db", clock, **values)
        assert guard.admit(STRANGER) is None
        assert guard.spend("messages", "account", "7", 2) is None
        await fail(guard, STRANGER, 2)
        ban = guard.banned(STRANGER)
        assert ban is not None
        assert ban.times == 2  # longer than the first
        await guard.close()

    run(main)


def test_an_owner_gets_in_where_they_were_before_whatever_strangers_do(tmp_path: Path) -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(tmp_path / "guard.db", clock, failures_until_attack=5)
        await guard.succeeded(OTHER, "Bob@Example.org")
        await guard.close()
        guard = made(tmp_path / "guard.db", clock, failures_until_attack=5)
        for n in range(40):
            await guard.failed_sign_in(f"203.0.{n}.1", "bob@example.org", f"guess{n}")
        waits = [await guard.may_sign_in(f"203.0.{n}.2", "bob@example.org") for n in range(40)]
        assert None in waits
        assert await guard.may_sign_in(OTHER, "bob@example.org") == 0.0
        nobody = [await guard.failed_sign_in(f"203.0.{n}.1", "nobody@example.org", f"guess{n}") for n in range(40)]
        assert nobody[-1] == 15.0  # the same for an account that is not there
        assert None in [await guard.may_sign_in(f"203.0.{n}.2", "nobody@example.org") for n in range(40)]
        await guard.close()

    run(main)


def test_a_name_without_a_domain_is_the_same_name() -> None:
    async def main() -> None:
        guard = Guard(None, GuardSettings(failures_until_attack=2), QuickClock(), SeededIds(), sign_in_domain="a.test")
        await guard.failed_sign_in("192.0.2.1", "bob", "1")
        await guard.failed_sign_in("192.0.2.2", "BOB@a.test", "2")
        names = ("bob@a.test", "bob", "bob", "alice")
        waits = [await guard.may_sign_in(f"192.0.2.{n}", name) for n, name in enumerate(names, 3)]
        assert waits == [0.0, 1.0, 2.0, 0.0]
        await guard.close()

    run(main)


def test_connections_a_minute_and_at_once() -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(clock=clock, address_connections_per_minute=3, network_connections=5)
        assert [guard.admit(STRANGER) is None for _ in range(4)] == [True, True, True, False]
        await clock.advance(20)
        assert [guard.admit(STRANGER) is None for _ in range(2)] == [True, False]
        assert [guard.admit("192.0.2.2") is None for _ in range(2)] == [True, False]  # five of the network are open
        assert guard.admit(OTHER) is None
        guard.leave(STRANGER)
        assert guard.admit("192.0.2.2") is None
        await guard.close()
        guard = made(clock=clock, network_connections_per_minute=3)
        assert [guard.admit(f"192.0.2.{n}") is None for n in range(4)] == [True, True, True, False]
        await guard.close()

    run(main)


def test_connections_of_an_account() -> None:
    async def main() -> None:
        guard = made(account_connections=2)
        assert [guard.enter(1), guard.enter(1), guard.enter(1), guard.enter(2)] == [True, True, False, True]
        guard.depart(1)
        assert guard.enter(1)
        await guard.close()

    run(main)


def test_sign_ins_a_minute_with_one_name() -> None:
    async def main() -> None:
        guard = made(account_sign_ins_per_minute=2)
        assert [await guard.may_sign_in(STRANGER, "bob") for _ in range(3)] == [0.0, 0.0, None]
        assert await guard.may_sign_in(STRANGER, "alice") == 0.0
        await guard.close()

    run(main)


def test_bug_strangers_spent_the_sign_ins_of_an_owner() -> None:
    """Asking for SCRAM's salt is a sign-in and no failure: a stranger could do it all day and keep the owner out."""

    async def main() -> None:
        guard = made(account_sign_ins_per_minute=2)
        await guard.succeeded(OTHER, "bob@example.org")
        assert [await guard.may_sign_in(STRANGER, "bob@example.org") for _ in range(3)] == [0.0, 0.0, None]
        assert [await guard.may_sign_in(OTHER, "bob@example.org") for _ in range(3)] == [0.0, 0.0, None]
        assert await guard.may_sign_in("203.0.113.9", "bob@example.org") == 0.0  # on a journey
        await guard.close()

    run(main)


@pytest.mark.parametrize(
    "spelling",
    [
        '"bob"@bücher.test',
        '"b\\ob"@xn--bcher-kva.test',
        "BOB@BÜCHER.test",
        "  bob@bücher.test ",
        "bob@bu\u0308cher.test",
        "bob@b\xadücher.test",
    ],
)
def test_bug_another_spelling_was_another_name(spelling: str) -> None:
    """So an account was never under attack, if each guess spelled it anew, and its owner unknown at home."""

    async def main() -> None:
        guard = Guard(None, GuardSettings(failures_until_attack=2), FakeClock(), SeededIds(), name_key=address_key)
        await guard.succeeded(OTHER, "bob@xn--bcher-kva.test")
        await guard.failed_sign_in("192.0.2.1", "bob@xn--bcher-kva.test", "1")
        await guard.failed_sign_in("203.0.113.1", spelling, "2")
        assert await guard.may_sign_in("192.0.2.3", "bob@bücher.test") == 0.0
        assert await guard.may_sign_in("192.0.2.4", spelling) == 1.0
        assert await guard.may_sign_in(OTHER, spelling) == 0.0
        assert await guard.may_sign_in("192.0.2.5", spelling) == 2.0
        await guard.close()

    run(main)


def test_exempt_addresses_are_never_banned_and_have_no_budgets() -> None:
    async def main() -> None:
        exempt = frozenset({STRANGER})
        values = GuardSettings(failures_until_ban=2, address_connections_per_minute=1, address_messages_per_hour=1)
        guard = Guard(None, values, QuickClock(), SeededIds(), exempt=exempt)
        for address in (STRANGER, "127.0.0.1", "unix"):
            await fail(guard, address, 10)
            for _ in range(100):
                assert guard.unknown_recipient(address).close is False
                assert guard.admit(address) is None
                assert guard.spend("messages", "address", address) is None
                guard.leave(address)
            assert guard.banned(address) is None
        await guard.close()

    run(main)


def test_unknown_recipients_slow_then_close_then_ban() -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(
            clock=clock, unknown_recipients_slowed=2, unknown_recipients_closed=5, unknown_recipients_until_ban=7
        )
        told = [guard.unknown_recipient(STRANGER) for _ in range(7)]
        assert [one.delay for one in told] == [0, 0, 1, 2, 3, 4, 0]
        assert [one.close for one in told] == [False] * 4 + [True] * 3
        assert guard.admit(STRANGER) is not None
        await guard.close()

    run(main)


def test_an_old_list_of_addresses_is_no_attack() -> None:
    async def main() -> None:
        guard = made(unknown_recipients_until_ban=10)
        for _ in range(300):  # one of five is gone
            guard.unknown_recipient(STRANGER)
            for _ in range(4):
                guard.known_recipient(STRANGER)
        assert guard.banned(STRANGER) is None
        assert guard.unknown_recipient(STRANGER).delay == 0
        await guard.close()

    run(main)


def test_an_address_pays_for_its_network() -> None:
    async def main() -> None:
        guard = made(network_recipients_per_hour=3)
        assert [guard.spend("recipients", "address", f"192.0.2.{n}") is None for n in range(4)] == [True] * 3 + [False]
        assert guard.spend("recipients", "address", OTHER) is None
        guard.charge("octets", "address", OTHER, 1e15)
        assert guard.spent("octets", "address", OTHER) is not None
        await guard.close()

    run(main)


def test_an_account_that_sends_far_more_than_ever_is_stopped_once(tmp_path: Path) -> None:
    async def main() -> None:
        clock, told = QuickClock(), list[Stop]()
        values: dict[str, object] = {"stop_floor_per_hour": 10, "exchange_seconds": 0.01}
        guard = made(tmp_path / "guard.db", clock, **values)

        async def tell(stop: Stop) -> None:
            told.append(stop)

        guard.on_stop = tell
        assert guard.sends(5, 10) is None
        assert guard.sends(6, 10) is None
        assert guard.sends(5, 0) is None
        error = guard.sends(5, 1)
        assert error is not None
        assert (error.code, error.enhanced) == (450, "4.7.1")
        assert guard.stopped(5) is not None
        assert guard.sends(5, 1) is not None
        assert guard.stopped(6) is None
        guard.start()
        await asyncio.sleep(0.1)
        assert [stop.account_id for stop in told] == [5]
        await guard.close()
        guard = made(tmp_path / "guard.db", clock, **values)
        guard.on_stop = tell
        guard.start()
        await asyncio.sleep(0.05)
        assert len(told) == 1
        assert guard.stopped(5) is not None
        other = made(tmp_path / "guard.db", clock, **values)
        assert other._database.now(lambda db: release(db, 5, clock.now(), other.settings)) is not None
        await other.close()
        await asyncio.sleep(0.1)
        assert guard.stopped(5) is None
        assert guard.sends(5, 30) is None  # what it had sent is usual now
        await guard.close()

    run(main)


def test_an_owner_who_could_not_be_told_is_told_later() -> None:
    async def main() -> None:
        tries = 0

        async def tell(stop: Stop) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise OSError("no disk")

        guard = made(stop_floor_per_hour=1, exchange_seconds=0.01)
        guard.on_stop = tell
        guard.start()
        guard.sends(5, 2)
        await asyncio.sleep(0.15)
        assert tries == 2
        await guard.close()

    run(main)


def test_bounces_stop_an_account() -> None:
    async def main() -> None:
        guard = made(stop_bounces=5, stop_bounce_part=0.5)
        guard.sends(5, 8)
        guard.bounced(5, 4)
        assert guard.stopped(5) is None
        guard.bounced(5, 1)
        assert guard.stopped(5) is not None
        guard.bounced(5, 1)
        await guard.close()

    run(main)


def test_workers_hear_of_a_ban_within_a_second(tmp_path: Path) -> None:
    async def main() -> None:
        clock, settings = SystemClock(), GuardSettings(failures_until_ban=4)
        Pokes.create(tmp_path, 2)
        guards = list[Guard]()
        for number in range(2):
            place = WorkerPlace(number, 2)
            pokes = Pokes(tmp_path, place)
            guard = Guard(tmp_path / "guard.db", settings, clock, SeededIds(number), place=place, pokes=pokes)
            guard.start()
            pokes.start()
            guards.append(guard)
        await fail(guards[0], STRANGER, 2)
        await asyncio.sleep(1.2)  # what each has counted is known to the other
        await fail(guards[1], STRANGER, 2)
        assert guards[1].banned(STRANGER) is not None
        start = time.monotonic()
        while guards[0].banned(STRANGER) is None:
            await asyncio.sleep(0.005)
            assert time.monotonic() - start < 1
        for guard in guards:
            assert guard._pokes is not None
            guard._pokes.close()
            await guard.close()

    run(main)


def test_a_ban_of_an_operator_comes_and_goes_beside_the_running_server(tmp_path: Path) -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(tmp_path / "guard.db", clock, failures_until_ban=3)
        guard.ban("192.0.2.0/24", 600, "by hand")
        operator = made(tmp_path / "guard.db", clock)
        await guard.exchange()
        await operator.exchange()
        assert operator.banned(STRANGER) == Ban("192.0.2.0/24", clock.now(), clock.now() + 600, 1, "by hand", True)
        await fail(guard, "198.51.100.9", 2)
        assert len(operator.forgive("192.0.2.77")) == 1
        assert operator.forgive("198.51.100.9") == []
        await operator.exchange()
        await guard.exchange()
        assert guard.banned(STRANGER) is None
        assert await guard.failed_sign_in("198.51.100.9", "x", "y") == 1.0  # forgiven what had not come to a ban, too
        await operator.close()
        await guard.close()

    run(main)


def test_a_clock_that_jumps_neither_frees_nor_keeps(tmp_path: Path) -> None:
    async def main() -> None:
        year = 365 * 86_400.0
        for jump in (year, -year):
            path = tmp_path / f"{jump}.db"
            clock = JumpingClock()
            guard = made(path, clock, failures_until_ban=2, ban_seconds=60, account_messages_per_hour=1)
            await fail(guard, STRANGER, 2)
            assert guard.spend("messages", "account", "1") is None
            clock.offset = jump
            await guard.exchange()
            assert guard.admit(STRANGER) is not None
            assert guard.spent("messages", "account", "1", 1) is not None
            await clock.advance(61)
            assert guard.admit(STRANGER) is None
            await clock.advance(3600)
            assert guard.spend("messages", "account", "1") is None
            await guard.close()
        guard = made(tmp_path / f"{-year}.db", clock, ban_seconds=60)  # and after a restart a year too early
        await clock.advance(61)
        assert guard.admit(STRANGER) is None
        await guard.close()

    run(main)


def test_a_disk_that_refuses_loses_no_ban(tmp_path: Path) -> None:
    async def main() -> None:
        clock = QuickClock()
        guard = made(tmp_path / "guard.db", clock, failures_until_ban=2)
        real = guard._database.run

        async def refuse(work: object) -> None:
            raise GuardFailure("no disk")

        guard._database.run = refuse  # type: ignore[assignment,method-assign]
        await fail(guard, STRANGER, 2)
        guard.sends(5, 3)
        with pytest.raises(GuardFailure):
            await guard.exchange()
        assert guard.admit(STRANGER) is not None
        guard._database.run = real  # type: ignore[method-assign]
        guard.sends(5, 4)
        await guard.close()
        again = made(tmp_path / "guard.db", clock)
        assert again.admit(STRANGER) is not None
        assert again._sending[5].in_hour == 7
        await again.close()

    run(main)


def test_a_banned_address_costs_microseconds(tmp_path: Path) -> None:
    async def main() -> None:
        guard = made(tmp_path / "guard.db", failures_until_ban=1)
        for n in range(2000):
            await guard.failed_sign_in(f"10.{n % 256}.{n // 256}.1", "x")
        start = time.process_time()
        for n in range(20_000):
            assert guard.admit(f"10.{n % 256}.1.1") is not None
        assert (time.process_time() - start) / 20_000 < 100e-6  # ten times what it takes
        await guard.close()

    run(main)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 4))
def test_memory_stays_bounded(seed: int, addresses: int) -> None:
    """Whoever has an IPv6 /32 fills no table."""

    async def main() -> None:
        clock = QuickClock()
        guard = made(clock=clock, max_remembered=1000, max_bans=100, failures_until_ban=1 + addresses)
        for n in range(2500):
            address = f"2001:db8:{(seed + n) % 65536:x}:{n % addresses:x}::1"
            guard.admit(address)
            await guard.may_sign_in(address, f"name{n}")
            await guard.failed_sign_in(address, f"name{n}", f"guess{n}")
            await guard.succeeded(address, f"name{n}")
            guard.unknown_recipient(address)
            guard.spend("messages", "address", address)
            guard.leave(address)
        assert all(len(buckets) <= 1000 for buckets in guard._buckets.values())
        assert all(len(buckets.pending) <= 1000 for buckets in guard._buckets.values())
        assert len(guard._bans) <= 100
        assert not guard._open
        assert guard._origins.of.cache_info().currsize <= 1000
        await guard.close()

    run(main)


def test_alone_is_the_default() -> None:
    guard = made()
    assert guard._place is ALONE
    guard._database.close()
