"""POP3 sessions over real sockets, the SQLite store and poplib; over a connection in memory where timing matters."""

import asyncio
import contextlib
import hashlib
import logging
import poplib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from tests.pop3.play import MESSAGES, PASSWORD, TRANSCRIPTS, USERNAME, matches, scenes

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.base import FakeClock, SystemClock, SystemIds
from postroom.message import MessageSettings
from postroom.net import (
    ClientCertificate,
    IdleTimeout,
    Listener,
    NetSettings,
    ServerStopping,
    ServerTls,
    TlsInfo,
    self_signed,
)
from postroom.pop3 import BUSY, CLOSED_ACCOUNT, STOPPING, Pop3Settings
from postroom.servers.maildrops import Maildrops
from postroom.servers.pop3 import Pop3Service
from postroom.signin import SignIn, SignInSettings
from postroom.store import (
    Account,
    AppendOptions,
    FlagAction,
    MailStore,
    NoSuchContent,
    SqliteStore,
    StoreFailure,
    StoreSettings,
)

T = TypeVar("T")
SETTINGS = Pop3Settings()
NET = NetSettings(sweep_interval_seconds=0.01, close_timeout_seconds=1, stop_timeout_seconds=1)
CHEAP = AccountSettings(hash_memory_kibibytes=8, hash_passes=1)
SIGN_IN = b"USER bob@bob.test\r\nPASS secret word\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    return ServerTls(*self_signed(tmp_path_factory.mktemp("tls"), "mail.bob.test", 30, SystemClock().now()))


class Room:
    """A store with bob's and carol's mail, and a service over it."""

    def __init__(
        self,
        store: SqliteStore,
        directory: MemoryDirectory,
        tls: ServerTls,
        settings: Pop3Settings,
        maildrops: Maildrops,
    ) -> None:
        self.store = store
        self.maildrops = maildrops
        self.directory = directory
        self.sign_in = SignIn(directory, SystemClock(), SystemIds(), settings=SignInSettings(failure_step_seconds=0))
        self.tls = tls
        self.bob = 0
        self.carol = 0
        self.service = self.make_service(settings)
        self.listener: Listener | None = None

    def make_service(self, settings: Pop3Settings, store: MailStore | None = None) -> Pop3Service:
        return Pop3Service(
            store or self.store,
            self.directory,
            SystemClock(),
            settings,
            lambda: self.tls.context,
            "mail.bob.test",
            self.maildrops,
            self.sign_in,
        )

    @property
    def port(self) -> int:
        assert self.listener is not None
        return self.listener.ports[0]

    async def append(self, account_id: int, *messages: bytes) -> None:
        account = await self.store.open(account_id)
        try:
            for message in messages:
                with self.store.draft() as draft:
                    for start in range(0, len(message), 100_000):
                        draft.write(message[start : start + 100_000])
                    draft.finish()
                    await account.append("INBOX", draft, AppendOptions())
        finally:
            account.close()

    async def uids(self, account_id: int) -> list[int]:
        account = await self.store.open(account_id)
        try:
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            try:
                return list(view.uids)
            finally:
                account.release(view)
        finally:
            account.close()


@contextlib.asynccontextmanager
async def room(
    folder: Path,
    tls: ServerTls,
    messages: Sequence[bytes] = MESSAGES,
    *,
    settings: Pop3Settings = SETTINGS,
    implicit: bool = False,
    inline_limit: int = 65_536,
) -> AsyncIterator[Room]:
    clock, ids = SystemClock(), SystemIds()
    store = SqliteStore(
        folder / "store", StoreSettings(inline_limit_octets=inline_limit), MessageSettings(), clock, ids
    )
    directory = MemoryDirectory(CHEAP, clock, ids)
    maildrops = Maildrops(folder)
    made = Room(store, directory, tls, settings, maildrops)
    try:
        await directory.add_domain("bob.test")
        made.bob = (await directory.add_person(USERNAME, PASSWORD)).account_id
        made.carol = (await directory.add_person("carol@bob.test", PASSWORD)).account_id
        for account_id in (made.bob, made.carol):
            await store.create_account(account_id)
        await made.append(made.bob, *messages)
        made.listener = Listener("pop3", made.service, NET, tls=tls.context if implicit else None, busy=BUSY)
        made.listener.bind(["127.0.0.1:0"])
        await made.listener.start()
        try:
            yield made
        finally:
            await made.listener.stop()
    finally:
        maildrops.close()
        await store.close()


