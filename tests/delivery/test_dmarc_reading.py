"""DMARC reports of others, read from a mailbox."""

import asyncio
import gzip
from base64 import encodebytes
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from tests.mailauth.dmarc.test_aggregate import REPORT
from tests.mailauth.dmarc.test_aggregate_reading import laughs
from tests.mailauth.dmarc.test_failure import EXPECTED, FIELDS, message
from tests.servers.smtp.room import Room, make_room

from postroom.delivery.dmarc_database import DmarcDatabase
from postroom.delivery.dmarc_reading import DmarcReading, aggregate_reports, failure_reports
from postroom.delivery.report_settings import DmarcReportSettings
from postroom.intake import Source
from postroom.mailauth.dmarc.aggregate import AggregateReport, compressed
from postroom.queue import Envelope, Recipient


def packed(octets: bytes) -> bytes:
    head = b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + encodebytes(octets).replace(b"\n", b"\r\n")


def mail(report: AggregateReport) -> bytes:
    return packed(compressed(report))


class Scene:
    def __init__(self, room: Room, folder: Path, settings: DmarcReportSettings) -> None:
        self.room = room
        self.database = DmarcDatabase(folder / "dmarc.db")
        self.settings = settings

    def reading(self) -> DmarcReading:
        """As after a restart."""
        room = self.room
        clock = room.intake.clock
        return DmarcReading(
            database=self.database, store=room.store, directory=room.directory, clock=clock, settings=self.settings
        )

    async def deliver(self, octets: bytes) -> None:
        reception = self.room.intake.receive(Source("b.test", "192.0.2.1"))
        reception.write(octets)
        await reception.finish(Envelope("x@b.test"), [await self.room.intake.route(Recipient("jones@foo.com"))])
        reception.close()

    @property
    def kept(self) -> list[AggregateReport]:
        return self.database.now(lambda db: aggregate_reports(db, 0.0))


def play(folder: Path, body: Callable[[Scene], Awaitable[None]], **settings: int) -> None:
    async def go() -> None:
        room = await make_room(folder)
        made = DmarcReportSettings(**{"read_from": "jones@foo.com", **settings})  # type: ignore[arg-type]
        scene = Scene(room, folder, made)
        await body(scene)
        scene.database.close()
        await room.directory.close()
        await room.store.close()

    asyncio.run(go())


def test_each_is_read_once_and_kept_whole(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.deliver(mail(REPORT))
        await scene.deliver(b"Subject: no report\r\n\r\nx\r\n")
        await scene.deliver(message(FIELDS))
        assert await scene.reading().read_new() == 2
        await scene.deliver(mail(REPORT))  # a duplicate by its Report-ID
        await scene.deliver(message(FIELDS))
        await scene.deliver(mail(replace(REPORT, report_id="other")))
        assert await scene.reading().read_new() == 3
        assert scene.kept == [REPORT, replace(REPORT, report_id="other")]
        assert scene.database.now(lambda db: failure_reports(db, 0.0)) == [EXPECTED]

    play(tmp_path, body)


def test_hostile_ones_are_passed_over(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.deliver(packed(gzip.compress(bytes(50_000_000), 1)))
        await scene.deliver(packed(gzip.compress(laughs())))
        await scene.deliver(packed(b"PK\x03\x04" + b"x" * 1000))
        await scene.deliver(b"Content-Type: text/xml\r\n\r\n" + b"<a>" * 20_000)
        await scene.deliver(mail(REPORT))
        assert await scene.reading().read_new() == 1
        assert scene.kept == [REPORT]

    play(tmp_path, body, max_octets=100_000)


def test_the_oldest_go(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for number in range(4):
            await scene.deliver(mail(replace(REPORT, report_id=str(number))))
            await scene.deliver(message(FIELDS.replace(b"Incidents: 3", b"Incidents: %d" % (number + 1))))
            await scene.reading().read_new()
        assert [one.report_id for one in scene.kept] == ["2", "3"]
        assert len(scene.database.now(lambda db: failure_reports(db, 0.0))) == 2

    play(tmp_path, body, max_received=2)


def test_a_report_on_the_future_is_on_today(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.deliver(message(FIELDS.replace(b"2026", b"2999")))
        assert await scene.reading().read_new() == 1
        now = scene.room.intake.clock.now()
        assert scene.database.now(lambda db: failure_reports(db, now + 1)) == []

    play(tmp_path, body)
