"""Compression around a connection: real sockets, a zlib on the other side."""

import asyncio
import itertools
import random
import ssl
import sys
import zlib
from collections.abc import Awaitable, Callable

import pytest

from postroom.net import (
    CompressedConnection,
    Connection,
    CorruptInput,
    Listener,
    NetSettings,
    SocketConnection,
    TlsFailed,
)

Play = Callable[[CompressedConnection, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MARK = b"\0\0\xff\xff"


def run(play: Play, **options: int) -> None:
    """The service's end of a connection, and the peer's."""

    async def go() -> None:
        accepted: asyncio.Future[CompressedConnection] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        class Service:
            async def serve(self, connection: Connection) -> None:
                accepted.set_result(CompressedConnection(connection, **options))  # type: ignore[arg-type]
                await over.wait()

        listener = Listener("test", Service(), NetSettings(close_timeout_seconds=0.2, stop_timeout_seconds=1))
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        try:
            async with asyncio.timeout(20):
                await play(await accepted, reader, writer)
        finally:
            over.set()
            writer.close()
            await listener.stop()

    asyncio.run(go())


def deflated(data: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(mode)


async def received(connection: CompressedConnection, octets: int) -> bytes:
    data = b""
    while len(data) < octets:
        piece = await connection.receive()
        assert piece
        data += piece
    return data


def test_a_turn_is_one_write_with_one_flush() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inflate, plain = zlib.decompressobj(-15), b""
        sizes = []
        for turn in (
            b"* 1 EXISTS\r\n",
            b"* 2 EXISTS\r\n",
            b"x" * 5000,
            random.Random(3).randbytes(9000),
            b"* 3 EXISTS\r\n",
        ):
            connection.send(turn[:7])
            connection.send(turn[7:])
            connection.flush()
            plain += turn
            raw = b""
            while not raw.endswith(MARK) or len(inflate.copy().decompress(raw)) < len(turn):
                raw += await reader.read(65536)
            assert inflate.decompress(raw) == turn
            sizes.append(len(raw))
        assert sizes[1] < sizes[0]  # it remembers
        assert sizes[2] < 200
        assert 9000 < sizes[3] < 9100
        await connection.drain()  # nothing to say: no flush
        writer.write(deflated(b"a"))
        assert await connection.receive() == b"a"
        connection.send(b"")
        connection.flush()
        connection.send(b"b")
        connection.flush()
        assert inflate.decompress(await reader.readuntil(MARK)) == b"b"

    run(play)


def test_without_igzip_zlib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)

    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        text = b"".join(b"* %d FETCH (FLAGS (\\Seen))\r\n" % n for n in range(1000))
        connection.send(text)
        connection.flush()
        inflate, got = zlib.decompressobj(-15), b""
        while len(got) < len(text):
            got += inflate.decompress(await reader.read(65536))
        assert got == text

    run(play)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 8192])
def test_input_in_any_splitting(step: int) -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        texts = [b"a1 NOOP\r\n", b"a2 " + random.Random(1).randbytes(300), b"a3 FETCH 1:* FLAGS\r\n" * 50]
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        raw = b"".join(compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH) for text in texts)

        async def write() -> None:
            for at in range(0, len(raw), step):
                writer.write(raw[at : at + step])
                await asyncio.sleep(0)

        writing = asyncio.ensure_future(write())
        assert await received(connection, len(b"".join(texts))) == b"".join(texts)
        await writing

    run(play)


def test_a_bomb_is_handed_out_in_pieces_and_others_get_their_turn() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        size = 64 << 20
        writer.write(deflated(b"\0" * size))
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(others())
        total = pieces = 0
        while total < size:
            piece = await connection.receive()
            assert 0 < len(piece) <= 65536
            total += len(piece)
            pieces += 1
        task.cancel()
        assert turns > pieces // 2

    run(play)


def test_output_that_ends_with_a_piece_is_not_held_back() -> None:
    """The decompressor may have taken all of its input and not yet said all."""

    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for size in (1024, 1025, 2048, 5000, 1024 * 300):
            writer.write(deflated(b"z" * size))
            assert await received(connection, size) == b"z" * size

    run(play, piece_octets=1024)


def test_empty_flushes_make_nothing_and_do_not_stop_the_others() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write((b"\0" + MARK) * 20_000 + deflated(b"NOOP"))
        assert await connection.receive() == b"NOOP"
        writer.write(deflated(b"x"))
        while not (data := connection.receive_nowait()):
            await asyncio.sleep(0)
        assert data == b"x"
        assert connection.receive_nowait() == b""

    run(play)


