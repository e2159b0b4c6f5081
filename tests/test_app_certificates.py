"""Certificates of a whole server: two for two names, one that appears while it runs, and word to the postmaster."""

import asyncio
import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from tests.acme.fake_authority import DIRECTORY, FakeAuthority
from tests.acme.test_kept import pair
from tests.mailauth.authority import issue
from tests.net.certificates import connect, shown_client
from tests.test_app import config

from postroom.acme import AcmeSettings, Kept
from postroom.app import App, running
from postroom.app_certificates import certificate_keeper
from postroom.net import names_of


async def shown(port: int, name: str) -> tuple[str, ...]:
    client = await connect(port, shown_client(), name)
    try:
        return names_of(x509.load_der_x509_certificate(client.peer_certificates()[0]))
    finally:
        await client.close()


def test_a_certificate_that_is_put_there_is_shown_without_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(config(tmp_path))) as app:
            port = app.port("imaps")
            assert await shown(port, "www.example.test") == ("mail.example.test", "localhost")
            open_one = await connect(port, shown_client())
            assert (await open_one.receive()).startswith(b"* OK")
            Kept(tmp_path / "data" / "tls").put("web", *pair(tmp_path / "web", issue("www.example.test")))
            async with asyncio.timeout(5):
                while await shown(port, "www.example.test") != ("www.example.test",):
                    await asyncio.sleep(0.02)
            open_one.send(b"a NOOP\r\n")
            assert b"a OK" in await open_one.receive()
            await open_one.close()

    asyncio.run(main())


def test_the_postmaster_gets_a_message_of_what_can_not_be_had(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(config(tmp_path), acme=AcmeSettings(directory=DIRECTORY, terms_agreed=True))

    async def main() -> None:
        async with running(App(config(tmp_path))) as app:
            await app.directory.add_domain("example.test")
            bob = await app.directory.add_person("bob@example.test", "secret")
            assert app._resolver is not None
            keeper = certificate_keeper(settings, app.directory, app._resolver, app.queue, app.clock, app.ids)
            keeper._web = FakeAuthority(app.clock.now, down=True)
            assert await keeper.look() == 0
            account = await app.store.open(bob.account_id)
            async with asyncio.timeout(10):
                while not (await account.mailbox("INBOX")).messages:
                    await asyncio.sleep(0.02)
            account.close()
            await keeper.close()

    asyncio.run(main())


def test_listeners_have_their_own_rules(tmp_path: Path) -> None:
    from postroom.config import ListenerSettings
    from postroom.net import TlsSettings

    authority, _ = issue("People", ca=True).write(tmp_path / "people")
    settings = msgspec.structs.replace(
        config(tmp_path),
        listener={
            "imap": ListenerSettings(client_certificates="ask"),
            "submissions": ListenerSettings(tls_profile="modern"),
        },
        tls=TlsSettings(client_authorities=str(authority)),
    )

    async def main() -> None:
        async with running(App(settings)) as app:
            imap, submissions, pop3 = (app._listeners[name] for name in ("imap", "submissions", "pop3"))
            assert imap._starttls is not None
            assert imap._starttls.verify_mode == ssl.CERT_OPTIONAL
            assert submissions._tls is not None
            assert submissions._tls.minimum_version == ssl.TLSVersion.TLSv1_3
            assert pop3._starttls is not None
            assert (pop3._starttls.verify_mode, pop3._starttls.minimum_version) == (
                ssl.CERT_NONE,
                ssl.TLSVersion.TLSv1_2,
            )

    asyncio.run(main())
