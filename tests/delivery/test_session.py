"""One conversation over a real socket."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.delivery.peer import Peer
from tests.delivery.world import server_context
from tests.servers.smtp.room import serving
from tests.signin.people import BOB, PASSWORD, Desk

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery import DeliverySettings
from postroom.delivery.content import QueuedContent
from postroom.delivery.session import Call, Session, SessionRefused, open_session, patience
from postroom.delivery.tls_demand import TlsUse
from postroom.net import Dialer, NetSettings, client_context
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient
from postroom.smtp import SendMail, SendTo, Stage

MAIL = SendMail("a@a.test", (SendTo("b@b.test"),))


def call(peer: Peer, tls: TlsUse = "never", *, username: str = "", password: str = "") -> Call:
    return Call("mx.b.test", peer.address, peer.port, tls, client_context(verify=False), username, password)


async def opened(peer: Peer, tls: TlsUse = "never", settings: DeliverySettings | None = None) -> Session:
    return await open_session(Dialer(NetSettings()), call(peer, tls), "mail.a.test", settings or DeliverySettings())


async def content(octets: bytes) -> QueuedContent:
    queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds())
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(octets)
        queue_id = await queue.enqueue(Envelope(""), [Recipient("b@b.test")], spool)
    return QueuedContent(queue, (await queue.message_entries(queue_id))[0].message)


def play(peer: Peer, scene: Callable[[Peer], Awaitable[None]]) -> None:
    async def run() -> None:
        await peer.start()
        try:
            await scene(peer)
        finally:
            await peer.stop()

    asyncio.run(run())


def test_a_conversation() -> None:
    async def scene(peer: Peer) -> None:
        session = await opened(peer)
        assert session.relay == f"mx.b.test [127.0.0.1]:{peer.port}"
        assert (session.usable, session.secure, "PIPELINING" in session.extensions) == (True, False, True)
        for octets in (b"one\r\n", b"two\r\n" * 100_000, b""):
            (outcome,) = await session.send(MAIL, await content(octets))
            assert outcome.delivered
            assert peer.taken[-1].content == (octets or b"")
        assert session.uses == 3
        await session.close()
        assert peer.commands[-1] == "QUIT"
        await session.close()

    play(Peer(), scene)


BINARY = SendMail("a@a.test", (SendTo("b@b.test"),), binary=True)
CHUNKING = ("CHUNKING", "BINARYMIME")


@pytest.mark.parametrize("extensions", [CHUNKING, ("PIPELINING", *CHUNKING)])
def test_binary_goes_in_chunks(extensions: tuple[str, ...]) -> None:
    async def scene(peer: Peer) -> None:
        session = await opened(peer, settings=DeliverySettings(chunk_octets=200_000))
        for octets in (b"\n.\r\0" * 250_000, b""):
            (outcome,) = await session.send(BINARY, await content(octets))
            assert outcome.delivered
            assert peer.taken[-1].content == octets
        assert [c for c in peer.commands if c.startswith("BDAT")] == ["BDAT 200000"] * 4 + [
            "BDAT 200000 LAST",
            "BDAT 0 LAST",
        ]
        await session.close()

    play(Peer(extensions=extensions), scene)


@pytest.mark.parametrize("extensions", [CHUNKING, ("PIPELINING", *CHUNKING)])
def test_after_a_refused_chunk_the_session_goes_on(extensions: tuple[str, ...]) -> None:
    async def scene(peer: Peer) -> None:
        session = await opened(peer, settings=DeliverySettings(chunk_octets=1024))
        (outcome,) = await session.send(BINARY, await content(b"x" * 30_000_000))
        assert (str(outcome.reply), outcome.stage) == ("552 5.3.4 too big", Stage.CONTENT)
        assert session.usable
        assert peer.counts["BDAT"] < 30_000  # it was not sent to its end
        (outcome,) = await session.send(MAIL, await content(b"small\r\n"))
        assert outcome.delivered
        assert peer.counts["RSET"] == 1
        await session.close()

    play(Peer({"BDAT": [b"250 ok", b"552 5.3.4 too big"]}, extensions=extensions), scene)


def test_every_stage_has_its_patience() -> None:
    waits = patience(DeliverySettings())
    assert set(Stage) - set(waits) == {Stage.HANDSHAKE, Stage.IDLE, Stage.CLOSED}
    assert (waits[Stage.GREETING], waits[Stage.DATA], waits[Stage.END]) == (300, 120, 600)  # RFC 5321 §4.5.3.2


def test_a_dripping_server_makes_no_progress() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        there = Call("mx", "127.0.0.1", port, "never", client_context(verify=False))
        settings = DeliverySettings(greeting_timeout_seconds=0.06)
        with pytest.raises(SessionRefused, match="No reply to greeting"):
            await open_session(Dialer(NetSettings()), there, "mail.a.test", settings)
        server.close()
        await asyncio.sleep(0.03)

    asyncio.run(scene())


def test_a_server_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        stop = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for reply in (b"220 x", b"250 x", b"250 x", b"250 x", b"354 x"):
                writer.write(reply + b"\r\n")
                if reply != b"354 x":
                    await reader.readline()
            await stop.wait()
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        there = Call("mx", "127.0.0.1", port, "never", client_context(verify=False))
        settings = DeliverySettings(content_timeout_seconds=0.05)
        session = await open_session(Dialer(NetSettings()), there, "mail.a.test", settings)
        (outcome,) = await session.send(MAIL, await content(b"x" * 20_000_000))
        assert outcome.stage is Stage.CONTENT
        assert "stopped taking" in str(outcome.reply)
        assert not session.usable
        await session.close()
        stop.set()
        server.close()
        await asyncio.sleep(0.01)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("mx.b.test", "mx.b.test"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("a..b", "192.0.2.1"),
        ("x" * 64 + ".test", "192.0.2.1"),
        ("", "192.0.2.1"),
        ("ä.test", "192.0.2.1"),
    ],
)
def test_the_name_in_the_handshake_is_one(host: str, name: str) -> None:
    assert Call(host, "192.0.2.1", 25, "never", client_context(verify=False)).tls_name == name


def test_implicit_tls_and_auth(tmp_path: Path) -> None:
    async def scene(peer: Peer) -> None:
        there = call(peer, "implicit", username="alice", password="secret")
        session = await open_session(Dialer(NetSettings()), there, "mail.a.test", DeliverySettings())
        assert session.secure
        assert "AUTH PLAIN AGFsaWNlAHNlY3JldA==" in peer.commands
        await session.close()

    play(Peer(extensions=("AUTH PLAIN",), tls=server_context(tmp_path), implicit_tls=True), scene)


def test_sign_in_by_scram_shows_no_password() -> None:
    """A server of ours, as a smart host: its submission without TLS on loopback."""

    async def scene() -> None:
        desk = Desk()
        async with serving() as room:
            room.services["plain"].sign_in = desk.sign_in
            port = room.port("plain")
            there = Call(
                "127.0.0.1", "127.0.0.1", port, "never", client_context(verify=False), BOB, PASSWORD, nonce="x"
            )
            session = await open_session(Dialer(NetSettings()), there, "mail.a.test", DeliverySettings())
            await session.close()
            assert desk.people.proofs == [(BOB, 1, "smtp")] * 2  # before the server's last word, and after its answer
            assert desk.people.asked == []
            # as where the server has a hash of the password alone
            del desk.people.keyed[BOB]
            session = await open_session(Dialer(NetSettings()), there, "mail.a.test", DeliverySettings())
            await session.close()
            assert desk.people.asked == [BOB]

    asyncio.run(scene())


def test_a_server_that_cannot_prove_itself_is_not_believed() -> None:
    async def scene(peer: Peer) -> None:
        there = replace(call(peer, username="alice", password="secret"), nonce="mine")
        with pytest.raises(SessionRefused):
            await open_session(Dialer(NetSettings()), there, "mail.a.test", DeliverySettings())
        assert not any("secret" in one or "c2VjcmV0" in one for one in peer.commands)

    play(Peer(extensions=("AUTH SCRAM-SHA-256 PLAIN",)), scene)  # says 235 at once


def test_no_mechanism_in_common() -> None:
    async def scene(peer: Peer) -> None:
        there = call(peer, username="alice", password="secret")
        with pytest.raises(SessionRefused, match="offers no AUTH mechanism"):
            await open_session(Dialer(NetSettings()), there, "mail.a.test", DeliverySettings())
        assert peer.commands[-1] == "QUIT"

    play(Peer(extensions=("AUTH CRAM-MD5",)), scene)


def test_connect_failure_is_told_apart() -> None:
    async def scene(peer: Peer) -> None:
        await peer.stop()
        with pytest.raises(SessionRefused) as caught:
            await opened(peer)
        assert caught.value.unreachable
        assert caught.value.reply.enhanced == "4.4.1"

    play(Peer(), scene)
