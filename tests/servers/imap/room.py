"""A running IMAP listener and raw clients for the tests of this folder. Not a test itself."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.accounts.api import NOBODY, Person, Resolution, ScramKey, ScramKeys, Unknown
from postroom.base import Board, Pokes, SeededIds, SystemClock, WorkerPlace
from postroom.message import MessageSettings
from postroom.net import Listener, NetSettings
from postroom.servers.imap import ImapService, ImapSessionSettings
from postroom.signin import SignIn, SignInSettings
from postroom.store import STORE_ROWS, MemoryStore, SqliteStore, StoreSettings, hold_folder
from postroom.store.api import Account, AppendOptions, FlagAction, Flagged, MailStore
from postroom.store.memory import MemoryAccount

from .deflate import DeflateStream

PEOPLE = ("alice@x.example", "bob@x.example", "carol@x.example", "shared@x.example")
STORES = ("memory", "sqlite")
LITERAL = re.compile(rb"\{(\d+)\}$")
MESSAGE = (
    b"From: Fred Foobar <foobar@blurdybloop.example>\r\nTo: mooch@owatagu.example\r\nSubject: afternoon meeting\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <B27397-0100000@blurdybloop.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    b"Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n"
)


def message(subject: str = "hello", body: bytes = b"text\r\n", date: str = "Mon, 7 Feb 1994 21:52:25 -0800") -> bytes:
    return b"From: a@x.example\r\nTo: b@x.example\r\nSubject: %b\r\nDate: %b\r\n\r\n%b" % (
        subject.encode(),
        date.encode(),
        body,
    )


class FakeDirectory:
    """People by name; everybody's password is their name's first part and "-secret"."""

    def __init__(self) -> None:
        self.people = {name: Person(number, name, None, None) for number, name in enumerate(PEOPLE, start=1)}
        self.said: dict[str, bytes] = {}

    async def is_local_domain(self, domain: str) -> bool:
        return domain == "x.example"

    async def local_domains(self) -> list[str]:
        return ["x.example"]

    async def resolve(self, address: str) -> Resolution:
        return Unknown()

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None:
        person = self.people.get(username)
        return person if person is not None and password == username.partition("@")[0] + "-secret" else None

    async def scram_keys(self, username: str, hash_name: str, protocol: str = "") -> ScramKeys:
        return ScramKeys(b"salt", 4096, (ScramKey(NOBODY, b"", b""),))

    async def proven(self, username: str, credential_id: int, protocol: str = "") -> Person | None:
        return None

    async def person(self, account_id: int) -> Person | None:
        return next((person for person in self.people.values() if person.account_id == account_id), None)

    async def find(self, username: str) -> Person | None:
        return self.people.get(username.lower())

    async def person_of(self, address: str) -> Person | None:
        return self.people.get(address.lower())

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None:
        self.people[address] = replace(self.people[address], quota_octets=octets, quota_messages=messages)

    async def notes(self) -> dict[str, bytes]:
        return dict(sorted(self.said.items()))

    async def set_notes(self, values: Mapping[str, bytes | None]) -> None:
        for name, value in values.items():
            if value is None:
                self.said.pop(name, None)
            else:
                self.said[name] = value

    async def may_send_as(self, person: Person, address: str) -> bool:
        return True


class Reply:
    """What one command was answered."""

    def __init__(self, untagged: list[bytes], tagged: bytes) -> None:
        self.untagged = untagged
        self.tagged = tagged

    @property
    def ok(self) -> bool:
        return self.tagged.startswith(b"OK")

    def __repr__(self) -> str:
        return f"<{self.untagged} {self.tagged!r}>"


class Client:
    """Says a command, collects its answer; understands literals and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = b""
        self.deflate: DeflateStream | None = None
        self._count = 0

    def compress(self, on: bool = True) -> DeflateStream | None:
        """From here on everything is compressed, or is no longer."""
        self.deflate = DeflateStream(self.reader, self.writer) if on else None
        return self.deflate

    async def response(self) -> bytes:
        """One response, its literals included, without the last CRLF."""
        whole, reader = b"", self.deflate or self.reader
        while True:
            line = await reader.readuntil(b"\r\n")
            whole += line[:-2]
            found = LITERAL.search(line[:-2])
            if found is None:
                return whole
            whole += b"\r\n" + await reader.readexactly(int(found[1]))

    def send(self, data: bytes) -> None:
        (self.deflate or self.writer).write(data)

    def start(self, command: bytes | str) -> bytes:
        """Send a command, return its tag."""
        self._count += 1
        tag = b"t%d" % self._count
        self.send(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return tag

    async def finish(self, tag: bytes) -> Reply:
        untagged: list[bytes] = []
        while True:
            line = await self.response()
            if line.startswith(tag + b" "):
                return Reply(untagged, line[len(tag) + 1 :])
            untagged.append(line)

    async def command(self, command: bytes | str) -> Reply:
        async with asyncio.timeout(20):
            return await self.finish(self.start(command))

    async def ok(self, command: bytes | str) -> list[bytes]:
        reply = await self.command(command)
        assert reply.ok, (command, reply)
        return reply.untagged

    async def append(self, mailbox: str, octets: bytes = MESSAGE, flags: str = "", sync: bool = False) -> Reply:
        head = f"APPEND {mailbox} {flags and f'({flags}) '}".encode()
        if not sync:
            return await self.command(head + b"{%d+}\r\n%b" % (len(octets), octets))
        tag = self.start(head + b"{%d}" % len(octets))
        line = await self.response()
        if not line.startswith(b"+"):
            assert line.startswith(tag), line
            return Reply([], line[len(tag) + 1 :])
        self.send(octets + b"\r\n")
        return await self.finish(tag)

    async def eof_after(self, command: str) -> bytes:
        """All that comes after a command on which the server closes."""
        self.start(command)
        return await self.eof()

    async def eof(self) -> bytes:
        """All that comes until the server closes."""
        async with asyncio.timeout(20):
            return await (self.deflate or self.reader).read()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass


class Breathing:
    """All of a session that sorting needs."""

    async def breathe(self) -> None:
        await asyncio.sleep(0)


class Room:
    """A listener, its store, its clients."""

    def __init__(
        self,
        services: Sequence[ImapService],
        listeners: Sequence[Listener],
        stores: Sequence[MailStore],
        directory: FakeDirectory,
    ) -> None:
        self.service = services[0]
        self.listener = listeners[0]
        self.listeners = listeners
        self.store = stores[0]
        self.stores = stores
        self.directory = directory
        self.clients: list[Client] = []
        self._turn = 0

    @property
    def port(self) -> int:
        return self.listener.ports[0]

    @property
    def connections(self) -> int:
        return sum(listener.connections for listener in self.listeners)

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        """A client that has read the greeting; where there are several workers, of each in turn."""
        self._turn += 1
        port = self.listeners[self._turn % len(self.listeners)].ports[0]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None, limit=1 << 24
        )
        client = Client(reader, writer)
        self.clients.append(client)
        client.greeting = await client.response()
        return client

    async def client(self, select: str = "", *, name: str = "alice") -> Client:
        """A signed-in client, with a mailbox selected when `select` names one."""
        client = await self.connect()
        await client.ok(f"LOGIN {name}@x.example {name}-secret")
        if select:
            await client.ok(f"SELECT {select}")
        return client

    def add_person(self, address: str, account_id: int) -> None:
        """Somebody who can sign in; their account is not made."""
        self.directory.people[address] = Person(account_id, address, None, None)

    def set_enabled(self, address: str, enabled: bool) -> None:
        self.directory.people[address] = replace(self.directory.people[address], enabled=enabled)

    def set_quota(self, address: str, octets: int | None, messages: int | None) -> None:
        person = self.directory.people[address]
        self.directory.people[address] = replace(person, quota_octets=octets, quota_messages=messages)

    def remove_person(self, address: str) -> None:
        del self.directory.people[address]

    async def deliver(self, octets: bytes = MESSAGE, mailbox: str = "INBOX", account_id: int = 1, **more: Any) -> int:
        """Put a message there as a delivery would; its uid."""
        self._turn += 1
        store = self.stores[self._turn % len(self.stores)]
        account: Account = await store.open(account_id)
        try:
            with store.draft() as draft:
                draft.write(octets)
                draft.finish()
                return (await account.append(mailbox, draft, AppendOptions(**more))).uid
        finally:
            account.close()


