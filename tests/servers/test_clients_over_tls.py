"""What only TLS makes possible: mechanisms with -PLUS and EXTERNAL, in all three protocols over real sockets."""

import asyncio
import hashlib
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.mailauth.authority import Issued, issue
from tests.net.certificates import shown_client
from tests.servers.imap.room import make_store
from tests.servers.smtp.room import make_room, service
from tests.signin.people import BOB, CAROL, Desk
from tests.signin.scram_client import Answer, scram_answers

from postroom.base import SeededIds, SystemClock
from postroom.net import ClientCertificates, Listener, NetSettings, ServerTls, Service
from postroom.pop3 import Pop3Settings
from postroom.sasl import SCRAM_MECHANISMS
from postroom.servers.imap import ImapService, ImapSessionSettings
from postroom.servers.maildrops import Maildrops
from postroom.servers.pop3 import Pop3Service
from postroom.servers.smtp import SUBMISSION
from postroom.smtp import SmtpSettings

PROTOCOLS = ("smtp", "imap", "pop3")
PLUS = [name for name in SCRAM_MECHANISMS if name.endswith("-PLUS")]
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
NET = NetSettings(sweep_interval_seconds=0.01, close_timeout_seconds=1, stop_timeout_seconds=1)
# How each says: the command, that it is done, and that it was wrong
COMMAND = {"smtp": b"AUTH %b", "imap": b"t AUTHENTICATE %b", "pop3": b"AUTH %b"}
GOOD = {"smtp": b"235 2.7.0 ", "imap": b"t OK ", "pop3": b"+OK "}
WRONG = {"smtp": b"535 5.7.8 ", "imap": b"t NO [AUTHENTICATIONFAILED]", "pop3": b"-ERR [AUTH] "}
OTHER = {"smtp": b"535 5.7.8 ", "imap": b"t NO [AUTHORIZATIONFAILED]", "pop3": b"-ERR [AUTH] "}
UNKNOWN = {"smtp": b"504 5.5.4 ", "imap": b"t NO [CANNOT]", "pop3": b"-ERR No such mechanism"}


@dataclass
class Place:
    """Three listeners with TLS from the start."""

    ports: dict[str, int]
    authority: Issued
    folder: Path

    def shown(self, *addresses: str) -> ssl.SSLContext:
        """A client with a certificate for these addresses."""
        names = x509.SubjectAlternativeName([x509.RFC822Name(address) for address in addresses])
        own = issue("somebody", self.authority, dns=(), now=time.time(), extensions=((names, False),))
        return shown_client(own.write(self.folder / "-".join(addresses)))


class Peer:
    """Speaks any of the three as far as signing in goes."""

    def __init__(self, protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.protocol, self.reader, self.writer = protocol, reader, writer

    @property
    def certificate(self) -> bytes:
        tls = self.writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True)
        assert isinstance(der, bytes)
        return der

    async def line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def say(self, line: bytes) -> bytes:
        self.writer.write(line + b"\r\n")
        return await self.line()

    async def start(self) -> list[bytes]:
        """What is announced, from the greeting on."""
        said = [await self.line()]
        if self.protocol == "smtp":
            said.append(await self.say(b"EHLO bar.com"))
            while said[-1][3:4] == b"-":
                said.append(await self.line())
        elif self.protocol == "pop3":
            said.append(await self.say(b"CAPA"))
            while said[-1] != b".":
                said.append(await self.line())
        return said

    async def converse(self, mechanism: str, answer: Answer) -> bytes:
        line = await self.say(COMMAND[self.protocol] % mechanism.encode())
        while line.startswith((b"334 ", b"+ ")) or line == b"+":
            challenge = b64decode(line.partition(b" ")[2])
            line = await self.say(b64encode(answer(challenge)))
        return line


@asynccontextmanager
async def place(folder: Path, desk: Desk) -> AsyncIterator[Place]:
    authority = issue("People", ca=True, now=time.time())
    people = authority.write(folder / "people")[0]
    own = issue("mail.foo.com", now=time.time()).write(folder / "own")
    tls = ServerTls(*own, clients=ClientCertificates(people)).front(clients="ask")
    room = await make_room(folder / "smtp")
    submission = service(room, SUBMISSION, SmtpSettings())
    submission.sign_in = desk.sign_in
    store = make_store("memory", folder / "store")
    for account_id in (1, 2):
        await store.create_account(account_id)
    clock = SystemClock()
    drops = Maildrops(folder)
    services: dict[str, Service] = {
        "smtp": submission,
        "imap": ImapService(
            store=store,
            directory=room.directory,
            sign_in=desk.sign_in,
            clock=clock,
            ids=SeededIds(),
            hostname="mail.foo.com",
            settings=ImapSessionSettings(),
        ),
        "pop3": Pop3Service(
            store,
            room.directory,
            clock,
            Pop3Settings(),
            None,
            "mail.foo.com",
            drops,
            desk.sign_in,
        ),
    }
    listeners = {name: Listener(name, one, NET, tls=tls) for name, one in services.items()}
    try:
        for listener in listeners.values():
            listener.bind(["127.0.0.1:0"])
            await listener.start()
        yield Place({name: listener.ports[0] for name, listener in listeners.items()}, authority, folder)
    finally:
        for listener in listeners.values():
            await listener.stop()
        drops.close()
        await store.close()


