"""A server on loopback for session tests: real listeners, directory and queue, a store, and a plain client."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.base import SeededIds, SystemClock
from postroom.intake import Intake, IntakeSettings
from postroom.message import MessageSettings
from postroom.net import Listener, NetSettings, ServerTls, client_context, self_signed
from postroom.queue import MemoryQueue, QueueSettings
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION, Policy, SmtpService
from postroom.signin import SignIn, SignInSettings
from postroom.smtp import SmtpSettings
from postroom.store import MemoryStore, StoreSettings, Want

PASSWORD = "1234"
FAST_HASHES = AccountSettings(hash_memory_kibibytes=8, hash_passes=1)


@cache
def server_tls() -> ssl.SSLContext:
    """A self-signed certificate, made once for all tests."""
    with TemporaryDirectory() as folder:
        return ServerTls(*self_signed(Path(folder), "foo.com", 30, SystemClock().now())).context


@dataclass
class Room:
    """What a test looks at."""

    directory: MemoryDirectory
    store: MemoryStore
    queue: MemoryQueue
    intake: Intake
    services: dict[str, SmtpService] = field(default_factory=dict)
    listeners: dict[str, Listener] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at_once = SignInSettings(failure_step_seconds=0)
        self.sign_in = SignIn(self.directory, SystemClock(), SeededIds(), settings=at_once)

    def port(self, name: str) -> int:
        return self.listeners[name].ports[0]

    async def messages(self, address: str, mailbox: str = "INBOX") -> list[bytes]:
        """The messages in somebody's mailbox, whole."""
        person = next(p for p in await self.directory.people() if p.address == address)
        account = await self.store.open(person.account_id)
        try:
            box = await account.mailbox(mailbox)
            view = await account.view(box.mailbox_id)
            try:
                ids, sizes = list(view.content_ids), list(view.sizes)
                stored = await account.read(ids, Want.WHOLE, budget=1 << 30) if ids else []
                wholes = [s.whole if s.whole is not None else b"" for s in stored]
                for at, whole in enumerate(wholes):
                    if not whole:
                        wholes[at] = await account.read_range(ids[at], 0, sizes[at])
                return wholes
            finally:
                account.release(view)
        finally:
            account.close()

    async def queued(self) -> list[tuple[str, str, bytes]]:
        """Sender, recipient and content of each queue entry."""
        return [
            (e.message.envelope.mail_from, e.recipient.address, await self.queue.read(e.message.message_id, 0, 1 << 30))
            for e in await self.queue.entries()
        ]


async def make_room(folder: Path, **intake: object) -> Room:
    """foo.com with jones, brown, admin.mrc (aliased) and bob; everybody's password is the same."""
    clock, ids = SystemClock(), SeededIds()
    directory = MemoryDirectory(FAST_HASHES, clock, ids)
    little_text = 65_536  # kept for searching; more would hide from tests of memory what intake itself keeps
    store = MemoryStore(
        folder,
        StoreSettings(max_searched_text_octets=little_text),
        MessageSettings(max_search_text_octets=little_text),
        clock,
        ids,
    )
    queue = MemoryQueue(QueueSettings(), clock, ids)
    await directory.add_domain("foo.com")
    for name in ("bob", "jones", "brown"):
        person = await directory.add_person(f"{name}@foo.com", PASSWORD if name == "bob" else None)
        await store.create_account(person.account_id)
    await directory.set_alias("admin.mrc@foo.com", ("bob@foo.com",))
    settings = IntakeSettings(**intake)  # type: ignore[arg-type]
    return Room(
        directory,
        store,
        queue,
        Intake(
            hostname="foo.com",
            directory=directory,
            store=store,
            queue=queue,
            clock=clock,
            ids=ids,
            settings=settings,
        ),
    )


class Held:
    """queue.HeldMail, by counting."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    async def held(self, holder: int, now: float) -> tuple[int, int]:
        messages = {
            entry.message.message_id: entry.message.size
            for entry in await self._queue.entries()
            if entry.message.envelope.holder == holder and (entry.message.envelope.hold_until or 0) > now
        }
        return len(messages), sum(messages.values())


def service(room: Room, policy: Policy, settings: SmtpSettings, *, starttls: bool = False) -> SmtpService:
    return SmtpService(
        policy,
        hostname="foo.com",
        intake=room.intake,
        directory=room.directory,
        settings=settings,
        tls=server_tls() if starttls else None,
        held=Held(room.queue),
        sign_in=room.sign_in,
    )


@asynccontextmanager
async def serving(settings: SmtpSettings | None = None, net: NetSettings | None = None) -> AsyncIterator[Room]:
    """All listeners on free ports: smtp, smtp-tls (with STARTTLS), submission, submissions, plain (submission without
    TLS for loopback), lmtp."""
    folder = TemporaryDirectory()
    room = await make_room(Path(folder.name))
    smtp = settings or SmtpSettings()
    plain = SmtpSettings(allow_plaintext_auth_on_loopback=True)
    room.services = {
        "smtp": service(room, RELAY, smtp),
        "smtp-tls": service(room, RELAY, smtp, starttls=True),
        "submission": service(room, SUBMISSION, smtp, starttls=True),
        "submissions": service(room, SUBMISSION, smtp),
        "plain": service(room, SUBMISSION, plain),
        "lmtp": service(room, LMTP, smtp),
    }
    for name, made in room.services.items():
        implicit = server_tls() if name == "submissions" else None
        listener = Listener(name, made, net or NetSettings(sweep_interval_seconds=0.01), tls=implicit, busy=made.busy)
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        room.listeners[name] = listener
    try:
        yield room
    finally:
        for listener in room.listeners.values():
            await listener.stop()
        await room.directory.close()
        await room.queue.close()
        await room.store.close()
        folder.cleanup()


class Client:
    """A socket and the lines it gives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def lines(self) -> list[str]:
        """One whole reply."""
        lines = []
        while True:
            line = (await self.reader.readuntil(b"\r\n")).decode().removesuffix("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return lines

    async def code(self) -> int:
        return int((await self.lines())[-1][:3])

    async def say(self, *commands: str | bytes) -> list[str]:
        """Send commands in one go; the last line of each one's reply."""
        await self.send(*commands)
        return [(await self.lines())[-1] for _ in commands]

    async def send(self, *lines: str | bytes) -> None:
        self.writer.write(b"".join((x.encode() if isinstance(x, str) else x) + b"\r\n" for x in lines))
        await self.writer.drain()

    async def mail(self, *recipients: str, sender: str = "a@bar.com", text: str = "Subject: x\r\n\r\ntext") -> str:
        """A whole transaction; the last reply."""
        replies = await self.say(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA")
        if not replies[-1].startswith("354"):
            return replies[-1]
        return (await self.say(f"{text}\r\n."))[0]

    async def start_tls(self) -> None:
        assert (await self.say("STARTTLS"))[0].startswith("220")
        await self.writer.start_tls(client_context(verify=False))

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        return await self.reader.read()


@asynccontextmanager
async def client(room: Room, name: str, *, hello: str | None = "EHLO bar.com") -> AsyncIterator[Client]:
    """Connected and greeted."""
    tls = client_context(verify=False) if name == "submissions" else None
    reader, writer = await asyncio.open_connection("127.0.0.1", room.port(name), ssl=tls)
    made = Client(reader, writer)
    try:
        greeting = await made.lines()
        assert greeting[0].startswith("220 foo.com ")
        if hello is not None:
            await made.say(hello)
        yield made
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass
