"""Counts that wait in memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from postroom.base import FakeClock
from postroom.delivery.dmarc_database import DmarcDatabase
from postroom.delivery.report_results import ReportResults, day_of
from postroom.delivery.report_settings import ReportSettings


class Counted(ReportResults):
    noted = 0

    def _taken(self) -> Callable[[apsw.Connection], None] | None:
        noted, self.noted = self.noted, 0
        if not noted:
            return None
        day = day_of(self._clock.now())

        def save(db: apsw.Connection) -> None:
            db.execute("INSERT INTO result VALUES (?, 'b.test', '', ?, ?)", (day, str(noted), noted))

        return save


def test_they_are_written_in_time_and_old_days_go() -> None:
    async def go() -> None:
        database, clock = DmarcDatabase(None), FakeClock()
        results = Counted("X", database, clock, ReportSettings(keep_days=2))
        results.start()

        def days() -> list[str]:
            return database.now(lambda db: [str(day) for (day,) in db.execute("SELECT day FROM result ORDER BY day")])

        for number in range(1, 5):
            results.noted = number
            for _ in range(500):
                await clock.advance(10.1)
                await asyncio.sleep(0.001)
                if not results.noted:
                    break
            await results.flush()
            await clock.advance(86_400)
        assert len(days()) == 3
        results.noted = 9
        await results.close()
        assert days()[-1] == day_of(clock.now())
        database.close()

    asyncio.run(go())


def test_what_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        database = DmarcDatabase(None)
        database.now(lambda db: db.execute("DROP TABLE result") and None)
        results = Counted("X", database, FakeClock(), ReportSettings())
        results.noted = 1
        await results.flush()
        database.close()

    asyncio.run(go())
    assert "results of X could not be kept" in caplog.text
