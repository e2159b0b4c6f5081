"""DMARC reports leave once a day, to those who want them and agree."""

import asyncio
import email
import email.policy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.delivery.test_dmarc_results import judged
from tests.mailauth.dmarc.zone import Spf

from postroom.base import FakeClock, SeededIds
from postroom.delivery.dmarc_database import DmarcDatabase
from postroom.delivery.dmarc_reports import DmarcReports
from postroom.delivery.dmarc_results import DmarcResults
from postroom.delivery.report_settings import DmarcReportSettings
from postroom.dns import StaticResolver
from postroom.mailauth.dmarc.aggregate import AggregateReport
from postroom.mailauth.dmarc.aggregate_reading import find_aggregate, read_aggregate
from postroom.queue import MemoryQueue, QueueFull, QueueSettings

DAY = 86_400


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.ids = SeededIds(3)
        self.queue = MemoryQueue(QueueSettings(), self.clock, self.ids)
        self.resolver = StaticResolver()
        self.published("mailto:r@example.test")
        self.open()

    def published(self, rua: str) -> None:
        self.resolver.txt_records["_dmarc.example.test"] = [f"v=DMARC1; p=reject; rua={rua}"]

    def open(self) -> None:
        settings = DmarcReportSettings(send=True, spread_seconds=3600, contact="dmarc@a.test", organization="A")
        self.database = DmarcDatabase(self.folder / "dmarc.db")
        self.results = DmarcResults(self.database, self.clock, settings)
        self.reports = DmarcReports(
            database=self.database,
            results=self.results,
            resolver=self.resolver,
            queue=self.queue,
            clock=self.clock,
            ids=self.ids,
            settings=settings,
            hostname="mail.a.test",
        )

    async def close(self) -> None:
        await self.reports.close()
        await self.results.close()
        self.database.close()

    async def a_day(self) -> None:
        """Some mail, then the clock stands at the next day, after the spread."""
        for sender in ("evil.test", "evil.test", "example.test"):
            spf = Spf(sender)
            verdict = judged("example.test", spf)
            self.results.record(verdict, [spf], [], source_ip="192.0.2.1", disposition=verdict.disposition)
        await self.clock.advance(DAY - self.clock.now() % DAY + 3600)

    async def mailed(self) -> list[tuple[str, bytes]]:
        return [
            (entry.recipient.address, await self.queue.read(entry.message.message_id, 0, 1 << 20))
            for entry in await self.queue.entries()
        ]


def report_in(octets: bytes) -> AggregateReport:
    packed = find_aggregate(octets)
    assert packed is not None
    return read_aggregate(packed, 1_000_000)


def play(folder: Path, body: Callable[[Scene], Awaitable[None]]) -> None:
    async def go() -> None:
        scene = Scene(folder)
        try:
            await body(scene)
        finally:
            await scene.close()

    asyncio.run(go())


def test_one_report_a_day_over_restarts(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        assert await scene.reports.send_due() == 0
        await scene.a_day()
        assert await scene.reports.send_due() == 1
        await scene.close()
        scene.open()
        assert await scene.reports.send_due() == 0
        ((to, octets),) = await scene.mailed()
        assert to == "r@example.test"
        report = report_in(octets)
        assert (report.organization, report.email) == ("A", "dmarc@a.test")
        assert report.report_id == "2023-11-14.example.test@mail.a.test"
        assert (report.begin, report.end) == (1_699_920_000, 1_700_006_399)
        assert [(row.count, row.disposition) for row in report.rows] == [(2, "reject"), (1, "pass")]
        assert report.generator.startswith("Postroom ")

    play(tmp_path, body)


def test_the_form(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.a_day()
        await scene.reports.send_due()
        ((_, octets),) = await scene.mailed()
        message = email.message_from_bytes(octets, policy=email.policy.default)
        report_id = "<2023-11-14.example.test@mail.a.test>"
        assert message["Subject"] == f"Report Domain: example.test Submitter: a.test Report-ID: {report_id}"
        packed = list(message.iter_parts())[1]
        assert packed.get_content_type() == "application/gzip"
        name = packed.get_filename()
        assert name is not None
        assert name.startswith("a.test!example.test!1699920000!1700006399!")
        assert name.endswith(".xml.gz")

    play(tmp_path, body)


def test_to_each_that_agrees(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.published("mailto:r@example.test,mailto:x@red.test,mailto:x@evil.test")
        scene.resolver.txt_records["example.test._report._dmarc.red.test"] = ["v=DMARC1"]
        await scene.a_day()
        assert await scene.reports.send_due() == 1
        assert sorted(to for to, _ in await scene.mailed()) == ["r@example.test", "x@red.test"]

    play(tmp_path, body)


@pytest.mark.parametrize("text", ["v=DMARC1; p=reject", "v=spf1", "v=DMARC1; p=none; rua=https://example.test/"])
def test_who_wants_none_any_more_gets_none(tmp_path: Path, text: str) -> None:
    async def body(scene: Scene) -> None:
        await scene.a_day()
        scene.resolver.txt_records["_dmarc.example.test"] = [text]
        assert await scene.reports.send_due() == 0
        before = len(scene.resolver.asked)
        assert await scene.reports.send_due() == 0
        assert len(scene.resolver.asked) == before
        assert await scene.mailed() == []

    play(tmp_path, body)


def test_who_did_not_agree_gets_none(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.published("mailto:victim@red.test")
        await scene.a_day()
        assert await scene.reports.send_due() == 0
        assert await scene.mailed() == []

    play(tmp_path, body)


@pytest.mark.parametrize("trouble", ["record", "agreement", "queue"])
def test_trouble_is_tried_again(tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(scene: Scene) -> None:
        async def full(*_: Any, **__: Any) -> str:
            raise QueueFull

        agreement = "example.test._report._dmarc.red.test"
        scene.published("mailto:r@example.test,mailto:x@red.test")
        scene.resolver.txt_records[agreement] = ["v=DMARC1"]
        if trouble == "queue":
            monkeypatch.setattr(scene.queue, "enqueue", full)
        else:
            scene.resolver.failing.add("_dmarc.example.test" if trouble == "record" else agreement)
        await scene.a_day()
        assert await scene.reports.send_due() == 0
        assert len(await scene.mailed()) == (1 if trouble == "agreement" else 0)
        monkeypatch.undo()
        scene.resolver.failing.clear()
        await scene.clock.advance(901)
        assert await scene.reports.send_due() == 1
        assert sorted(to for to, _ in await scene.mailed()) == ["r@example.test", "x@red.test"]

    play(tmp_path, body)
