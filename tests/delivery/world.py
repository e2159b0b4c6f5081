"""A deliverer with everything around it faked but the sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path

from tests.delivery.peer import Mail, Peer

from postroom.base import FakeClock, MailError, SeededIds, Spool
from postroom.delivery import Deliverer, DeliverySettings, OutboundTls
from postroom.dns import StaticResolver
from postroom.net import Dialer, NetSettings, OwnAddresses, self_signed
from postroom.queue import Entry, Envelope, MemoryQueue, Queue, QueueSettings, Recipient

MESSAGE = b"From: alice@a.test\r\nTo: bob@b.test\r\nSubject: Greetings\r\n\r\nHello.\r\n.dot\r\n"


class Mailboxes:
    """LocalDelivery and LocalDomains: mail for a.test is ours."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, Mail]] = []  # with the delivery id
        self.refusals: list[Exception] = []  # raised by the next deliveries, in order

    async def is_local_domain(self, domain: str) -> bool:
        return domain == "a.test"

    async def deliver_local(
        self, envelope: Envelope, address: str, content: AsyncIterator[bytes], delivery_id: str
    ) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        octets = b"".join([piece async for piece in content])
        self.delivered.append((delivery_id, Mail(envelope.mail_from, [address], octets)))

    @property
    def reports(self) -> list[str]:
        return [mail.content.decode() for _, mail in self.delivered if not mail.mail_from]


class Steps(list[tuple[str, dict[str, object]]]):
    """A Journal that remembers: the name of each step, and what was said."""

    def note(self, message_id: str, step: str, /, **facts: object) -> None:
        self.append((step, facts))

    def of(self, step: str) -> list[dict[str, object]]:
        return [facts for name, facts in self if name == step]


class World:
    def __init__(self, settings: DeliverySettings | None = None, queue: Queue | None = None) -> None:
        self.clock = FakeClock()
        self.ids = SeededIds(7)
        self.queue: Queue = queue or MemoryQueue(QueueSettings(), self.clock, self.ids)
        self.resolver = StaticResolver()
        self.mailboxes = Mailboxes()
        self.settings = settings or DeliverySettings()
        self.peers: list[Peer] = []
        self.outbound_tls: OutboundTls | None = None
        self.steps = Steps()
        self.net = NetSettings()
        self.own: OwnAddresses | None = None
        self._deliverer: Deliverer | None = None

    async def peer(self, peer: Peer, name: str = "b.test", preference: int = 10) -> Peer:
        """Start a peer as an MX of a domain; all peers share a port, each has an address of its own."""
        number = len(self.peers) + 1
        port = self.peers[0].port if self.peers else 0
        await peer.start(f"127.0.0.{number}", port)
        self.peers.append(peer)
        if number == 1:
            self.settings = _with(self.settings, port=peer.port)
        host = f"mx{number}.{name}"
        self.resolver.mx_records.setdefault(name, []).append((preference, host))
        self.resolver.a_records[host] = [peer.address]
        return peer

    @property
    def deliverer(self) -> Deliverer:
        if self._deliverer is None:
            self._deliverer = Deliverer(
                queue=self.queue,
                resolver=self.resolver,
                dialer=Dialer(self.net, own=self.own),
                local=self.mailboxes,
                directory=self.mailboxes,
                clock=self.clock,
                ids=self.ids,
                # on loopback all peers are where no MX may lead
                settings=_with(self.settings, refuse_networks=()) if _as_usual(self.settings) else self.settings,
                hostname="mail.a.test",
                outbound_tls=self.outbound_tls,
                journal=self.steps,
            )
        return self._deliverer

    async def put(
        self,
        *recipients: Recipient | str,
        content: bytes = MESSAGE,
        envelope: Envelope | None = None,
    ) -> str:
        to = [r if isinstance(r, Recipient) else Recipient(r) for r in recipients or ("bob@b.test",)]
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(content)
            return await self.queue.enqueue(envelope or Envelope("alice@a.test"), to, spool)

    async def entries(self) -> list[Entry]:
        return await self.queue.entries()

    async def close(self) -> None:
        if self._deliverer is not None:
            await self._deliverer.stop()
        for peer in self.peers:
            await peer.stop()
        await self.queue.close()


def _as_usual(settings: DeliverySettings) -> bool:
    return settings.refuse_networks == DeliverySettings().refuse_networks


def _with(settings: DeliverySettings, **changes: object) -> DeliverySettings:
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return DeliverySettings(**{**fields, **changes})


def play(scene: Callable[[World], Awaitable[None]], settings: DeliverySettings | None = None) -> None:
    """Run a scene; everything is closed whatever happens."""

    async def run() -> None:
        world = World(settings)
        try:
            await scene(world)
        finally:
            await world.close()

    asyncio.run(run())


@cache
def server_context(directory: Path) -> ssl.SSLContext:
    certificate, key = self_signed(directory, "mx1.b.test", 30, 1_700_000_000.0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Refusal(MailError):
    code, enhanced, text = 452, "4.2.2", "Mailbox full"