def run(coro: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coro)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """A line-by-line client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, room: Room, *, encrypted: bool = False) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", room.port, ssl=trusting() if encrypted else None))

    async def line(self) -> bytes:
        return (await self.reader.readline()).removesuffix(b"\r\n")

    async def say(self, text: bytes) -> bytes:
        self.writer.write(text + b"\r\n")
        return await self.line()

    async def sign_in(self) -> bytes:
        await self.line()
        assert await self.say(b"USER " + USERNAME.encode()) == b"+OK"
        return await self.say(b"PASS " + PASSWORD.encode())

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


# ---- transcripts and real clients


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path, tls: ServerTls) -> None:
    plain = "! plain" in path.read_text(encoding="utf-8")

    async def body() -> None:
        async with room(tmp_path, tls, implicit=not plain) as made:
            client = await Client.connect(made, encrypted=not plain)
            for who, text in scenes(path):
                if who == "C":
                    client.writer.write(text + b"\r\n")
                elif who == "S":
                    line = await client.line()
                    assert matches(text, line), f"expected {text!r}, got {line!r}"
                elif text == b"tls":
                    await client.writer.start_tls(trusting())
                elif text == b"close":
                    assert await client.reader.read() == b""
            await client.close()

    # the standard loop: StreamWriter.start_tls of Python 3.11 does not work on uvloop
    asyncio.run(body())


def with_poplib(folder: Path, tls: ServerTls, talk: Callable[[int], T], **more: Any) -> tuple[T, list[int]]:
    """What `talk` returns, run in a thread against a server, and the uids left afterwards."""

    async def body() -> tuple[T, list[int]]:
        async with room(folder, tls, **more) as made:
            result = await asyncio.to_thread(talk, made.port)
            return result, await made.uids(made.bob)

    return run(body())


def test_poplib_over_stls(tmp_path: Path, tls: ServerTls) -> None:
    def talk(port: int) -> None:
        client = poplib.POP3("127.0.0.1", port, timeout=10)
        assert "STLS" in client.capa()
        client.stls(trusting())
        assert client.capa()["SASL"] == ["PLAIN", "LOGIN"]
        client.user(USERNAME)
        client.pass_(PASSWORD)
        assert client.stat() == (3, 106)
        assert client.list()[1] == [b"1 42", b"2 46", b"3 18"]
        for number, message in enumerate(MESSAGES, 1):
            assert b"\r\n".join([*client.retr(number)[1], b""]) == message
        assert client.top(1, 1)[1] == [b"Subject: one", b"", b"first line"]
        unique_ids = client.uidl()[1]
        assert len({line.split()[1] for line in unique_ids}) == 3
        client.dele(2)
        client.rset()
        client.dele(1)
        assert client.quit().endswith(b"(1 message deleted)")

    _, left = with_poplib(tmp_path, tls, talk)
    assert len(left) == 2


def test_poplib_over_tls_and_unique_ids_stay(tmp_path: Path, tls: ServerTls) -> None:
    def talk(port: int) -> list[list[bytes]]:
        seen = []
        for _ in range(2):
            client = poplib.POP3_SSL("127.0.0.1", port, context=trusting(), timeout=10)
            client.user(USERNAME)
            client.pass_(PASSWORD)
            seen.append(client.uidl()[1])
            client.dele(1)
            client.quit()
        return seen

    (first, second), left = with_poplib(tmp_path, tls, talk, implicit=True)
    assert [line.split()[1] for line in first][1:] == [line.split()[1] for line in second]
    assert len(left) == 1


@pytest.mark.parametrize(
    ("message", "received"),
    [
        (b"Subject: lf\n\n.dot\nend", b"Subject: lf\r\n\r\n.dot\r\nend\r\n"),
        (b"Subject: x\r\n\r\n" + b".\r\n" * 50_000, b"Subject: x\r\n\r\n" + b".\r\n" * 50_000),
        (b"Subject: x\r\n\r\n" + b"\n.a" * 90_000, b"Subject: x\r\n\r\n" + b"\r\n.a" * 90_000 + b"\r\n"),
    ],
    ids=["bare-lf", "dots-in-pieces", "bare-lf-in-pieces"],
)
def test_what_a_client_receives(message: bytes, received: bytes, tmp_path: Path, tls: ServerTls) -> None:
    def talk(port: int) -> bytes:
        client = poplib.POP3("127.0.0.1", port, timeout=10)
        client.user(USERNAME)
        client.pass_(PASSWORD)
        lines = client.retr(1)[1]
        client.quit()
        return b"\r\n".join([*lines, b""])

    settings = Pop3Settings(plaintext_sign_in_on_loopback=True, piece_octets=4096)
    got, _ = with_poplib(tmp_path, tls, talk, messages=[message], settings=settings)
    assert got == received


def test_a_large_message_and_its_top(tmp_path: Path, tls: ServerTls) -> None:
    lines = b"".join(b"%07d " % k + b"x" * 60 + b"\r\n" for k in range(30_000))
    message = b"Subject: large\r\n\r\n" + lines

    async def body() -> None:
        settings = Pop3Settings(plaintext_sign_in_on_loopback=True, piece_octets=65_536)
        async with room(tmp_path, tls, [message], settings=settings) as made:
            client = await Client.connect(made)
            await client.sign_in()
            assert await client.say(b"RETR 1") == b"+OK %d octets" % len(message)
            got = await client.reader.readexactly(len(message) + 3)
            assert hashlib.sha256(got).digest() == hashlib.sha256(message + b".\r\n").digest()
            for wanted in (0, 1, 2000):
                assert await client.say(b"TOP 1 %d" % wanted) == b"+OK"
                expected = b"Subject: large\r\n\r\n" + lines[: wanted * 70] + b".\r\n"
                assert await client.reader.readexactly(len(expected)) == expected
            await client.close()

    run(body())


# ---- the lock, the snapshot, the update


LOOPBACK = Pop3Settings(plaintext_sign_in_on_loopback=True)


def test_the_maildrop_is_locked_and_the_lock_dies_with_its_session(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            first, second, carol = [await Client.connect(made) for _ in range(3)]
            assert (await first.sign_in()).startswith(b"+OK maildrop has 3 messages")
            assert (await second.sign_in()).startswith(b"-ERR [IN-USE]")
            await carol.line()
            await carol.say(b"USER carol@bob.test")
            assert (await carol.say(b"PASS secret word")).startswith(b"+OK maildrop has 0 messages")
            assert (await first.say(b"DELE 1")).startswith(b"+OK")
            await first.close()  # dropped: nothing is deleted
            while made.maildrops.taken != {made.carol}:
                await asyncio.sleep(0.001)
            await second.say(b"USER " + USERNAME.encode())
            assert (await second.say(b"PASS " + PASSWORD.encode())).startswith(b"+OK maildrop has 3 messages")
            for client in (second, carol):
                assert (await client.say(b"QUIT")).startswith(b"+OK")
                await client.close()
            assert not made.maildrops.taken
            assert len(await made.uids(made.bob)) == 3

    run(body())


def test_a_slow_client_holds_up_nobody(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, [b"Subject: x\r\n\r\n" + b"y" * 78 + b"\r\n"], settings=LOOPBACK) as made:
            await made.append(made.bob, b"Subject: large\r\n\r\n" + (b"y" * 62 + b"\r\n") * 262_144)
            slow, quick = await Client.connect(made), await Client.connect(made)
            await slow.sign_in()
            assert (await slow.say(b"RETR 2")).startswith(b"+OK")  # and reads no further
            await quick.line()
            await quick.say(b"USER carol@bob.test")
            assert (await quick.say(b"PASS secret word")).startswith(b"+OK")
            assert await quick.say(b"STAT") == b"+OK 0 0"
            assert (await quick.say(b"QUIT")).startswith(b"+OK")
            assert made.maildrops.taken == {made.bob}
            for client in (slow, quick):
                await client.close()

    run(body())


def test_what_others_do_meanwhile_changes_nothing_in_the_session(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            client = await Client.connect(made)
            await client.sign_in()
            account = await made.store.open(made.bob)
            inbox = await account.mailbox("INBOX")
            uids = await made.uids(made.bob)
            await account.set_flags(inbox.mailbox_id, uids[:2], FlagAction.ADD, frozenset({"\\Deleted"}))
            await account.expunge(inbox.mailbox_id, None)
            await made.append(made.bob, b"Subject: new\r\n\r\n")
            assert await client.say(b"STAT") == b"+OK 3 106"
            assert await client.say(b"RETR 1") == b"+OK 42 octets"  # its content is kept for a while
            assert (
                await client.reader.readuntil(b"\r\n.\r\n")
                == b"Subject: one\r\n\r\nfirst line\r\n..second line\r\n.\r\n"
            )
            assert (await client.say(b"DELE 1")).startswith(b"+OK")
            assert (await client.say(b"DELE 3")).startswith(b"+OK")
            assert (await client.say(b"QUIT")).endswith(b"(1 message deleted)")
            assert await made.uids(made.bob) == [uids[-1] + 1]
            account.close()
            await client.close()

    run(body())


def test_deletes_reach_other_sessions_before_the_reply_to_quit(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            account = await made.store.open(made.bob)
            changes: list[object] = []
            account.subscribe_changes(changes.append)
            client = await Client.connect(made)
            await client.sign_in()
            await client.say(b"DELE 2")
            assert not changes
            assert (await client.say(b"QUIT")).startswith(b"+OK")
            assert len(changes) == 1
            account.unsubscribe_changes(changes.append)
            account.close()
            await client.close()

    run(body())


# ---- sign-in


def test_too_many_wrong_passwords(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls) as made:
            settings = Pop3Settings(plaintext_sign_in_on_loopback=True, max_sign_in_failures=2)
            made.service.settings = settings
            client = await Client.connect(made)
            await client.line()
            for _ in range(2):
                await client.say(b"USER " + USERNAME.encode())
                assert await client.say(b"PASS wrong") == b"-ERR [AUTH] Wrong user name or password"
            assert await client.reader.read() == b""
            await client.close()

    run(body())


def test_a_disabled_person_is_a_wrong_password(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            await made.directory.set_enabled(USERNAME, False)
            client = await Client.connect(made)
            assert (await client.sign_in()).startswith(b"-ERR [AUTH]")
            await client.close()

    run(body())


def test_an_account_without_mail_is_permanent_trouble(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            await made.store.delete_account(made.bob)
            client = await Client.connect(made)
            assert (await client.sign_in()).startswith(b"-ERR [SYS/PERM]")
            assert not made.maildrops.taken
            await client.close()

    run(body())


def test_login_delay(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        settings = Pop3Settings(plaintext_sign_in_on_loopback=True, login_delay_seconds=60)
        async with room(tmp_path, tls, settings=settings) as made:
            clock = made.service.clock = FakeClock()
            for seconds, answer in ((0, b"+OK"), (30, b"-ERR [LOGIN-DELAY]"), (31, b"+OK")):
                await clock.advance(seconds)
                client = await Client.connect(made)
                assert (await client.sign_in()).startswith(answer)
                await client.say(b"QUIT")
                await client.close()

    run(body())


def test_nothing_injected_before_tls_is_carried_out(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            client = await Client.connect(made)
            await client.line()
            assert (await client.say(b"STLS\r\n" + SIGN_IN + b"DELE 1\r\nQUIT")).startswith(b"+OK Begin")
            await client.writer.start_tls(trusting())
            assert (await client.say(b"STAT")).startswith(b"-ERR STAT can't")
            await client.close()
            assert len(await made.uids(made.bob)) == 3

    asyncio.run(body())


def test_a_failed_handshake_ends_the_session(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls) as made:
            client = await Client.connect(made)
            await client.line()
            await client.say(b"STLS")
            client.writer.write(b"this is no TLS\r\n" * 10)
            with contextlib.suppress(ConnectionError):
                await client.reader.read()
            await client.close()

    run(body())


# ---- ends other than QUIT


def test_silence_ends_the_session_without_a_word(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        settings = Pop3Settings(plaintext_sign_in_on_loopback=True, idle_timeout_seconds=0.02)
        async with room(tmp_path, tls, settings=settings) as made:
            client = await Client.connect(made)
            await client.sign_in()
            await client.say(b"DELE 1")
            assert await client.reader.read() == b""  # RFC 1939 §3
            await client.close()
            assert len(await made.uids(made.bob)) == 3

    run(body())


def test_a_stopping_server_says_so_and_deletes_nothing(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            client = await Client.connect(made)
            await client.sign_in()
            await client.say(b"DELE 1")
            assert made.listener is not None
            await made.listener.stop()
            assert await client.reader.read() == STOPPING
            await client.close()
            assert len(await made.uids(made.bob)) == 3

    run(body())


@pytest.mark.parametrize("command", [b"RETR 1", b"TOP 1 0", b"DELE 1\r\nQUIT"])
@pytest.mark.parametrize("removed", [False, True])
def test_who_is_disabled_while_signed_in_reads_and_deletes_no_more(
    tmp_path: Path, tls: ServerTls, command: bytes, removed: bool
) -> None:
    """Bug: a session that was open when an administrator disabled the account could go on for as long as it liked."""

    async def body() -> None:
        async with room(tmp_path, tls, settings=LOOPBACK) as made:
            client = await Client.connect(made)
            await client.sign_in()
            if removed:
                await made.directory.remove_person(USERNAME)
            else:
                await made.directory.set_enabled(USERNAME, False)
            client.writer.write(command + b"\r\n")
            said = await client.reader.read()
            assert said.endswith(CLOSED_ACCOUNT)
            assert b"+OK" not in said.replace(b"+OK message 1 deleted", b"")
            await client.close()
            assert len(await made.uids(made.bob)) == 3

    run(body())


class Wire:
    """A connection in memory: `inputs` are given in turn (an exception is raised), then the end."""

    def __init__(self, *inputs: bytes | Exception) -> None:
        self.inputs = list(inputs)
        self.output = b""
        self.peer = ("127.0.0.1", 4711)
        self.local = ("127.0.0.1", 110)
        self.tls: TlsInfo | None = None
        self.idle_timeout = 0.0
        self.closed = False
        self.aborted = False
        self.drains = 0
        self.on_drain: Callable[[], None] = lambda: None
        self.most_between_drains = 0
        self._since_drain = 0

    async def receive(self) -> bytes:
        self._since_drain = 0
        item = self.inputs.pop(0) if self.inputs and not self.aborted else b""
        if isinstance(item, Exception):
            raise item
        return item

    def receive_nowait(self) -> bytes:
        return b""

    def send(self, data: bytes) -> None:
        self.output += data
        self._since_drain += len(data)
        self.most_between_drains = max(self.most_between_drains, self._since_drain)

    def flush(self) -> None: ...

    async def drain(self) -> None:
        self.drains += 1
        self._since_drain = 0
        self.on_drain()

    client_certificate: ClientCertificate | None = None

    def channel_binding(self) -> bytes | None:
        return None

    async def start_tls(self, context: ssl.SSLContext) -> None: ...

    async def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


class Faulty:
    """A store whose accounts fail where told."""

    def __init__(self, store: SqliteStore, **faults: Callable[..., Exception | None]) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open(self, account_id: int) -> Any:
        if (fault := self._faults.get("open")) and (error := fault(account_id)):
            raise error
        return FaultyAccount(await self._store.open(account_id), self._faults)


class FaultyAccount:
    def __init__(self, account: Account, faults: dict[str, Callable[..., Exception | None]]) -> None:
        self._account = account
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._account, name)
        if name not in self._faults:
            return real

        async def call(*args: Any, **more: Any) -> Any:
            if error := self._faults[name](*args):
                raise error
            return await real(*args, **more)

        return call


def session(
    folder: Path,
    tls: ServerTls,
    wire: Wire,
    *,
    messages: Sequence[bytes] = MESSAGES,
    settings: Pop3Settings = LOOPBACK,
    **faults: Callable[..., Exception | None],
) -> tuple[bytes, list[int]]:
    """What was said on `wire` after sign-in, and bob's uids afterwards."""

    async def body() -> tuple[bytes, list[int]]:
        async with room(folder, tls, messages) as made:
            service = made.make_service(settings, Faulty(made.store, **faults))
            await service.serve(wire)
            assert not made.maildrops.taken
            return wire.output.partition(b"octets)\r\n")[2], await made.uids(made.bob)

    return run(body())


