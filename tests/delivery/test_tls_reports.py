"""Reports leave once a day, by mail or HTTPS, over restarts too."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.delivery.sts_web import StsWeb
from tests.intake.strangers import Notes
from tests.signing.keys import make_quickly
from tests.signing.signed import BOTH, Signer

from postroom.base import FakeClock, SeededIds
from postroom.delivery.tls_database import TlsDatabase
from postroom.delivery.tls_demand import Published
from postroom.delivery.tls_report_mail import find_report
from postroom.delivery.tls_reports import TlsReports
from postroom.delivery.tls_results import TlsResults
from postroom.delivery.tls_settings import TlsReportSettings
from postroom.dns import StaticResolver
from postroom.mailauth.tls_rpt import Failure, Report, read_report
from postroom.mailauth.unpacking import unpacked
from postroom.net import Dialer, HttpsClient, NetSettings, client_context
from postroom.queue import MemoryQueue, QueueFull, QueueSettings
from postroom.signing import UNSIGNED

DAY = 86_400
SPREAD = 3600.0


class Scene:
    def __init__(self, folder: Path, web: StsWeb) -> None:
        self.folder = folder
        self.web = web
        self.clock = FakeClock()
        self.ids = SeededIds(3)
        self.signing = UNSIGNED
        self.notes = Notes()
        self.queue = MemoryQueue(QueueSettings(), self.clock, self.ids)
        self.resolver = StaticResolver(
            txt_records={"_smtp._tls.b.test": ["v=TLSRPTv1; rua=mailto:r@b.test"]},
            a_records={"web.test": ["127.0.0.1"]},
        )
        self.open()

    def open(self) -> None:
        settings = TlsReportSettings(send=True, spread_seconds=SPREAD, contact="tls@a.test")
        self.database = TlsDatabase(self.folder / "tls.db")
        self.results = TlsResults(self.database, self.clock, settings)
        client = HttpsClient(
            Dialer(NetSettings()),
            lambda: client_context(verify=True, cafile=self.web.authorities),
            max_octets=10_000,
            timeout_seconds=5,
        )
        self.reports = TlsReports(
            database=self.database,
            results=self.results,
            resolver=self.resolver,
            client=client,
            queue=self.queue,
            clock=self.clock,
            ids=self.ids,
            settings=settings,
            hostname="mail.a.test",
            signing=self.signing,
            journal=self.notes,
        )

    async def restart(self) -> None:
        await self.close()
        self.open()

    async def close(self) -> None:
        await self.reports.close()
        await self.results.close()
        self.database.close()

    async def sessions_of_a_day(self) -> None:
        """Some sessions, then the clock stands at the next day, after the spread."""
        self.results.note(Published("b.test", "sts", ("mode: enforce",), ("mx.b.test",)))
        self.results.note(
            Published("b.test", "sts", ("mode: enforce",), ("mx.b.test",)), Failure("certificate-expired", 1)
        )
        now = self.clock.now()
        await self.clock.advance(DAY - now % DAY + SPREAD)

    async def mailed(self) -> list[tuple[str, Report]]:
        found = []
        for entry in await self.queue.entries():
            octets = await self.queue.read(entry.message.message_id, 0, 1 << 20)
            packed = find_report(octets)
            assert packed is not None
            assert entry.message.envelope.mail_from == "tls@a.test"
            found.append((entry.recipient.address, read_report(unpacked(packed, 100_000))))
        return found


def play(folder: Path, body: Callable[[Scene], Awaitable[None]]) -> None:
    async def go() -> None:
        web = await StsWeb(folder, "web.test").start()
        scene = Scene(folder, web)
        try:
            await body(scene)
        finally:
            await scene.close()
            await web.stop()

    asyncio.run(go())


def test_one_report_a_day_over_restarts(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.sessions_of_a_day()
        assert await scene.reports.send_due() == 1
        await scene.restart()
        assert await scene.reports.send_due() == 0
        ((to, report),) = await scene.mailed()
        assert to == "r@b.test"
        assert report.report_id == "2023-11-14.b.test@mail.a.test"
        assert (report.begin, report.end) == (1_699_920_000, 1_700_006_399)
        (policy,) = report.policies
        assert (policy.kind, policy.successes, policy.failure_count) == ("sts", 1, 1)
        await scene.sessions_of_a_day()
        assert await scene.reports.send_due() == 1

    play(tmp_path, body)


def test_a_crash_between_the_queue_and_the_note_does_not_send_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(scene: Scene) -> None:
        async def crash(*_: Any) -> None:
            raise KeyboardInterrupt

        await scene.sessions_of_a_day()
        with monkeypatch.context() as patch:
            patch.setattr(scene.reports, "_settle", crash)
            with pytest.raises(KeyboardInterrupt):
                await scene.reports.send_due()
        await scene.restart()
        await scene.reports.send_due()
        assert len(await scene.mailed()) == 1

    play(tmp_path, body)


def test_reports_are_signed_by_who_sends_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8460 §5.3."""
    make_quickly(monkeypatch)

    async def body(scene: Scene) -> None:
        signer = Signer(tmp_path)
        scene.signing = signer.signing
        await scene.restart()
        await scene.sessions_of_a_day()
        assert await scene.reports.send_due() == 1
        (entry,) = await scene.queue.entries()
        message = await scene.queue.read(entry.message.message_id, 0, 1 << 20)
        signer.clock = scene.clock
        assert signer.results(message) == BOTH
        assert [step for step, _ in scene.notes.taken] == ["made", "signed"]
        assert scene.notes.last("made") == {"what": "TLS report", "to": "r@b.test"}
        assert scene.notes.last("signed")["by"][0].startswith("d=a.test s=")
        assert {"tls-report-domain", "tls-required"} <= set(signer.verdicts(message)[0].signed_names)
        assert len(await scene.mailed()) == 1

    play(tmp_path, body)


