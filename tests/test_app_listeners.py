"""[listener.NAME] through the whole server: what each listener is to its clients."""

import asyncio
import base64
import smtplib
import socket
from pathlib import Path

import msgspec
import pytest

from postroom.app import App, running
from postroom.base import Spool
from postroom.config import Config, ListenerSettings, ListenSettings
from postroom.delivery import DeliverySettings
from postroom.dns import StaticResolver
from postroom.intake import AuthenticationSettings
from postroom.net import NetSettings, client_context
from postroom.queue import Envelope, Recipient
from postroom.reputation import ListSettings, StrangersSettings
from postroom.smtp import SmtpSettings

HERE = ("127.0.0.0/8",)
FREE = ("127.0.0.1:0",)
LINE = b"PROXY TCP4 192.0.2.77 198.51.100.2 40000 25\r\n"
BOB = "bob@example.test"
PLAIN = base64.b64encode(f"\0{BOB}\0secret".encode()).decode()


def config(folder: Path, **tables: ListenerSettings) -> Config:
    return Config(
        hostname="mail.example.test",
        data=folder / "data",
        listen=ListenSettings(smtp=FREE),
        listener=tables,
        smtp=SmtpSettings(max_recipients=200),
        authentication=AuthenticationSettings(check=False),
        strangers=StrangersSettings(check=False),
        net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1, proxy_timeout_seconds=30),
    )


async def people(app: App) -> None:
    await app.directory.add_domain("example.test")
    await app.directory.add_person(BOB, "secret")