def test_what_is_not_deflate() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"a1 NOOP\r\n" * 10)
        with pytest.raises(CorruptInput):
            await connection.receive()

    run(play)


def test_random_octets_raise_nothing_else() -> None:
    chance = random.Random(11)

    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for _ in range(300):
            one = CompressedConnection(connection._inner, received=chance.randbytes(chance.randrange(1, 400)))
            try:
                while one.receive_nowait():
                    pass
            except CorruptInput:
                pass

    run(play)


def test_the_end_of_a_stream_ends_all_input() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(deflated(b"bye", zlib.Z_FINISH) + b"more")
        assert await connection.receive() == b"bye"
        with pytest.raises(CorruptInput):
            await connection.receive()

    run(play)


def test_a_truncated_stream_is_the_end() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(deflated(b"a1 NOOP\r\n" * 20)[:9])
        writer.write_eof()
        got = [await connection.receive() for _ in range(3)]
        assert b"".join(got) == (b"a1 NOOP\r\n" * 20)[: len(got[0])]
        assert got[-1] == b""

    run(play)


@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("together", [True, False])
def test_what_follows_the_compressed_octets_is_as_it_came(mode: int, together: bool) -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        command = b"a1 UNAUTHENTICATE\r\n"
        writer.write(deflated(command, mode) + (b"a2 LOGIN x y\r\n" if together else b""))
        assert await received(connection, len(command)) == command
        connection.send(b"a1 OK\r\n")
        inner, rest = connection.unwrap()
        assert isinstance(inner, SocketConnection)
        assert rest == (b"a2 LOGIN x y\r\n" if together else b"")
        inner.send(b"plain\r\n")
        inner.flush()
        raw = await reader.readuntil(b"plain\r\n")
        assert zlib.decompressobj(-15).decompress(raw.removesuffix(b"plain\r\n")) == b"a1 OK\r\n"

    run(play)


def test_the_end_of_a_flush_in_any_splitting() -> None:
    """Wherever the network cuts what the peer has flushed, nothing of that is taken for what follows."""

    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        raw = deflated(b"a1 UNAUTHENTICATE\r\n") + b"a2 LOGIN x y\r\n"
        first = len(raw) - len(b"a2 LOGIN x y\r\n")
        for cuts in itertools.combinations(range(first - 6, first + 3), 2):
            pieces = [raw[: cuts[0]], raw[cuts[0] : cuts[1]], raw[cuts[1] :]]
            one = CompressedConnection(connection._inner, received=pieces.pop(0))
            data = one.receive_nowait()
            while len(data) < 19:
                one._raw, one._at = pieces.pop(0), 0
                data += one.receive_nowait()
            assert data == b"a1 UNAUTHENTICATE\r\n"
            one._raw += b"".join(pieces)
            assert one.unwrap()[1] == b"a2 LOGIN x y\r\n", cuts

    run(play)


def test_more_that_is_compressed_behind_the_end() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(deflated(b"a" * 2000))
        assert len(await connection.receive()) == 1024
        with pytest.raises(CorruptInput):
            connection.unwrap()

    run(play, piece_octets=1024)


def test_it_stands_for_the_connection_within() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inner = connection._inner
        assert (connection.peer, connection.local, connection.tls) == (inner.peer, inner.local, None)
        connection.idle_timeout = 7.0
        assert inner.idle_timeout == connection.idle_timeout == 7.0
        states = [connection.closed]
        connection.send(b"bye")
        await connection.close()
        assert zlib.decompressobj(-15).decompress(await reader.read()) == b"bye"
        assert [*states, connection.closed] == [False, True]
        connection.send(b"nobody hears")
        connection.flush()

    run(play)


def test_tls_can_not_begin_under_compression() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with pytest.raises(TlsFailed):
            await connection.start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

    run(play)


def test_a_peer_that_does_not_read_is_waited_for() -> None:
    async def play(
        connection: CompressedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        chance = random.Random(5)
        writer.write(deflated(b"a" * 100_000))  # two pieces
        assert len(await connection.receive()) == 65536
        for _ in range(200):
            connection.send(chance.randbytes(65536))
            connection.flush()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.receive()  # the second piece is there already
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        reading = asyncio.ensure_future(reader.read(-1))
        assert len(await connection.receive()) == 100_000 - 65536
        reading.cancel()

    run(play)
