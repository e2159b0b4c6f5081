"""rspamd over HTTP."""

import asyncio
import json

import pytest
from tests.filters.peers import BODY, HEADER, SOURCE, content, lines, run, serving

from postroom.filters.rspamd import RspamdFilter
from postroom.filters.types import FilterFailed, Verdict

ANSWER = json.dumps({"action": "add header", "score": 6.5, "required_score": 15.0}).encode()


async def request(reader: asyncio.StreamReader) -> bytes:
    """The body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(size)


def response(body: bytes, *, status: str = "200 OK", keep: bool = False) -> bytes:
    kept = "keep-alive" if keep else "close"
    return f"HTTP/1.1 {status}\r\nConnection: {kept}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(address: str, times: int = 1, **settings: object) -> list[Verdict]:
    all_of_it = lines("rspamd", address, **settings)
    try:
        asker = RspamdFilter(all_of_it, "foo.com")
        return [await asker.check(SOURCE, content()) for _ in range(times)]
    finally:
        all_of_it.close()


def test_the_message_goes_as_it_is() -> None:
    async def body() -> None:
        got = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append(await request(reader))
            writer.write(response(ANSWER))

        async with serving(talk) as peer:
            (verdict,) = await ask(peer.address)
        assert got == [HEADER + BODY]
        assert (verdict.action, verdict.points) == ("junk", 6.5)

    run(body())


@pytest.mark.parametrize(("keep", "calls"), [(True, 1), (False, 3)])
def test_a_connection_is_kept_when_it_says_so(keep: bool, calls: int) -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await request(reader)
                writer.write(response(ANSWER, keep=keep))
                if not keep:
                    return

        async with serving(talk) as peer:
            assert len(await ask(peer.address, 3)) == 3
            assert peer.calls == calls

    run(body())


def test_a_kept_connection_that_was_closed_is_no_failure() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            writer.write(response(ANSWER, keep=True))  # and closes all the same

        async with serving(talk) as peer:
            assert len(await ask(peer.address, 2)) == 2

    run(body())


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n", response(b"{}", status="500 Oops"), response(b"{}"), response(ANSWER)[:-5]]
)
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            writer.write(answer)

        async with serving(talk) as peer:
            with pytest.raises(FilterFailed):
                await ask(peer.address)

    run(body())


def test_an_answer_that_is_framed_by_the_end_is_read() -> None:
    async def body() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER)

        async with serving(talk) as peer:
            assert (await ask(peer.address))[0].action == "junk"

    run(body())
