"""Two whole servers on loopback, a.test and b.test, that know each other's way; alice@a.test and bert@b.test."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from postroom.app import App
from postroom.base import Spool
from postroom.config import Config, ListenSettings
from postroom.delivery import DeliverySettings
from postroom.net import NetSettings
from postroom.queue import Envelope, Recipient
from postroom.store import Want

PEOPLE = {"a.test": "alice", "b.test": "bert"}


@dataclass
class Pair:
    """The servers by their domains."""

    apps: dict[str, App]

    async def send(self, domain: str, sender: str, recipient: str, text: str = "Subject: x\r\n\r\nx\r\n") -> None:
        """Mail from outside to one of them, by SMTP."""

        def whole() -> None:
            with smtplib.SMTP("127.0.0.1", self.apps[domain].port("smtp")) as smtp:
                smtp.sendmail(sender, [recipient], text)

        await asyncio.to_thread(whole)

    async def queue(self, domain: str, sender: str, recipient: str) -> None:
        """Mail that waits in one of them."""
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: x\r\n\r\nx\r\n".encode())
            await self.apps[domain].queue.enqueue(Envelope(sender), [Recipient(recipient)], spool)

    async def messages(self, address: str) -> list[str]:
        """What somebody's INBOX has."""
        app = self.apps[address.partition("@")[2]]
        person = await app.directory.find(address)
        assert person is not None
        account = await app.store.open(person.account_id)
        try:
            box = await account.mailbox("INBOX")
            view = await account.view(box.mailbox_id)
            try:
                ids = list(view.content_ids)
                stored = await account.read(ids, Want.WHOLE, budget=1 << 30) if ids else []
                return [(one.whole or b"").decode() for one in stored]
            finally:
                account.release(view)
        finally:
            account.close()

    async def until_quiet(self, done: Callable[[], bool] = lambda: True) -> None:
        """Nothing waits in either queue, and nothing is under way."""
        async with asyncio.timeout(30):
            while True:
                left = [entry for app in self.apps.values() for entry in await app.queue.entries()]
                if not left and done():
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def two_servers(folder: Path) -> AsyncIterator[Pair]:
    """Both run; each sends mail for the other's domain to it."""
    apps: dict[str, App] = {}
    for domain in PEOPLE:
        apps[domain] = App(
            Config(
                hostname=f"mail.{domain}",
                data=folder / domain,
                listen=ListenSettings(smtp=("127.0.0.1:0",), submission=("127.0.0.1:0",)),
                allow_plaintext_sign_in_on_loopback=True,
                net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1),
            )
        )
        apps[domain].prepare()
    ways = {domain: f"127.0.0.1:{app.port('smtp')}" for domain, app in apps.items()}
    for domain, app in apps.items():
        others = {name: way for name, way in ways.items() if name != domain}
        told = f"postmaster@{domain}"
        delivery = DeliverySettings(routes={**others}, tls="never", first_retry_seconds=0.1, double_bounce_to=told)
        app.config = msgspec.structs.replace(app.config, delivery=delivery)
    try:
        for domain, app in apps.items():
            await app.start()
            await app.directory.add_domain(domain)
            await app.directory.add_person(f"{PEOPLE[domain]}@{domain}", "secret")
        yield Pair(apps)
    finally:
        for app in apps.values():
            await app.stop()
