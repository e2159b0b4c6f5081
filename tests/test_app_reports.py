"""DMARC reports in the whole server: what is recorded is kept, what comes is read."""

import asyncio
import smtplib
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.delivery.test_dmarc_reading import mail
from tests.delivery.test_dmarc_results import judged
from tests.mailauth.dmarc.test_aggregate import REPORT
from tests.mailauth.dmarc.zone import Spf
from tests.test_app import BOB, config

from postroom.app import App, running
from postroom.delivery import DmarcDatabase, DmarcReportSettings, aggregate_reports
from postroom.dns import StaticResolver
from postroom.intake import AuthenticationSettings


def test_reports_are_counted_and_read(tmp_path: Path) -> None:
    settings = DmarcReportSettings(send=True, read_from=BOB, look_seconds=0.05)

    async def main() -> None:
        async with running(App(msgspec.structs.replace(config(tmp_path), dmarc_reports=settings))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            spf = Spf("evil.test")
            verdict = judged("example.test", spf)
            app.dmarc_results.record(verdict, [spf], [], source_ip="192.0.2.1", disposition=verdict.disposition)
            await asyncio.to_thread(_send, app.port("smtp"))
            database = DmarcDatabase(tmp_path / "data" / "dmarc.db")
            for _ in range(1000):
                await asyncio.sleep(0.01)
                if database.now(lambda db: aggregate_reports(db, 0.0)) == [REPORT]:
                    break
            else:
                raise AssertionError("not read")
            database.close()

    asyncio.run(main())
    with apsw.Connection(str(tmp_path / "data" / "dmarc.db")) as db:
        assert db.execute("SELECT domain, messages FROM result").fetchall() == [("example.test", 1)]


def test_nothing_is_counted_until_it_is_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(config(tmp_path))) as app:
            spf = Spf("evil.test")
            verdict = judged("example.test", spf)
            app.dmarc_results.record(verdict, [spf], [], source_ip="192.0.2.1", disposition=verdict.disposition)

    asyncio.run(main())
    with apsw.Connection(str(tmp_path / "data" / "dmarc.db")) as db:
        assert db.execute("SELECT count(*) FROM result").get == 0


def test_what_strangers_send_is_counted_whatever_becomes_of_it(tmp_path: Path) -> None:
    resolver = StaticResolver(
        txt_records={
            "_dmarc.bank.test": ["v=DMARC1; p=reject; rua=mailto:r@bank.test"],
            "_dmarc.quiet.test": ["v=DMARC1; p=none"],
        }
    )
    settings = msgspec.structs.replace(
        config(tmp_path),
        dmarc_reports=DmarcReportSettings(send=True),
        authentication=AuthenticationSettings(trusted_networks=()),
    )

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            with pytest.raises(smtplib.SMTPDataError):
                smtp.sendmail("x@else.test", [BOB], "From: ceo@bank.test\r\n\r\n")
            smtp.sendmail("x@else.test", [BOB], "From: x@quiet.test\r\n\r\n")

    async def main() -> None:
        async with running(App(settings, resolver=resolver)) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            await asyncio.to_thread(send, app.port("smtp"))

    asyncio.run(main())
    with apsw.Connection(str(tmp_path / "data" / "dmarc.db")) as db:
        assert db.execute("SELECT domain, messages FROM result").fetchall() == [("bank.test", 1)]


def _send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.sendmail("x@else.test", [BOB], mail(REPORT))
