"""COMPRESS=DEFLATE in a session, with a client that is a plain zlib."""

import asyncio
import random
import zlib
from pathlib import Path

import pytest

from postroom.net import NetSettings, client_context

from .deflate import DeflateStream
from .room import Client, both_stores, message, open_room, run
from .test_service import server_context


async def compress(client: Client) -> DeflateStream:
    await client.ok("COMPRESS DEFLATE")
    client.compress()
    assert client.deflate is not None
    return client.deflate


@both_stores
def test_a_session_under_compression(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            stream = await compress(client)
            body = b"".join(b"line %d of a message\r\n" % n for n in range(5000))
            body += random.Random(1).randbytes(9000).hex().encode()
            for n in range(3):
                assert (await client.append("INBOX", message(str(n), body), sync=bool(n))).ok
            await client.ok("SELECT INBOX")
            before = stream.octets_in
            for line in await client.ok("UID FETCH 1:* BODY.PEEK[]"):
                assert body in line
            assert stream.octets_in - before < len(body)
            tags = [client.start(f"FETCH {n} FLAGS") for n in (1, 2, 3)]
            for tag in tags:
                assert (await client.finish(tag)).ok
            idle = client.start("IDLE")
            assert await client.response() == b"+ idling"
            await room.deliver()
            assert await client.response() == b"* 4 EXISTS"
            await client.response()
            client.send(b"DONE\r\n")
            assert (await client.finish(idle)).ok
            await client.ok("LOGOUT")
            assert await client.eof() == b""

    run(play())


def test_not_twice_and_not_before_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert b"COMPRESS" not in client.greeting
            assert (await client.command("COMPRESS DEFLATE")).tagged == b"BAD Sign in first"
            signed_in = await client.command("LOGIN alice@x.example alice-secret")
            assert b" COMPRESS=DEFLATE" in signed_in.tagged
            await compress(client)
            again = await client.command("COMPRESS DEFLATE")
            assert again.tagged == b"NO [COMPRESSIONACTIVE] DEFLATE is active via COMPRESS"
            assert b"COMPRESS" not in (await client.ok("CAPABILITY"))[0]
            assert (await client.command("STARTTLS")).tagged.startswith(b"BAD")
            assert (await client.command("COMPRESS LZ4")).tagged.startswith(b"BAD")

    run(play())


def test_the_operator_may_not_offer_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, compress=False) as room:
            client = await room.client()
            assert b"COMPRESS" not in (await client.ok("CAPABILITY"))[0]
            assert (await client.command("COMPRESS DEFLATE")).tagged.startswith(b"BAD")
            await client.ok("NOOP")

    run(play())


def test_under_tls(tmp_path: Path) -> None:
    async def play() -> None:
        context = server_context(tmp_path / "tls")
        async with open_room(tmp_path, implicit_tls=context) as room:
            client = await room.connect(client_context(verify=False))
            await client.ok("LOGIN alice@x.example alice-secret")
            await compress(client)
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_what_comes_behind_the_command_is_compressed_already(tmp_path: Path) -> None:
    """RFC 4978 §3 asks the client to wait. One that does not can only mean this."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            stream = DeflateStream(client.reader, client.writer)
            client.send(
                b"c COMPRESS DEFLATE\r\n" + stream.compressed(b"d NOOP\r\ne LOG") + stream.compressed(b"OUT\r\n")
            )
            assert (await client.finish(b"c")).ok
            client.deflate = stream
            assert (await client.finish(b"d")).ok
            assert (await client.finish(b"e")).ok

    run(play())


def test_a_client_that_does_not_compress(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            client.send(b"c COMPRESS DEFLATE\r\nd NOOP\r\n")
            assert (await client.finish(b"c")).ok
            client.compress()
            assert await client.eof() == b"* BYE That is not DEFLATE\r\n"

    run(play())


def test_a_bomb_is_one_bad_command(tmp_path: Path) -> None:
    """64 MB in 64 KB: read and thrown away piece by piece, while others are served."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client, other = await room.client(), await room.client()
            await compress(client)
            tag = client.start(b"NOOP" + b"x" * (60 << 20))
            await other.ok("NOOP")
            reply = await client.finish(tag)
            assert reply.tagged.startswith(b"BAD")
            await client.ok("NOOP")
            client.start(b"NOOP" + b"x" * (80 << 20))  # beyond max_discard_octets
            assert (await client.eof()).startswith(b"* BYE")

    run(play())


def test_a_stream_that_breaks_off(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            stream = await compress(client)
            client.writer.write(stream.compressed(b"a NOOP\r\nb NOOP\r\n")[:6])
            client.writer.write_eof()
            assert (await client.eof()).count(b"OK") <= 1
            while room.listener._connections:
                await asyncio.sleep(0.01)

    run(play())


def test_a_client_that_asks_much_and_reads_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        net = NetSettings(close_timeout_seconds=0.1, output_high_water_octets=65536)
        async with open_room(tmp_path, net=net) as room:
            body = random.Random(1).randbytes(1 << 19).hex().encode()
            for _ in range(20):
                await room.deliver(message(body=body))
            client = await room.client("INBOX")
            stream = await compress(client)
            [connection] = room.listener._connections
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.writer.write(stream.compressed(b"f UID FETCH 1:* BODY.PEEK[]\r\n" * 200))  # 4 GB
            transport = connection._transport
            assert transport is not None
            sizes = []
            for _ in range(100):
                await asyncio.sleep(0.005)
                sizes.append(transport.get_write_buffer_size())
            assert max(sizes) < 1 << 20
            assert sizes[-1] == sizes[-2] > 0  # it waits
            client.writer.transport.abort()

    run(play())


@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("pipelined", [True, False])
def test_unauthenticate_ends_it(tmp_path: Path, mode: int, pipelined: bool) -> None:
    """RFC 8437 §4.1: behind the command, and behind its answer, octets are as they are."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            stream = await compress(client)
            raw = stream.compressed(b"u UNAUTHENTICATE\r\n", mode)
            login = b"v LOGIN bob@x.example bob-secret\r\n"
            client.writer.write(raw + login if pipelined else raw)
            assert await stream.turn() == b"u OK UNAUTHENTICATE completed\r\n"
            client.compress(False)
            if not pipelined:
                client.send(login)
            assert (await client.finish(b"v")).ok
            assert b" COMPRESS=DEFLATE" in (await client.ok("CAPABILITY"))[0]
            await compress(client)
            await client.ok("NOOP")

    run(play())


def test_a_client_that_goes_on_compressing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await compress(client)
            client.send(b"u UNAUTHENTICATE\r\nv NOOP\r\n")
            reply = await client.eof()
            assert reply == b"u OK UNAUTHENTICATE completed\r\n* BYE Compression ends with UNAUTHENTICATE\r\n"

    run(play())