def make_store(kind: str, directory: Path, **settings: Any) -> MailStore:
    if kind == "memory":
        return MemoryStore(directory, StoreSettings(**settings), MessageSettings(), SystemClock(), SeededIds())
    return SqliteStore(directory, StoreSettings(threads=2, **settings), MessageSettings(), SystemClock(), SeededIds())


def sign_in_by_password(people: FakeDirectory) -> SignIn:
    return SignIn(people, SystemClock(), SeededIds(), settings=SignInSettings(failure_step_seconds=0))


@asynccontextmanager
async def open_room(
    directory: Path,
    kind: str = "memory",
    *,
    tls_context: Callable[[], ssl.SSLContext | None] = lambda: None,
    implicit_tls: ssl.SSLContext | None = None,
    net: NetSettings | None = None,
    store_settings: Mapping[str, Any] | None = None,
    sign_in: SignIn | None = None,
    **settings: Any,
) -> AsyncIterator[Room]:
    """Everything running, for PEOPLE."""
    settings = {"plaintext_sign_in_on_loopback": True} | settings
    async with AsyncExitStack() as stack:
        if kind == "workers":
            stores: Sequence[MailStore] = stack.enter_context(open_workers(directory, **(store_settings or {})))
        else:
            stores = [make_store(kind, directory, **(store_settings or {}))]
        for store in stores:
            stack.push_async_callback(store.close)
        people = FakeDirectory()
        for person in people.people.values():
            await stores[0].create_account(person.account_id)
        services: list[ImapService] = []
        listeners: list[Listener] = []
        for store in stores:
            service = ImapService(
                store=store,
                directory=people,
                sign_in=sign_in or sign_in_by_password(people),
                clock=SystemClock(),
                ids=SeededIds(),
                hostname="mail.x.example",
                settings=ImapSessionSettings(**settings),
                tls_context=tls_context,
                administration=people,
            )
            listener = Listener("imap", service, net or NetSettings(), tls=implicit_tls)
            listener.bind(["127.0.0.1:0"])
            await listener.start()
            stack.push_async_callback(listener.stop)
            services.append(service)
            listeners.append(listener)
        room = Room(services, listeners, stores, people)
        try:
            yield room
        finally:
            for client in room.clients:
                await client.close()


