"""Two servers and a DNS between them, for the demo.

Owns: alice.test and bob.test, each with its own data folder, certificate, DKIM keys and resolver, the records that say
who may send for them, and what the demo may ask about them. Never: tells the story (walk.py does). Raises: StartFailed.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from postroom.app import App, running
from postroom.base import SystemClock
from postroom.config import Config, ListenSettings
from postroom.delivery.settings import DeliverySettings
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.intake import AuthenticationSettings
from postroom.net import Dialer, NetSettings, SocketConnection, client_context
from postroom.queue import EntryState
from postroom.signing import KeyFolder, KeyKeeper, key_records
from postroom.store.api import TextField, TextQuery

from .transcript import Transcript

ALICE, BOB, FULL = "alice@alice.test", "bob@bob.test", "full@bob.test"
PASSWORD = "wonderland and back"


class World:
    """What the walk may ask of the two servers."""

    def __init__(self, alice: App, bob: App, dns: TestDnsServer, relay: "RelayRecord") -> None:
        self._apps = {"alice.test": alice, "bob.test": bob}
        self._dns = dns
        self._relay = relay

    def port(self, server: str, listener: str) -> int:
        """Where a listener of alice.test or bob.test is."""
        return self._apps[server].port(listener)

    def trust(self, server: str) -> ssl.SSLContext:
        """A client's context that accepts that server's certificate and no other."""
        return client_context(verify=True, cafile=self._apps[server].tls.certificate)

    def dns_queries(self) -> list[str]:
        """What the servers asked the DNS: "MX bob.test"."""
        return list(dict.fromkeys(f"{kind} {name}" for _, kind, name in self._dns.questions))

    # ---- the dialogue between the two servers

    def show_relay(self, transcript: Transcript) -> None:
        """Play what was said on port 25 into a transcript."""
        for sent, data in self._relay.said:
            transcript.watch(sent, data)

    def forget_relay(self) -> None:
        """Begin a new record."""
        self._relay.said = []

    async def relay_finished(self) -> bool:
        """True once the receiving server has said goodbye or the connection rests."""
        return any(not sent and data.startswith(b"250 2") for sent, data in self._relay.said[-4:])

    # ---- mailboxes and queue

    async def delivered_to(self, address: str, subject: str) -> bool:
        """True when that person's INBOX holds a message of that subject."""
        app = self._apps[address.rpartition("@")[2]]
        account = await app.store.open(await self._account_id(app, address))
        try:
            inbox = await account.mailbox("INBOX")
            return bool(await account.search_text(inbox.mailbox_id, TextQuery(TextField.SUBJECT, subject)))
        finally:
            account.close()

    async def _account_id(self, app: App, address: str) -> int:
        return next(person.account_id for person in await app.directory.people() if person.address == address)

    async def waiting_reply(self) -> str:
        """The reply that made an entry of Alice's queue wait; "" when none waits."""
        entries = await self._apps["alice.test"].queue.entries()
        return next((e.last_reply for e in entries if e.state is EntryState.WAITING and e.attempts), "")

    async def fill_mailbox(self, address: str) -> None:
        """No room for anything more."""
        await self._apps["bob.test"].directory.set_quota(address, 1, None)

    async def make_room(self, address: str) -> None:
        """Lift the quota and have the queue try again at once."""
        await self._apps["bob.test"].directory.set_quota(address, None, None)
        alice = self._apps["alice.test"]
        await alice.queue.retry_now(["all"], alice.clock.now())


class RelayRecord:
    """What passes over the connections that Alice's server opens."""

    def __init__(self) -> None:
        self.said: list[tuple[bool, bytes]] = []

    def watch(self, connection: SocketConnection) -> None:
        """For Dialer: note everything said on this connection, in the record of its time."""
        said = self.said

        def note(sent: bool, data: bytes) -> None:
            said.append((sent, data))

        connection.observer = note


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Both servers, running on ports of the system's choice below `folder`."""
    zones: dict[str, dict[str, list[str]]] = {"1.0.0.127.in-addr.arpa": {"PTR": ["mail.alice.test"]}}
    for domain in ("alice.test", "bob.test"):
        zones[domain] = {"MX": [f"10 mail.{domain}"], "TXT": ["v=spf1 mx -all"]}
        zones[f"mail.{domain}"] = {"A": ["127.0.0.1"], "TXT": ["v=spf1 a -all"]}
        zones[f"_dmarc.{domain}"] = {"TXT": ["v=DMARC1; p=reject"]}
    relay = RelayRecord()
    async with contextlib.AsyncExitStack() as stack:
        dns = await stack.enter_async_context(TestDnsServer(zones))
        bob = await _server(stack, folder, "bob.test", [BOB, FULL], dns, smtp_port=25, dialer=None)
        watched = Dialer(NetSettings(), made=relay.watch)
        alice = await _server(stack, folder, "alice.test", [ALICE], dns, smtp_port=bob.port("smtp"), dialer=watched)
        yield World(alice, bob, dns, relay)


async def _server(
    stack: contextlib.AsyncExitStack,
    folder: Path,
    domain: str,
    people: list[str],
    dns: TestDnsServer,
    *,
    smtp_port: int,
    dialer: Dialer | None,
) -> App:
    resolver = DnsResolver(DnsSettings(nameservers=(dns.address,)), SystemClock())
    stack.push_async_callback(resolver.close)
    names = ("smtp", "submission", "submissions", "pop3s", "imaps")
    config = Config(
        hostname=f"mail.{domain}",
        data=folder / domain,
        listen=ListenSettings(**dict.fromkeys(names, ("127.0.0.1:0",))),
        delivery=DeliverySettings(port=smtp_port, first_retry_seconds=2.0, max_idle_connections=0, refuse_networks=()),
        authentication=AuthenticationSettings(trusted_networks=()),  # the other one comes from loopback, and is checked
    )
    keeper = KeyKeeper(KeyFolder(config.data), config.signing, SystemClock())
    await asyncio.to_thread(keeper.ensure, domain)  # as `postroom init` does
    for record in key_records(domain, keeper.sets(domain), SystemClock().now()):
        dns.zones[record.name] = {"TXT": [record.text]}
    app = await stack.enter_async_context(running(App(config, resolver=resolver, dialer=dialer)))
    await app.directory.add_domain(domain)
    for person in people:
        await app.directory.add_person(person, PASSWORD)
    return app