LARGE = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 20_000


def test_a_client_lost_before_it_had_the_message_deletes_nothing(tmp_path: Path, tls: ServerTls) -> None:
    wire = Wire(SIGN_IN + b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    wire.on_drain = lambda: setattr(wire, "closed", True)
    settings = Pop3Settings(plaintext_sign_in_on_loopback=True, output_octets=512)
    _, left = session(tmp_path, tls, wire, messages=[b"Subject: x\r\n\r\n" + b"y\r\n" * 500], settings=settings)
    assert len(left) == 1


def test_a_client_lost_in_a_large_message(tmp_path: Path, tls: ServerTls) -> None:
    wire = Wire(SIGN_IN + b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    wire.on_drain = lambda: setattr(wire, "closed", True)
    _, left = session(tmp_path, tls, wire, messages=[LARGE])
    assert wire.aborted
    assert wire.drains == 1
    assert len(left) == 1


def test_a_client_lost_in_a_listing(tmp_path: Path, tls: ServerTls) -> None:
    wire = Wire(SIGN_IN + b"LIST\r\nDELE 1\r\nQUIT\r\n")
    wire.on_drain = lambda: setattr(wire, "closed", True)
    _, left = session(tmp_path, tls, wire)
    assert wire.aborted
    assert len(left) == 3


def test_a_quit_whose_client_is_gone_still_counts(tmp_path: Path, tls: ServerTls) -> None:
    wire = Wire(SIGN_IN, b"DELE 1\r\n", b"QUIT\r\n")
    wire.closed = True
    assert len(session(tmp_path, tls, wire)[1]) == 2


@pytest.mark.parametrize("end", [IdleTimeout(), ServerStopping()], ids=lambda end: type(end).__name__)
def test_an_end_within_a_message_cuts_the_connection(end: Exception, tmp_path: Path, tls: ServerTls) -> None:
    def stop() -> None:
        raise end

    wire = Wire(SIGN_IN + b"DELE 2\r\nRETR 1\r\nQUIT\r\n")
    wire.on_drain = stop
    said, left = session(tmp_path, tls, wire, messages=[LARGE, *MESSAGES])
    assert wire.aborted
    assert not said.endswith(b".\r\n")
    assert STOPPING not in said
    assert len(left) == 4


@pytest.mark.parametrize("error", [StoreFailure("disk"), RuntimeError("bug")], ids=["refusal", "bug"])
def test_trouble_within_a_large_message_cuts_the_connection(
    error: Exception, tmp_path: Path, tls: ServerTls, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(SIGN_IN + b"RETR 1\r\nNOOP\r\n")
    with caplog.at_level(logging.WARNING, "postroom.pop3"):
        said, _ = session(
            tmp_path, tls, wire, messages=[LARGE], read_range=lambda _, start, end: error if start else None
        )
    assert wire.aborted
    assert said.startswith(b"+OK ")
    assert not said.endswith(b".\r\n")
    assert str(error) in caplog.text
    assert str(error).encode() not in said


@pytest.mark.parametrize("error", [StoreFailure("disk"), RuntimeError("bug")], ids=["refusal", "bug"])
def test_trouble_before_a_message_is_an_error_reply(
    error: Exception, tmp_path: Path, tls: ServerTls, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(SIGN_IN + b"RETR 1\r\nSTAT\r\n")
    with caplog.at_level(logging.WARNING, "postroom.pop3"):
        said, _ = session(tmp_path, tls, wire, read=lambda *_: error)
    assert said == b"-ERR [SYS/TEMP] Something went wrong, please try again later\r\n+OK 3 106\r\n"
    assert str(error) in caplog.text


def test_a_message_the_store_has_forgotten(tmp_path: Path, tls: ServerTls) -> None:
    said, _ = session(tmp_path, tls, Wire(SIGN_IN + b"RETR 2\r\n"), read=lambda *_: NoSuchContent("x"))
    assert said == b"-ERR message 2 is not here any more\r\n"


@pytest.mark.parametrize("error", [StoreFailure("disk"), RuntimeError("bug")], ids=["refusal", "bug"])
def test_a_failed_removal_is_told(
    error: Exception, tmp_path: Path, tls: ServerTls, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "postroom.pop3"):
        said, left = session(tmp_path, tls, Wire(SIGN_IN + b"DELE 1\r\nQUIT\r\n"), remove=lambda *_: error)
    assert said.endswith(b"-ERR [SYS/TEMP] Deleted messages not removed\r\n")
    assert len(left) == 3
    assert str(error) in caplog.text


@pytest.mark.parametrize("where", ["open", "view"])
@pytest.mark.parametrize("error", [StoreFailure("disk"), RuntimeError("bug")], ids=["refusal", "bug"])
def test_a_maildrop_that_does_not_open(
    error: Exception, where: str, tmp_path: Path, tls: ServerTls, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(SIGN_IN)
    with caplog.at_level(logging.WARNING, "postroom.pop3"):
        session(
            tmp_path,
            tls,
            wire,
            open=lambda *_: error if where == "open" else None,
            view=lambda *_: error if where == "view" else None,
        )
    assert wire.output.endswith(b"\r\n-ERR [SYS/TEMP] The maildrop can't be opened now, please try again later\r\n")
    assert str(error) in caplog.text
    assert PASSWORD not in caplog.text


def test_utf8_headers_may_be_refused(tmp_path: Path, tls: ServerTls) -> None:
    messages = [
        "Subject: gr\u00fc\u00dfe\r\n\r\nx\r\n".encode(),
        b"Subject: gr\xfc\r\n\r\n",
        b"Subject: x\r\n\r\n\xc3\xbc\r\n",
    ]
    settings = Pop3Settings(plaintext_sign_in_on_loopback=True, refuse_utf8_headers=True)
    ask = SIGN_IN + b"RETR 1\r\nTOP 1 0\r\nTOP 2 0\r\nTOP 3 0\r\n"
    refused, _ = session(tmp_path / "a", tls, Wire(ask), messages=messages, settings=settings)
    assert refused.count(b"-ERR [UTF8]") == 2
    assert refused.count(b"+OK") == 2
    taken, _ = session(tmp_path / "b", tls, Wire(b"UTF8\r\n" + ask), messages=messages, settings=settings)
    assert taken.count(b"+OK") == 4


def test_output_is_bounded_and_messages_are_read_together(tmp_path: Path, tls: ServerTls) -> None:
    message = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n"
    reads: list[int] = []
    wire = Wire(SIGN_IN + b"".join(b"RETR %d\r\n" % k for k in range(1, 101)) + b"RETR 7\r\n")
    settings = Pop3Settings(plaintext_sign_in_on_loopback=True, output_octets=1000, read_ahead_messages=20)
    said, _ = session(
        tmp_path, tls, wire, messages=[message] * 100, settings=settings, read=lambda ids, *_: reads.append(len(ids))
    )
    assert said == (b"+OK %d octets\r\n" % len(message) + message + b".\r\n") * 101
    assert reads == [20] * 5 + [1]
    assert wire.most_between_drains < 2000


def test_sizes_count_octets_as_they_are_sent(tmp_path: Path, tls: ServerTls) -> None:
    """RFC 1939 §11: what IMAP's APPEND stored with other line ends counts as the CRLF lines that RETR sends."""
    odd = [
        b"Subject: unix\n\nbody\n",
        b"Subject: cut\r\n\r\nno end",
        b"Subject: .\r\n\r\n.\r\n",
        b"Subject: l\n\n" + LARGE,
    ]

    settings = Pop3Settings(plaintext_sign_in_on_loopback=True)

    async def body() -> None:
        async with room(tmp_path, tls, odd, settings=settings) as made:
            reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
            writer.write(SIGN_IN + b"STAT\r\nLIST\r\nLIST 2\r\n" + b"".join(b"RETR %d\r\n" % n for n in (1, 2, 3, 4)))
            writer.write(b"QUIT\r\n")
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            sizes = [len(b"Subject: unix\r\n\r\nbody\r\n"), len(odd[1]) + 2, len(odd[2]), len(odd[3]) + 2]
            assert b"+OK 4 %d\r\n" % sum(sizes) in said
            assert b"".join(b"%d %d\r\n" % row for row in enumerate(sizes, 1)) + b".\r\n" in said
            assert b"+OK 2 %d\r\n" % sizes[1] in said
            for size in sizes:
                sent = said.partition(b"+OK %d octets\r\n" % size)[2].partition(b"\r\n.\r\n")[0] + b"\r\n"
                assert len(sent.replace(b"\r\n..", b"\r\n.")) == size

    run(body())