async def say(app: App, name: str, *lines: str, tls: bool = False, header: bytes = b"") -> list[str]:
    """What each line is answered with, the greeting first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port(name))
    writer.write(header)
    answers = [await reply(reader)]
    for line in lines:
        writer.write(f"{line}\r\n".encode())
        answers.append(await reply(reader))
        if line == "STARTTLS" and tls:
            await writer.start_tls(client_context(verify=False))
    writer.close()
    return answers


async def reply(reader: asyncio.StreamReader) -> str:
    lines = b""
    while True:
        line = await reader.readline()
        lines += line
        if line[3:4] != b"-":
            return lines.decode()


def test_port_25_behind_a_proxy(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(config(tmp_path, smtp=ListenerSettings(proxies=HERE)))) as app:
            await people(app)
            answers = await say(
                app,
                "smtp",
                "EHLO bar.com",
                "MAIL FROM:<a@bar.com>",
                f"RCPT TO:<{BOB}>",
                "DATA",
                "From: a@bar.com\r\n\r\n.",
                header=LINE,
            )
            assert answers[-1].startswith("250 2.0.0 ")
            account = await app.store.open((await app.directory.people())[0].account_id)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            message = await account.read_range(view.content_ids[0], 0, 1000)
            assert b"Received: from bar.com ([192.0.2.77])\r\n" in message
            account.release(view)
            account.close()
            # a second header is nothing but a command that nobody knows
            answers = await say(app, "smtp", LINE.decode().strip(), header=LINE)
            assert answers[1].startswith("500 5.5.1 ")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "greeting"),
    [("smtp", "220 "), ("submission", "220 "), ("lmtp", "220 "), ("pop3", "+OK"), ("imap", "* OK")],
)
def test_every_protocol_behind_a_proxy(kind: str, greeting: str, tmp_path: Path) -> None:
    async def main() -> None:
        given = ListenerSettings(kind=kind, addresses=FREE, proxies=HERE)  # type: ignore[arg-type]
        async with running(App(config(tmp_path, front=given))) as app:
            reader, writer = await asyncio.open_connection("127.0.0.1", app.port("front"))
            writer.write(LINE)
            assert (await reader.readline()).decode().startswith(greeting)
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["submissions", "pop3s", "imaps"])
def test_every_protocol_under_tls_behind_a_proxy(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        given = ListenerSettings(kind=kind, addresses=FREE, proxies=HERE)  # type: ignore[arg-type]
        async with running(App(config(tmp_path, front=given))) as app:
            reader, writer = await asyncio.open_connection("127.0.0.1", app.port("front"))
            writer.write(LINE)
            await writer.start_tls(client_context(verify=False))
            assert (await reader.readline())[:3] in (b"220", b"+OK", b"* O")
            writer.close()

    asyncio.run(main())


def test_sign_in_may_be_possible_without_being_needed(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(config(tmp_path, smtp=ListenerSettings(sign_in="possible")))) as app:
            await people(app)
            away = ["MAIL FROM:<bob@example.test>", "RCPT TO:<c@elsewhere.org>"]
            answers = await say(app, "smtp", "EHLO bar.com", *away, f"RCPT TO:<{BOB}>")
            assert "AUTH " not in answers[1]  # no password in the clear
            assert [answer[:3] for answer in answers[2:]] == ["250", "550", "250"]
            answers = await say(
                app, "smtp", "EHLO bar.com", "STARTTLS", "EHLO bar.com", f"AUTH PLAIN {PLAIN}", *away, tls=True
            )
            assert " PLAIN LOGIN" in answers[3]
            assert "FUTURERELEASE" not in answers[3]  # RFC 4865 §4.2 (2)
            assert [answer[:3] for answer in answers[4:]] == ["235", "250", "250"]

    asyncio.run(main())


def test_tls_may_be_needed(tmp_path: Path) -> None:
    async def main() -> None:
        tables = {
            "smtp": ListenerSettings(require_tls=True),
            "inner": ListenerSettings(kind="lmtp", addresses=FREE, sign_in="required"),
        }
        async with running(App(config(tmp_path, **tables))) as app:
            await people(app)
            mail = ["MAIL FROM:<a@bar.com>", f"RCPT TO:<{BOB}>"]
            answers = await say(app, "smtp", "EHLO bar.com", *mail)
            assert answers[2] == "530 5.7.0 Must issue a STARTTLS command first\r\n"
            answers = await say(app, "smtp", "EHLO bar.com", "STARTTLS", "EHLO bar.com", *mail, tls=True)
            assert [answer[:3] for answer in answers[4:]] == ["250", "250"]
            answers = await say(app, "inner", "LHLO bar.com", "STARTTLS", "LHLO bar.com", *mail, tls=True)
            assert answers[4] == "530 5.7.0 Authentication required\r\n"

    asyncio.run(main())


def test_limits_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        partners = ListenerSettings(
            kind="smtp", addresses=FREE, max_recipients=100, max_message_octets=70_000, priority_networks=HERE
        )
        app = App(config(tmp_path, partners=partners))
        async with running(app):
            for _ in range(2):
                ours, theirs = [(await say(app, name, "EHLO bar.com"))[1] for name in ("smtp", "partners")]
                assert "SIZE 268435456\r\n" in ours
                assert "RCPTMAX=200\r\n" in ours
                assert "SIZE 70000\r\n" in theirs
                assert "RCPTMAX=100\r\n" in theirs
                app.take_settings(app.config)  # a reload keeps them
            mail = ["EHLO bar.com", "MAIL FROM:<a@bar.com> MT-PRIORITY=7"]
            assert (await say(app, "smtp", *mail))[2].startswith("250 2.3.6 0 ")
            assert (await say(app, "partners", *mail))[2].startswith("250 2.1.0 ")

    asyncio.run(main())


def test_the_names_of_listeners_are_in_what_is_listened_on(tmp_path: Path) -> None:
    async def main() -> None:
        front = ListenerSettings(kind="submission", addresses=FREE)
        async with running(App(config(tmp_path, front=front))) as app:
            assert set(app.listening()) == {"smtp", "front"}

            def try_to_send() -> None:
                with smtplib.SMTP("127.0.0.1", app.port("front")) as smtp:
                    smtp.sendmail("a@bar.com", [BOB], "Subject: x\r\n\r\n")

            with pytest.raises(smtplib.SMTPException):
                await asyncio.to_thread(try_to_send)

    asyncio.run(main())


def test_the_queue_on_disk_counts_what_a_person_has_held(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = config(tmp_path, smtp=ListenerSettings(sign_in="required"))
        async with running(App(msgspec.structs.replace(wanted, smtp=SmtpSettings(max_held_messages=1)))) as app:
            await people(app)
            held = "MAIL FROM:<bob@example.test> HOLDFOR=3600"
            start = ["EHLO bar.com", "STARTTLS", "EHLO bar.com", f"AUTH PLAIN {PLAIN}"]
            mail = [held, f"RCPT TO:<{BOB}>", "DATA", "Subject: x\r\n\r\n.", held]
            answers = await say(app, "smtp", *start, *mail, tls=True)
            assert [answer[:3] for answer in answers[5:]] == ["250", "250", "354", "250", "552"]
            assert len(await app.queue.entries()) == 1

    asyncio.run(main())


def test_an_mx_that_leads_to_a_listener_is_known_as_ours(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        wanted = msgspec.structs.replace(
            config(tmp_path),
            listen=ListenSettings(smtp=(f"0.0.0.0:{port}",)),
            delivery=DeliverySettings(port=port, refuse_networks=()),
        )
        resolver = StaticResolver(mx_records={"else.test": [(10, "x.test")]}, a_records={"x.test": ["127.0.0.1"]})
        async with running(App(wanted, resolver=resolver)) as app:
            await people(app)
            with Spool(tmp_path, 1000) as spool:
                spool.write(b"Subject: x\r\n\r\n")
                await app.queue.enqueue(Envelope(BOB), [Recipient("carol@else.test")], spool)
            async with asyncio.timeout(20):
                while await app.queue.entries():
                    await asyncio.sleep(0.01)
            account = await app.store.open((await app.directory.people())[0].account_id)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            report = await account.read_range(view.content_ids[0], 0, 10_000)
            assert b"would come back to mail.example.test" in report
            account.release(view)
            account.close()

    asyncio.run(main())


def test_who_sent_it_is_checked_where_the_listener_says_so(tmp_path: Path) -> None:
    async def go() -> None:
        resolver = StaticResolver(txt_records={"_dmarc.bank.test": ["v=DMARC1; p=reject"]})
        tables = {"partners": ListenerSettings(kind="smtp", addresses=FREE, check_senders=False)}
        chosen = msgspec.structs.replace(
            config(tmp_path, **tables), authentication=AuthenticationSettings(trusted_networks=())
        )
        async with running(App(chosen, resolver=resolver)) as app:
            await people(app)
            letter = "From: ceo@bank.test\r\n\r\n."
            lines = ("EHLO x", "MAIL FROM:<a@b.test>", f"RCPT TO:<{BOB}>", "DATA", letter)
            assert (await say(app, "smtp", *lines))[-1].startswith("550 5.7.1 Refused by the DMARC policy of bank.test")
            asked = len(resolver.asked)
            assert (await say(app, "partners", *lines))[-1].startswith("250")
            assert len(resolver.asked) == asked
            mild = AuthenticationSettings(trusted_networks=(), dmarc_reject="tag")
            assert app.take_settings(msgspec.structs.replace(chosen, authentication=mild)) == []  # no restart needed
            assert (await say(app, "smtp", *lines))[-1].startswith("250")

    asyncio.run(go())


def test_strangers_are_looked_at_and_what_is_held_against_them_may_change_while_it_runs(tmp_path: Path) -> None:
    async def go() -> None:
        resolver = StaticResolver(
            a_records={"2.0.0.127.bl.test": ["127.0.0.2"], "77.2.0.192.bl.test": ["127.0.0.2"]},
            ptr_records={"192.0.2.77": ["mx.b.test"]},
        )
        lists = {"black": ListSettings(zone="bl.test", points=3.0)}
        quick = StrangersSettings(greeting_delay_seconds=0, first_time_delay_seconds=0)
        chosen = msgspec.structs.replace(
            config(tmp_path, smtp=ListenerSettings(proxies=HERE)),
            strangers=msgspec.structs.replace(quick, list=lists, refuse_points=1.0),
        )
        lines = ("EHLO mx.b.test", "MAIL FROM:<a@b.test>", f"RCPT TO:<{BOB}>")
        async with running(App(chosen, resolver=resolver)) as app:
            await people(app)
            assert (await say(app, "smtp", *lines, header=LINE))[-1].startswith(
                "550 5.7.1 Mail from this host is refused"
            )
            mild = msgspec.structs.replace(chosen, strangers=msgspec.structs.replace(quick, list=lists))
            assert app.take_settings(mild) == []  # no restart needed
            assert (await say(app, "smtp", *lines, header=LINE))[-1].startswith("450 4.7.1 Greylisted")
            local = b"PROXY TCP4 127.0.0.1 198.51.100.2 40000 25\r\n"
            assert (await say(app, "smtp", *lines, header=local))[-1].startswith("250")
        assert (tmp_path / "data" / "reputation.db").stat().st_mode & 0o777 == 0o600

    asyncio.run(go())
