"""When reports are due. That they leave once, over restarts and crashes: test_tls_reports."""

import asyncio

import apsw

from postroom.base import FakeClock, SeededIds
from postroom.delivery.dmarc_database import DmarcDatabase
from postroom.delivery.dmarc_results import DmarcResults
from postroom.delivery.report_sending import Due, ReportSending
from postroom.delivery.report_settings import DmarcReportSettings
from postroom.dns import StaticResolver
from postroom.queue import MemoryQueue, QueueSettings


class Sending(ReportSending):
    def __init__(self, database: DmarcDatabase, clock: FakeClock, settings: DmarcReportSettings) -> None:
        ids = SeededIds(3)
        super().__init__(
            "X",
            database=database,
            results=DmarcResults(database, clock, settings),
            resolver=StaticResolver(),
            queue=MemoryQueue(QueueSettings(), clock, ids),
            clock=clock,
            ids=ids,
            settings=settings,
            hostname="mail.a.test",
        )
        self.tried: list[str] = []
        self.trouble = False

    async def _report(self, due: Due) -> bool:
        self.tried.append(due.domain)
        if self.trouble:
            await self._again(due, "trouble")
            return False
        return await self._sent(due, "mailto:r@b.test")


def _put(db: apsw.Connection, day: str, *domains: str) -> None:
    for domain in domains:
        db.execute("INSERT INTO result VALUES (?, ?, '', '', 1)", (day, domain))


def test_each_day_and_domain_once_when_the_day_is_over() -> None:
    async def go() -> None:
        database, clock = DmarcDatabase(None), FakeClock()  # 2023-11-14, 22:13
        sending = Sending(database, clock, DmarcReportSettings(spread_seconds=0))
        database.now(lambda db: _put(db, "2023-11-13", "c.test", "b.test"))
        database.now(lambda db: _put(db, "2023-11-14", "b.test"))
        assert await sending.send_due() == 2
        assert await sending.send_due() == 0
        await clock.advance(2 * 3600)
        assert await sending.send_due() == 1
        assert sending.tried == ["b.test", "c.test", "b.test"]
        database.close()

    asyncio.run(go())


def test_trouble_is_tried_again_ever_later_for_a_day() -> None:
    async def go() -> None:
        database, clock = DmarcDatabase(None), FakeClock()
        sending = Sending(database, clock, DmarcReportSettings(spread_seconds=0))
        database.now(lambda db: _put(db, "2023-11-13", "b.test"))
        sending.trouble = True
        for _ in range(200):
            assert await sending.send_due() == 0
            await clock.advance(901)
        assert 2 <= len(sending.tried) <= 9
        sending.trouble = False
        assert await sending.send_due() == 0
        state = database.now(lambda db: db.execute("SELECT state FROM report").get)
        assert state == "failed"
        database.close()

    asyncio.run(go())


def test_the_beginning_of_a_day() -> None:
    assert Due("2023-11-14", "b.test", 0).begin == 1_699_920_000.0