def test_not_before_the_day_is_over(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.results.note(Published("b.test"))
        assert await scene.reports.send_due() == 0
        assert await scene.mailed() == []

    play(tmp_path, body)


@pytest.mark.parametrize("texts", [[], ["v=TLSRPTv1; rua=ftp://b.test"]])
def test_who_wants_none_gets_none_and_is_asked_once(tmp_path: Path, texts: list[str]) -> None:
    async def body(scene: Scene) -> None:
        scene.resolver.txt_records["_smtp._tls.b.test"] = texts
        await scene.sessions_of_a_day()
        for _ in range(2):
            assert await scene.reports.send_due() == 0
        assert len(scene.resolver.asked) == 1

    play(tmp_path, body)


def test_by_https(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        uri = f"https://web.test:{scene.web.port}/v1/tlsrpt"
        scene.resolver.txt_records["_smtp._tls.b.test"] = [f"v=TLSRPTv1; rua={uri}"]
        scene.web.answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        await scene.sessions_of_a_day()
        assert await scene.reports.send_due() == 1
        head, _, octets = scene.web.asked[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/tlsrpt HTTP/1.1\r\n")
        assert b"Content-Type: application/tlsrpt+gzip\r\n" in head
        assert read_report(unpacked(octets, 100_000)).policies[0].domain == "b.test"
        assert await scene.reports.send_due() == 0

    play(tmp_path, body)


def test_a_second_place_is_tried(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        uri = f"https://web.test:{scene.web.port}/"
        scene.resolver.txt_records["_smtp._tls.b.test"] = [f"v=TLSRPTv1; rua={uri},mailto:r@b.test"]
        scene.web.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        await scene.sessions_of_a_day()
        assert await scene.reports.send_due() == 1
        assert len(await scene.mailed()) == 1

    play(tmp_path, body)


@pytest.mark.parametrize("trouble", ["dns", "https", "queue"])
def test_trouble_is_tried_again_for_a_day(tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(scene: Scene) -> None:
        async def full(*_: Any, **__: Any) -> str:
            raise QueueFull

        if trouble == "dns":
            scene.resolver.failing.add("_smtp._tls.b.test")
        elif trouble == "https":
            scene.resolver.txt_records["_smtp._tls.b.test"] = ["v=TLSRPTv1; rua=https://nowhere.test/"]
        else:
            monkeypatch.setattr(scene.queue, "enqueue", full)
        await scene.sessions_of_a_day()
        tries = []
        for quarter in range(150):
            before = len(scene.resolver.asked)
            assert await scene.reports.send_due() == 0
            if len(scene.resolver.asked) > before:
                tries.append(quarter)
            await scene.clock.advance(901)
        assert tries[:4] == [0, 1, 3, 7]
        assert len(tries) <= 9
        monkeypatch.undo()
        scene.resolver.failing.clear()
        scene.resolver.txt_records["_smtp._tls.b.test"] = ["v=TLSRPTv1; rua=mailto:r@b.test"]
        assert await scene.reports.send_due() == 0  # given up

    play(tmp_path, body)


def test_it_runs_by_itself(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.reports.start()
        await scene.sessions_of_a_day()
        for _ in range(1000):
            await scene.clock.advance(301)
            await asyncio.sleep(0.001)
            if await scene.mailed():
                return
        raise AssertionError("no report")

    play(tmp_path, body)
