"""The composition root: builds, starts, stops, reloads; and says plainly what is in the way."""

import asyncio
import imaplib
import shutil
import smtplib
import socket
import ssl
from pathlib import Path

import msgspec
import pytest

from postroom.app import App, StartFailed, running
from postroom.config import Config, ListenSettings
from postroom.delivery import DeliverySettings, OutboundTlsSettings
from postroom.guard import GuardSettings
from postroom.intake import AuthenticationSettings
from postroom.journal import stories
from postroom.net import NetSettings, TlsSettings, self_signed
from postroom.servers.imap import ImapSessionSettings
from postroom.servers.settings import MtaStsSettings
from postroom.signin import SignInSettings
from postroom.smtp import SmtpSettings
from postroom.store import StoreSettings

NAMES = ("smtp", "submission", "submissions", "lmtp", "pop3", "pop3s", "imap", "imaps")
BOB = "bob@example.test"
GONE = b"[NONEXISTENT] Mailbox doesn't exist"


def config(folder: Path) -> Config:
    return Config(
        hostname="mail.example.test",
        data=folder / "data",
        listen=ListenSettings(**dict.fromkeys(NAMES, ("127.0.0.1:0",))),
        tls=TlsSettings(reload_interval_seconds=0.02),
        allow_plaintext_sign_in_on_loopback=True,
        net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1),
    )


def answering_at_once(folder: Path, **more: object) -> Config:
    """The same, where wrong passwords are not answered late."""
    return msgspec.structs.replace(
        config(folder),
        guard=GuardSettings(failure_delay_seconds=0),
        sign_in=SignInSettings(failure_step_seconds=0.01),
        allow_plaintext_sign_in_on_loopback=True,
        **more,
    )


async def _greeting(app: App, name: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port(name))
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


def test_every_listener_greets_and_the_same_data_serves_again(tmp_path: Path) -> None:
    async def main() -> None:
        for start in range(2):
            async with running(App(config(tmp_path))) as app:
                assert set(app.listening()) == set(NAMES)
                assert (await _greeting(app, "smtp")).startswith(b"220 mail.example.test ")
                assert (await _greeting(app, "pop3")).startswith(b"+OK ")
                assert (await _greeting(app, "imap")).startswith(b"* OK ")
                if start == 0:
                    await app.directory.add_domain("example.test")
                    await app.directory.add_person(BOB, "secret")
                await asyncio.to_thread(_send, app.port("smtp"))
                account = await app.store.open((await app.directory.people())[0].account_id)
                assert (await account.mailbox("INBOX")).messages == start + 1
                account.close()

    asyncio.run(main())


def _send(port: int, recipient: str = BOB) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        assert smtp.sendmail("x@else.test", [recipient], "Subject: hello\r\n\r\nx\r\n") == {}


