"""Reports of others, read from a mailbox."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.base import MailError
from postroom.delivery.tls_database import TlsDatabase
from postroom.delivery.tls_reading import TlsReading, received_reports
from postroom.delivery.tls_report_mail import compose_report
from postroom.delivery.tls_settings import TlsReportSettings
from postroom.intake import Source
from postroom.mailauth.tls_rpt import PolicyResults, Report
from postroom.queue import Envelope, Recipient


def report(number: int = 1, organization: str = "B") -> Report:
    policies = (PolicyResults("sts", "foo.com", (), (), 5),)
    return Report(organization, "tls@b.test", f"{number}@b.test", 0.0, 86_399.0, policies)


def mail(one: Report) -> bytes:
    return compose_report(one, domain="foo.com", submitter="b.test", to="jones@foo.com", date=0.0, token="x")


class Scene:
    def __init__(self, room: Room, folder: Path, settings: TlsReportSettings) -> None:
        self.room = room
        self.database = TlsDatabase(folder / "tls.db")
        self.settings = settings

    def reading(self) -> TlsReading:
        """As after a restart."""
        room = self.room
        clock = room.intake.clock
        return TlsReading(
            database=self.database, store=room.store, directory=room.directory, clock=clock, settings=self.settings
        )

    async def deliver(self, octets: bytes, address: str = "jones@foo.com") -> None:
        reception = self.room.intake.receive(Source("b.test", "192.0.2.1"))
        reception.write(octets)
        await reception.finish(Envelope("tls@b.test"), [await self.room.intake.route(Recipient(address))])
        reception.close()

    @property
    def kept(self) -> list[Report]:
        return self.database.now(lambda db: received_reports(db, 0.0))


def play(folder: Path, body: Callable[[Scene], Awaitable[None]], **settings: float | str | tuple[str, ...]) -> None:
    async def go() -> None:
        room = await make_room(folder)
        made = TlsReportSettings(**{"read_from": "jones@foo.com", **settings})  # type: ignore[arg-type]
        scene = Scene(room, folder, made)
        await body(scene)
        scene.database.close()
        await room.directory.close()
        await room.store.close()

    asyncio.run(go())


def test_each_is_read_once(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        reading = scene.reading()
        await scene.deliver(mail(report(1)))
        await scene.deliver(b"Subject: no report\r\n\r\nx\r\n")
        await scene.deliver(mail(report(2)))
        assert await reading.read_new() == 2
        assert await reading.read_new() == 0
        await scene.deliver(mail(report(3)))
        await scene.deliver(mail(report(1)))  # RFC 8460 §5.3: a duplicate by its Report-ID
        assert await scene.reading().read_new() == 2
        assert sorted(one.report_id for one in scene.kept) == ["1@b.test", "2@b.test", "3@b.test"]

    play(tmp_path, body)


def test_an_address_that_leads_to_a_person_will_do(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.deliver(mail(report()), "admin.mrc@foo.com")
        assert await scene.reading().read_new() == 1

    play(tmp_path, body, read_from="admin.mrc@foo.com")


def test_hostile_ones_are_passed_over(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        head = b"Content-Type: application/tlsrpt+gzip\r\n\r\n"
        await scene.deliver(head + gzip.compress(bytes(50_000_000), 1, mtime=0).replace(b"\n", b" "))
        await scene.deliver(b"Content-Type: application/tlsrpt+json\r\n\r\n" + b"[" * 60_000)
        await scene.deliver(b"Content-Type: application/tlsrpt+json\r\n\r\n" + b"x" * 70_000)
        await scene.deliver(mail(report()))
        assert await scene.reading().read_new() == 1
        assert [one.report_id for one in scene.kept] == ["1@b.test"]

    play(tmp_path, body, max_octets=65_536)


def test_the_oldest_go(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for number in range(5):
            await scene.deliver(mail(report(number)))
            await scene.reading().read_new()
        assert [one.report_id for one in scene.kept] == ["3@b.test", "4@b.test"]

    play(tmp_path, body, max_received=2)


def test_nobodys_address(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        with pytest.raises(MailError, match="nobody's address"):
            await scene.reading().read_new()

    play(tmp_path, body, read_from="nobody@foo.com")


def test_it_runs_by_itself_and_survives_trouble(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        reading = scene.reading()
        reading.start()
        await scene.deliver(mail(report()))
        for _ in range(2000):
            await asyncio.sleep(0.002)
            if scene.kept:
                break
        await reading.close()
        assert len(scene.kept) == 1

    play(tmp_path, body, look_seconds=0.01)


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (("INBOX",), {"1@b.test"}),
        (("inbox", "Reports"), {"1@b.test", "2@b.test"}),
        (("Reports", "Nowhere"), {"2@b.test"}),
        (("*",), {"1@b.test", "2@b.test", "3@b.test"}),
    ],
)
def test_reports_that_were_sorted_into_other_mailboxes(tmp_path: Path, names: tuple[str, ...], read: set[str]) -> None:
    async def body(scene: Scene) -> None:
        account = await scene.room.store.open(2)
        for name in ("Reports", "Reports/Old"):
            await account.create(name)
        account.close()
        await scene.deliver(mail(report(1)))
        await scene.deliver(mail(report(2)), "jones+Reports@foo.com")
        await scene.deliver(mail(report(3)), "jones+Reports/Old@foo.com")
        await scene.reading().read_new()
        assert {one.report_id for one in scene.kept} == read
        assert await scene.reading().read_new() == 0  # each mailbox as far as it was read
        await scene.deliver(mail(report(4)), "jones+Reports@foo.com")
        assert await scene.reading().read_new() == (names != ("INBOX",))

    play(tmp_path, body, read_mailboxes=names)


def test_an_address_that_leads_to_two_people(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.room.directory.set_alias("tls@foo.com", ("brown@foo.com", "jones@foo.com"))
        await scene.deliver(mail(report(1)), "jones@foo.com")
        await scene.deliver(mail(report(2)), "brown@foo.com")
        await scene.deliver(mail(report(3)), "tls@foo.com")
        await scene.reading().read_new()
        assert {one.report_id for one in scene.kept} == {"1@b.test", "2@b.test", "3@b.test"}
        assert await scene.reading().read_new() == 0

    play(tmp_path, body, read_from="tls@foo.com")