@asynccontextmanager
async def connected(at: Place, protocol: str, context: ssl.SSLContext) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.ports[protocol], ssl=context)
    try:
        yield Peer(protocol, reader, writer)
    finally:
        writer.close()


def run(body: Any) -> None:
    async def timed() -> None:
        async with asyncio.timeout(30):
            await body()

    asyncio.run(timed())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mechanism", PLUS)
def test_scram_bound_to_the_channel(tmp_path: Path, mechanism: str, version: ssl.TLSVersion) -> None:
    """Another implementation's client computes tls-server-end-point itself, of the certificate that it sees."""

    async def body() -> None:
        async with place(tmp_path, Desk()) as at:
            for protocol in PROTOCOLS:
                async with connected(at, protocol, shown_client(version=version)) as peer:
                    assert mechanism.encode() in b" ".join(await peer.start())
                    answer = scram_answers(mechanism, binding=("tls-server-end-point", end_point(peer.certificate)))
                    assert (await peer.converse(mechanism, answer)).startswith(GOOD[protocol])

    run(body)


def end_point(der: bytes) -> bytes:
    """RFC 5929 §4.1; the certificate of these tests is signed with SHA-256."""

    return hashlib.sha256(der).digest()


def test_somebody_in_the_middle_gets_nowhere(tmp_path: Path) -> None:
    """Who carries the messages on to us has another certificate, to which the client's proof is bound."""

    async def body() -> None:
        async with place(tmp_path, Desk()) as at:
            for protocol in PROTOCOLS:
                async with connected(at, protocol, shown_client()) as peer:
                    await peer.start()
                    his = ("tls-server-end-point", end_point(b"his certificate"))
                    answer = scram_answers("SCRAM-SHA-256-PLUS", binding=his)
                    assert (await peer.converse("SCRAM-SHA-256-PLUS", answer)).startswith(WRONG[protocol])

    run(body)


def test_a_downgraded_exchange_is_refused(tmp_path: Path) -> None:
    """RFC 5802 §6: somebody has taken -PLUS out of what we announced, and the client says so without knowing."""

    async def body() -> None:
        async with place(tmp_path, Desk()) as at:
            for protocol in PROTOCOLS:
                async with connected(at, protocol, shown_client()) as peer:
                    await peer.start()
                    able = ("tls-server-end-point", end_point(peer.certificate))
                    answer = scram_answers("SCRAM-SHA-256", binding=able)
                    assert (await peer.converse("SCRAM-SHA-256", answer)).startswith(WRONG[protocol])

    run(body)


def test_external(tmp_path: Path) -> None:
    async def body() -> None:
        async with place(tmp_path, Desk()) as at:
            for protocol in PROTOCOLS:
                for said, outcome in ((b"", GOOD), (BOB.encode(), GOOD), (CAROL.encode(), OTHER), (b"\xff", WRONG)):
                    async with connected(at, protocol, at.shown(BOB)) as peer:
                        assert b"EXTERNAL" in b" ".join(await peer.start())
                        line = await peer.converse("EXTERNAL", lambda _, said=said: said)  # type: ignore[misc]
                        assert line.startswith(outcome[protocol])

    run(body)


def test_external_is_for_who_has_shown_a_certificate(tmp_path: Path) -> None:
    async def body() -> None:
        async with place(tmp_path, Desk()) as at:
            for protocol in PROTOCOLS:
                async with connected(at, protocol, shown_client()) as peer:
                    assert b"EXTERNAL" not in b" ".join(await peer.start())
                    assert (await peer.converse("EXTERNAL", lambda _: b"")).startswith(UNKNOWN[protocol])
                async with connected(at, protocol, at.shown("nobody@foo.com")) as peer:
                    await peer.start()
                    assert (await peer.converse("EXTERNAL", lambda _: b"")).startswith(WRONG[protocol])

    run(body)
