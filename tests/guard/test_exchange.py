"""How changes of several processes become one, and what is swept away."""

import apsw
import pytest

from postroom.guard.baselines import Sending
from postroom.guard.database import MIGRATIONS
from postroom.guard.exchange import Outbox, Poured, exchange, release, sending_of, sweep
from postroom.guard.settings import GuardSettings
from postroom.guard.types import Ban, Stop

SETTINGS = GuardSettings()
NOW = 1_700_000_000.0
BAN = Ban("192.0.2.7", NOW, NOW + 60, 1, "x")


@pytest.fixture
def db() -> apsw.Connection:
    made = apsw.Connection(":memory:")
    for script in MIGRATIONS.values():
        made.execute(script)
    return made


def test_what_one_writes_the_other_reads_once(db: apsw.Connection) -> None:
    wrote = exchange(
        db,
        Outbox(
            bans={BAN.network: BAN},
            poured=[Poured("b", "k", 3.0, 1.0, 100.0)],
            places={("bob", "192.0.2.1"): NOW},
            sent={5: (7, 1)},
            stops={5: Stop(5, NOW, "much")},
        ),
        0,
        NOW,
        SETTINGS,
    )
    read = exchange(db, Outbox(), 0, NOW, SETTINGS)
    assert read == wrote
    assert read.bans == [BAN]
    assert read.levels == [("b", "k", 3.0, NOW)]
    assert read.places == [("bob", "192.0.2.1", NOW)]
    assert (read.sending[5].in_hour, read.sending[5].bounces) == (7, 1)
    assert read.stops == [(Stop(5, NOW, "much"), False)]
    again = exchange(db, Outbox(), read.stamp, NOW, SETTINGS)
    assert (again.bans, again.levels, again.places, again.sending, again.stops) == ([], [], [], {}, [])


def test_levels_of_two_processes_add_up_and_run_out(db: apsw.Connection) -> None:
    def pour(amount: float, now: float) -> float:
        outbox = Outbox(poured=[Poured("b", "k", amount, 2.0, 50.0)])
        return exchange(db, outbox, 0, now, SETTINGS).levels[0][2]

    assert [pour(10, NOW), pour(10, NOW), pour(1, NOW + 5), pour(1000, NOW + 5)] == [10, 20, 11, 50]
    assert pour(-1000, NOW - 1000) == 0


def test_sending_of_two_processes_adds_up(db: apsw.Connection) -> None:
    exchange(db, Outbox(sent={5: (7, 0)}), 0, NOW, SETTINGS)
    exchange(db, Outbox(sent={5: (8, 1)}), 0, NOW, SETTINGS)
    found = sending_of(db, 5)
    assert (found.in_hour, found.in_day, found.bounces) == (15, 15, 1)
    assert sending_of(db, 6) == Sending()


def test_a_stop_is_told_once_and_released_once(db: apsw.Connection) -> None:
    exchange(db, Outbox(stops={5: Stop(5, NOW, "much")}, sent={5: (400, 0)}), 0, NOW, SETTINGS)
    exchange(db, Outbox(told={5}), 0, NOW, SETTINGS)
    exchange(db, Outbox(stops={5: Stop(5, NOW + 1, "more")}), 0, NOW, SETTINGS)  # another process found it too
    assert exchange(db, Outbox(), 0, NOW, SETTINGS).stops == [(Stop(5, NOW, "much"), True)]
    assert release(db, 5, NOW, SETTINGS) == Stop(5, NOW, "much")
    assert release(db, 5, NOW, SETTINGS) is None
    assert sending_of(db, 5).usual_hour == 400
    assert exchange(db, Outbox(), 0, NOW, SETTINGS).stops == [(Stop(5, NOW, ""), True)]
    exchange(db, Outbox(stops={5: Stop(5, NOW + 2, "again")}), 0, NOW, SETTINGS)
    assert exchange(db, Outbox(), 0, NOW, SETTINGS).stops == [(Stop(5, NOW + 2, "again"), False)]


def test_what_counts_no_more_is_swept_away(db: apsw.Connection) -> None:
    settings = GuardSettings(max_bans=100, max_remembered=1000, ban_memory_seconds=0)
    bans = {f"10.0.{n // 256}.{n % 256}": Ban(f"10.0.{n // 256}.{n % 256}", NOW, NOW + n, 1, "x") for n in range(300)}
    poured = [Poured("b", str(n), 1.0, 1.0, 9.0) for n in range(5000)]
    exchange(db, Outbox(bans=bans, poured=poured, places={("n", "h"): NOW - 1e9}), 0, NOW, settings)
    sweep(db, NOW + 50, settings)
    rows = exchange(db, Outbox(), 0, NOW, settings)
    assert {ban.until for ban in rows.bans} == {NOW + n for n in range(200, 300)}
    assert (len(rows.levels), rows.places) == (4000, [])
    sweep(db, NOW + 10 * 86_400, settings)
    rows = exchange(db, Outbox(), 0, NOW, settings)
    assert (rows.bans, rows.levels) == ([], [])
