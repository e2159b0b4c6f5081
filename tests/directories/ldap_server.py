"""A small LDAP server of people, and how it can fail."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ldap.test_messages import done, entry, reply
from tests.mailauth.authority import issue

from postroom.base import FakeClock, SystemClock
from postroom.directories.ldap_places import ldap_place
from postroom.directories.ldap_pool import LdapServers
from postroom.directories.ldap_source import LdapSource
from postroom.directories.settings import LdapSettings
from postroom.dns import StaticResolver
from postroom.ldap import ber
from postroom.net import Dialer, NetSettings, client_context

BASE = "ou=people,dc=test"


@dataclass
class Someone:
    name: bytes
    password: bytes
    attributes: dict[str, list[bytes]]


def someone(uid: str, password: str = "secret", **more: list[bytes]) -> Someone:
    attributes = {"uid": [uid.encode()], "mail": [f"{uid}@example.org".encode()]} | more
    return Someone(f"uid={uid},{BASE}".encode(), password.encode(), attributes)


@dataclass
class LdapServer:
    people: list[Someone] = field(default_factory=lambda: [someone("bob"), someone("carol", "other")])
    tls: ssl.SSLContext | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)  # "bind uid=bob,…", "search bob@example.org"
    connections: int = 0
    open: int = 0
    most: int = 0  # open at once
    bind_code: int | None = None  # instead of what is so
    search_code: int = 0
    silent: asyncio.Event | None = None  # answers wait for it
    drop: int = 0  # so many requests are answered by closing
    after_start_tls: bytes = b""  # sent in the clear behind the answer to STARTTLS
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()

    def hang_up(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        self.writers.add(writer)
        try:
            while True:
                head = await reader.readexactly(2)
                while (found := ber.header(head)) is None:
                    head += await reader.readexactly(1)
                octets = head + await reader.readexactly(found[2] - len(head))
                await self._answer(ber.Elements(octets[found[1] :]), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            self.writers.discard(writer)
            writer.close()

    async def _answer(self, elements: ber.Elements, writer: asyncio.StreamWriter) -> None:
        message_id = elements.integer()
        tag, operation = elements.next()
        inside = ber.Elements(operation)
        if tag == 0x42:
            raise ConnectionError
        if self.silent is not None:
            await self.silent.wait()
        if self.drop:
            self.drop -= 1
            raise ConnectionError
        if tag == 0x77:
            assert self.tls is not None
            writer.write(reply(message_id, 0x78, done(0)) + self.after_start_tls)
            await writer.drain()
            await writer.start_tls(self.tls)
        elif tag == 0x60:
            inside.integer()
            name, password = inside.octets(), bytes(inside.expect(0x80))
            self.asked.append(f"bind {name.decode()}")
            good = not name or any(one.name == name and one.password == password for one in self.people)
            code = self.bind_code if self.bind_code is not None and name else 0 if good else 49
            writer.write(reply(message_id, 0x61, done(code, b"words of the server")))
        else:
            assert tag == 0x63
            assert inside.octets() == BASE.encode()
            for _ in range(6):
                inside.next()
            self._search(message_id, bytes(operation), writer)

    def _search(self, message_id: int, operation: bytes, writer: asyncio.StreamWriter) -> None:
        found = [
            one
            for one in self.people
            if any(ber.element(4, value) in operation for value in one.attributes["uid"] + one.attributes["mail"])
        ]
        self.asked.append(f"search {len(found)}")
        for one in found[:2]:
            attributes: dict[str, Any] = one.attributes
            writer.write(reply(message_id, 0x64, entry(one.name, **attributes)))
        writer.write(reply(message_id, 0x65, done(self.search_code)))


@dataclass
class Ldap:
    server: LdapServer
    source: LdapSource
    clock: FakeClock
    pool: Any


async def no_hashes(name: str, password: str, password_hash: str | None) -> bool:
    raise AssertionError("no hash was to be checked")


@asynccontextmanager
async def ldap(
    server: LdapServer | None = None, hashes: Any = no_hashes, folder: Path | None = None, **settings: Any
) -> AsyncIterator[Ldap]:
    """A server and the source that asks it; with `folder`, TLS by an authority of its own."""
    server, clock = server or LdapServer(), FakeClock()
    context = client_context(verify=True)
    if folder is not None:
        now = SystemClock().now()
        root = issue("Root", ca=True, now=now)
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*issue("localhost", root, now=now).write(folder))
        context = client_context(verify=True, cafile=root.write(folder / "root")[0])
    await server.start()
    wanted = {
        "urls": (f"ldap://localhost:{server.port}",),
        "base": BASE,
        "start_tls": folder is not None,
        "timeout_seconds": 2.0,
    } | settings
    found = LdapSettings(**wanted)  # type: ignore[arg-type]
    places = [ldap_place(url) for url in found.urls]
    servers = LdapServers(places, found, StaticResolver(), Dialer(NetSettings()), lambda: context, clock)
    source = LdapSource(
        servers,
        found,
        clock,
        bind_password="service",
        sign_in_domain="example.org",
        max_waiting=50,
        hashes=hashes,
    )
    try:
        yield Ldap(server, source, clock, source._searching)
    finally:
        await source.close()
        await server.stop()
