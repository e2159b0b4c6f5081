"""The policy over real HTTPS: for our own client, and for what is no client."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.mailauth.authority import issue

from postroom.accounts import AccountSettings, MailingList, MemoryDirectory
from postroom.base import SeededIds, SystemClock
from postroom.mailauth.mta_sts import PATH, Mode, read_policy, record_id, record_text
from postroom.net import Dialer, Fetch, HttpMessage, HttpsClient, Listener, NetSettings, client_context
from postroom.servers.policy_host import PolicyService, policy_id
from postroom.servers.settings import MtaStsSettings
from postroom.servers.types import Page
from postroom.servers.unsubscribe import UnsubscribePage

SETTINGS = MtaStsSettings(request_timeout_seconds=0.3)
POLICY = SETTINGS.policy("mail.example.org")


class Domains:
    async def is_local_domain(self, domain: str) -> bool:
        return domain == "example.org"


class Scene:
    def __init__(self, client: HttpsClient, context: ssl.SSLContext, port: int) -> None:
        self.client = client
        self.context = context
        self.port = port

    async def fetch(self, host: str = "mta-sts.example.org", target: str = PATH, method: str = "GET") -> HttpMessage:
        return await self.client.fetch(Fetch(host, target, ("127.0.0.1",), self.port, method))

    async def raw(self, octets: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname="mta-sts.example.org"
        )
        writer.write(octets)
        try:
            return await reader.read()
        finally:
            writer.close()


def play(folder: Path, body: Callable[[Scene], Awaitable[None]], pages: Sequence[Page] = ()) -> None:
    async def go() -> None:
        now = SystemClock().now()
        root = issue("Root", ca=True, now=now)
        names = ("mta-sts.example.org", "mta-sts.example.net", "mail.example.org", "mta-sts")
        files = issue("mail.example.org", root, dns=names, now=now).write(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        net = NetSettings(sweep_interval_seconds=0.05)
        listener = Listener("policy_host", PolicyService(POLICY, Domains(), SETTINGS, pages), net, tls=context)
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        trusting = client_context(verify=True, cafile=root.write(folder / "root")[0])
        client = HttpsClient(Dialer(NetSettings()), lambda: trusting, max_octets=10_000, timeout_seconds=5)
        try:
            await body(Scene(client, trusting, listener.ports[0]))
        finally:
            await listener.stop()

    asyncio.run(go())


def test_the_policy(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for host in ("mta-sts.example.org", "MTA-STS.Example.ORG"):
            answer = await scene.fetch(host)
            assert (answer.status, answer.media_type) == (200, "text/plain")
            assert read_policy(answer.body) == POLICY
        assert (POLICY.mode, POLICY.mx) == (Mode.TESTING, ("mail.example.org",))

    play(tmp_path, body)


@pytest.mark.parametrize(
    ("host", "target", "method", "status"),
    [
        ("mta-sts.example.net", PATH, "GET", 404),
        ("mail.example.org", PATH, "GET", 404),
        ("mta-sts", PATH, "GET", 404),
        ("mta-sts.example.org", "/", "GET", 404),
        ("mta-sts.example.org", "/../.well-known/mta-sts.txt", "GET", 404),
        ("mta-sts.example.org", PATH, "DELETE", 405),
    ],
)
def test_nothing_else(tmp_path: Path, host: str, target: str, method: str, status: int) -> None:
    async def body(scene: Scene) -> None:
        assert (await scene.fetch(host, target, method)).status == status

    play(tmp_path, body)


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (b"EHLO x\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 400 "),
        (b"GET " + b"x" * 20_000, b"HTTP/1.1 400 "),
        (b"HEAD " + PATH.encode() + b" HTTP/1.1\r\nHost: mta-sts.example.org:443\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"GET /", b""),  # and then silence
    ],
)
def test_strange_clients(tmp_path: Path, octets: bytes, answer: bytes) -> None:
    async def body(scene: Scene) -> None:
        said = await scene.raw(octets)
        assert said.startswith(answer)
        assert b"version:" not in said
        assert bool(said) == bool(answer)

    play(tmp_path, body)


def test_the_id_changes_with_the_policy() -> None:
    other = MtaStsSettings(mode="enforce").policy("mail.example.org")
    assert policy_id(POLICY) == policy_id(SETTINGS.policy("mail.example.org")) != policy_id(other)
    assert record_id([record_text(policy_id(POLICY)).encode()]) == policy_id(POLICY)


def test_hosts_are_checked() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"hosts": ["a b"]}, MtaStsSettings)
    assert MtaStsSettings(hosts=("*.Example.org",)).policy("x.test").mx == ("*.example.org",)


def test_beside_the_policy_there_is_the_page_that_leaves_lists(tmp_path: Path) -> None:
    directory = MemoryDirectory(AccountSettings(), SystemClock(), SeededIds())

    async def body(scene: Scene) -> None:
        await directory.add_domain("example.org")
        await directory.lists.create(MailingList(0, "news@example.org", ("x@y.test",)))
        await directory.lists.add_members("news@example.org", ("bob@b.test",))
        (token,) = await directory.lists.tokens("unsubscribe", await directory.lists.members(1))
        head = f"POST /leave/{token} HTTP/1.1\r\nHost: mail.example.org\r\nContent-Length: "
        said = await scene.raw(f"{head}26\r\n\r\nList-Unsubscribe=One-Click".encode())
        assert said.startswith(b"HTTP/1.1 200 ")
        assert await directory.lists.members(1) == []
        assert (await scene.raw(f"{head}9999\r\n\r\n".encode())).startswith(b"HTTP/1.1 400 ")
        assert (await scene.fetch()).body == POLICY.file
        await directory.close()

    play(tmp_path, body, (UnsubscribePage(directory.lists, "https://mail.example.org/leave"),))