@contextmanager
def open_workers(directory: Path, **settings: Any) -> Iterator[list[SqliteStore]]:
    """The stores of two workers, who poke each other."""
    count = 2
    places = [WorkerPlace(number, count, 1.0) for number in range(count)]
    board = directory / "board"
    Board.create(board, STORE_ROWS, count, bytes(16))
    Pokes.create(directory, count)
    lock = hold_folder(directory, 0.0)
    pokes = [Pokes(directory, place) for place in places]
    for one in pokes:
        one.start()
    try:
        yield [
            SqliteStore(
                directory,
                StoreSettings(threads=2, **settings),
                MessageSettings(),
                SystemClock(),
                SeededIds(place.number),
                place=place,
                board=Board(board, STORE_ROWS, place),
                pokes=pokes[place.number],
            )
            for place in places
        ]
    finally:
        for one in pokes:
            one.close()
        lock.close()


def run(play: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine; nothing may take longer than half a minute."""

    async def limited() -> None:
        async with asyncio.timeout(30):
            await play

    asyncio.run(limited())


@contextmanager
def facts_asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Of how many messages facts were asked for in a store in memory, each time."""
    counts: list[int] = []
    facts = MemoryAccount.sort_facts

    async def counted(self: MemoryAccount, mailbox_id: int, names: Any, uids: Sequence[int] | None = None) -> Any:
        counts.append(-1 if uids is None else len(uids))
        return await facts(self, mailbox_id, names, uids)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryAccount, "sort_facts", counted)
        yield counts


both_stores = pytest.mark.parametrize("kind", STORES)


@contextmanager
def followed_by(
    account: Account, mailbox_id: int, uid: int, action: FlagAction, flags: frozenset[str]
) -> Iterator[None]:
    """What a session does to flags is followed by somebody else's change, before its command goes on."""
    real = type(account).set_flags

    async def both(self: Any, mailbox: int, uids: Sequence[int], *rest: Any, **more: Any) -> Flagged:
        flagged = await real(self, mailbox, uids, *rest, **more)
        if more.get("origin") is not None:
            await real(self, mailbox_id, [uid], action, flags)
        return flagged

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(account), "set_flags", both)
        yield