def test_the_way_of_a_message_is_kept(tmp_path: Path) -> None:
    """From the client to the mailbox here, and to the host elsewhere that can't be reached."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        away = f"127.0.0.1:{closed.getsockname()[1]}"
        settings = msgspec.structs.replace(
            config(tmp_path), delivery=DeliverySettings(routes={"away.test": away}, connect_timeout_seconds=2)
        )

        def submit(port: int) -> None:
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                smtp.login(BOB, "secret")
                smtp.sendmail(BOB, [BOB, "x@away.test"], f"From: {BOB}\r\nMessage-ID: <1@x>\r\n\r\nx\r\n")

        async def main() -> None:
            async with running(App(settings)) as app:
                await app.directory.add_domain("example.test")
                await app.directory.add_person(BOB, "secret")
                await asyncio.to_thread(submit, app.port("submission"))
                async with asyncio.timeout(10):
                    while not (await app.queue.entries())[0].attempts:
                        await asyncio.sleep(0.01)

        asyncio.run(main())
    (story,) = stories(tmp_path / "data" / "journal", "<1@x>")
    assert sorted(step.name for step in story.steps) == ["attempt", "call", "delivered", "queued", "received"]
    facts = {step.name: step.facts for step in story.steps}
    assert (facts["received"]["user"], facts["received"]["to"]) == (BOB, [BOB, "x@away.test"])
    assert facts["delivered"]["to"] == BOB
    assert facts["attempt"]["status"] == "deferred"
    assert away in facts["call"]["relay"].replace(" [127.0.0.1]", "")
    assert "refused" in facts["attempt"]["reply"].lower()


def test_what_an_administrator_sets_by_imap_holds_everywhere(tmp_path: Path) -> None:
    """A quota of RFC 9208 stops mail that arrives; a note of RFC 5464 is there after a restart."""
    administrators = ImapSessionSettings(administrators=(BOB,))
    settings = msgspec.structs.replace(config(tmp_path), imap=administrators, store=StoreSettings(max_mailboxes=77))

    def administer(port: int) -> None:
        with imaplib.IMAP4("127.0.0.1", port) as imap:
            imap.login(BOB, "secret")
            assert imap.setquota(BOB, "(MESSAGE 1)")[1] == [f"{BOB} (MESSAGE 1 1 MAILBOX 6 77)".encode()]
            status, said = imap.xatom("SETMETADATA", '"" (/shared/comment "Back on Monday")')
            assert (status, said) == ("OK", [b"SETMETADATA completed"])

    async def main() -> None:
        async with running(App(settings)) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            await asyncio.to_thread(_send, app.port("smtp"))
            await asyncio.to_thread(administer, app.port("imap"))
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                await asyncio.to_thread(_send, app.port("smtp"))
        async with running(App(settings)) as app:
            assert await app.directory.notes() == {"/shared/comment": b"Back on Monday"}

    asyncio.run(main())


def test_what_is_shared_is_shared_after_a_restart_too(tmp_path: Path) -> None:
    """RFC 4314 and RFC 2342 with the real directory: names in any case, people who come and go."""
    shared = "office@example.test"
    settings = msgspec.structs.replace(config(tmp_path), imap=ImapSessionSettings(shared_account=shared))

    def share(port: int) -> None:
        with imaplib.IMAP4("127.0.0.1", port) as imap:
            imap.login(shared, "secret")
            assert imap.setacl("INBOX", "Bob@Example.test", "lrsi")[0] == "OK"
            assert imap.setacl("INBOX", "nobody@example.test", "lr")[0] == "NO"
            assert imap.getacl("INBOX")[1] == [f"INBOX {shared} lrswipkxtecda {BOB} lrsi".encode()]

    def look(port: int, present: bool) -> None:
        with imaplib.IMAP4("127.0.0.1", port) as imap:
            imap.login(BOB, "secret")
            found = [b'(\\HasNoChildren) "/" #shared/INBOX'] if present else [None]
            assert imap.list('""', '"#shared/*"')[1] == found
            assert imap.select("#shared/INBOX") == (("OK", [b"1"]) if present else ("NO", [GONE]))
            assert imap.select("#user/OFFICE@example.test/INBOX")[0] == ("OK" if present else "NO")

    async def main() -> None:
        async with running(App(settings)) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            await app.directory.add_person(shared, "secret")
            await app.directory.set_alias("all@example.test", (shared,))
            await asyncio.to_thread(share, app.port("imap"))
            await asyncio.to_thread(_send, app.port("smtp"), "all@example.test")
        async with running(App(settings)) as app:
            await asyncio.to_thread(look, app.port("imap"), True)
            await app.directory.set_enabled(shared, False)
            await asyncio.to_thread(look, app.port("imap"), False)
            await app.directory.remove_alias("all@example.test")
            await app.directory.remove_person(shared)
            await asyncio.to_thread(look, app.port("imap"), False)

    asyncio.run(main())


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = msgspec.structs.replace(config(tmp_path), listen=ListenSettings(smtp=(address,)))
        with pytest.raises(StartFailed, match=f"smtp cannot listen on {address}"):
            App(settings).prepare()


def test_a_taken_port_is_left_out_where_the_settings_say_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        net = NetSettings(skip_taken_addresses=True, stop_timeout_seconds=2)
        listen = ListenSettings(smtp=("127.0.0.1:0", address), lmtp=(address,))
        settings = msgspec.structs.replace(config(tmp_path), listen=listen, net=net)

        async def main() -> None:
            async with running(App(settings)) as app:
                assert list(app.listening()) == ["smtp"]
                assert (await _greeting(app, "smtp")).startswith(b"220 ")

        asyncio.run(main())
        nothing = msgspec.structs.replace(settings, listen=ListenSettings(lmtp=(address,)))
        with pytest.raises(StartFailed, match="no address to listen on"):
            App(nothing).prepare()


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(config(tmp_path))):
            second = App(config(tmp_path))
            second.prepare()
            with pytest.raises(StartFailed):
                await second.start()

    asyncio.run(main())


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(
        config(tmp_path), tls=TlsSettings(certificate="/nowhere.crt", key="/nowhere.key")
    )
    with pytest.raises(StartFailed, match=r"/nowhere\.crt"):
        App(settings).prepare()


def test_a_replaced_certificate_is_used_by_the_next_connection(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "first", "mail.example.test", 10, 1_800_000_000.0)
    tls = TlsSettings(certificate=str(certificate), key=str(key), reload_interval_seconds=0.02)

    async def seen(app: App) -> bytes:
        context = ssl._create_unverified_context()
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port("imaps"), ssl=context)
        await reader.readline()
        shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return shown

    async def main() -> None:
        async with running(App(msgspec.structs.replace(config(tmp_path), tls=tls))) as app:
            first = await seen(app)
            for new in self_signed(tmp_path / "second", "mail.example.test", 10, 1_800_000_000.0):
                shutil.copy(new, tmp_path / "first" / new.name)
            for _ in range(200):
                if await seen(app) != first:
                    return
                await asyncio.sleep(0.02)
            raise AssertionError("still the old certificate")

    asyncio.run(main())


def test_reloaded_settings_serve_new_sessions_and_the_others_are_named(tmp_path: Path) -> None:
    async def main() -> None:
        old = config(tmp_path)
        async with running(App(old)) as app:
            new = msgspec.structs.replace(old, hostname="mx.example.test", smtp=SmtpSettings(max_message_octets=70_000))
            assert app.take_settings(new) == ["hostname"]
            reader, writer = await asyncio.open_connection("127.0.0.1", app.port("smtp"))
            await reader.readline()
            writer.write(b"EHLO x.test\r\n")
            assert b"SIZE 70000" in await reader.readuntil(b"250 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


def test_the_mta_sts_policy_is_served(tmp_path: Path) -> None:
    listen = ListenSettings(smtp=("127.0.0.1:0",), policy_host=("127.0.0.1:0",))

    async def main() -> None:
        async with running(App(msgspec.structs.replace(config(tmp_path), listen=listen))) as app:
            await app.directory.add_domain("example.test")
            context = ssl._create_unverified_context()
            reader, writer = await asyncio.open_connection("127.0.0.1", app.port("policy_host"), ssl=context)
            writer.write(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.endswith(b"\r\n\r\n" + MtaStsSettings().policy("mail.example.test").file)

    asyncio.run(main())


def test_missing_authorities_are_told_at_the_start(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(
        config(tmp_path), outbound_tls=OutboundTlsSettings(authorities=str(tmp_path / "none.pem"))
    )

    async def main() -> None:
        with pytest.raises(StartFailed, match=r"none\.pem"):
            async with running(App(settings)):
                pass

    asyncio.run(main())


def test_a_public_suffix_list_is_read_at_the_start_and_by_a_reload(tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    settings = msgspec.structs.replace(
        config(tmp_path), authentication=AuthenticationSettings(public_suffix_list=str(path))
    )

    async def main() -> None:
        with pytest.raises(StartFailed, match=r"public_suffix_list: .*list\.dat"):
            async with running(App(settings)):
                pass
        path.write_text("uk\n")
        async with running(App(settings)) as app:
            assert app.authentication is not None
            assert app.authentication.organisation("a.bank.co.uk") == "co.uk"
            path.write_text("uk\nco.uk\n")
            assert app.take_settings(settings) == []
            assert app.authentication.organisation("a.bank.co.uk") == "bank.co.uk"

    asyncio.run(main())
