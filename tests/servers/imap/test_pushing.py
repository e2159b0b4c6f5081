"""Telling a client that is waited for, by something to tell that the test holds; see test_idle and test_notify too."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from postroom.net.api import Connection, IdleTimeout
from postroom.servers.imap.pushing import Pusher
from postroom.servers.imap.session import Session
from postroom.store.api import StoreFailure

from .room import Client, Room, open_room, run


class Told:
    """session.Watcher: what the test has put in."""

    def __init__(self) -> None:
        self.on_news: Callable[[], None] | None = None
        self.news: list[bytes] = []
        self.failure: BaseException | None = None
        self.taken = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, news: bytes) -> None:
        self.news.append(b"* %b\r\n" % news)
        if self.on_news is not None:
            self.on_news()

    @property
    def has_news(self) -> bool:
        return bool(self.news)

    async def take_news(self) -> bytes:
        news, self.news = b"".join(self.news), []
        self.taken += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return news

    def close(self) -> None:
        self.gate.set()


def sessions_of(room: Room) -> list[Session]:
    """Those of the clients that connect from here on, as they come."""
    sessions: list[Session] = []

    async def serve(connection: Connection) -> None:
        sessions.append(Session(room.service, connection))
        await sessions[-1].run()

    room.service.serve = serve  # type: ignore[method-assign]
    return sessions


@asynccontextmanager
async def idling(tmp_path: Path, select: str = "") -> AsyncIterator[tuple[Client, bytes, Told, Session]]:
    """A client in IDLE, its tag, what its session watches."""
    async with open_room(tmp_path) as room:
        sessions = sessions_of(room)
        client = await room.client(select)
        told = Told()
        sessions[0].watchers.append(told)
        tag = client.start("IDLE")
        assert await client.response() == b"+ idling"
        yield client, tag, told, sessions[0]


async def done(client: Client, tag: bytes) -> list[bytes]:
    client.send(b"DONE\r\n")
    reply = await client.finish(tag)
    assert reply.ok
    return reply.untagged


def test_what_happens_in_one_turn_is_told_together(tmp_path: Path) -> None:
    async def play() -> None:
        async with idling(tmp_path) as (client, tag, told, _):
            told.put(b"1")
            told.put(b"2")
            assert [await client.response(), await client.response()] == [b"* 1", b"* 2"]
            assert told.taken == 1
            assert await done(client, tag) == []
            assert told.on_news is None

    run(play())


def test_what_happens_meanwhile_is_told_behind_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with idling(tmp_path, "INBOX") as (client, tag, told, _):
            told.gate.clear()
            told.put(b"1")
            while not told.taken:
                await asyncio.sleep(0)
            told.put(b"2")
            told.put(b"3")
            told.gate.set()
            assert [await client.response() for _ in range(3)] == [b"* 1", b"* 2", b"* 3"]
            assert told.taken == 2
            assert await done(client, tag) == []

    run(play())


def test_what_is_being_told_is_told_before_the_next_command(tmp_path: Path) -> None:
    async def play() -> None:
        async with idling(tmp_path) as (client, tag, told, _):
            told.gate.clear()
            told.put(b"1")
            while not told.taken:
                await asyncio.sleep(0)
            client.send(b"DONE\r\n")
            for _ in range(20):
                await asyncio.sleep(0)
            told.gate.set()
            assert (await client.finish(tag)).untagged == [b"* 1"]

    run(play())


def test_a_client_that_leaves_is_told_nothing_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with idling(tmp_path) as (client, _, told, session):
            told.gate.clear()
            told.put(b"1")
            while not told.taken:
                await asyncio.sleep(0)
            client.writer.write_eof()
            assert await client.eof() == b""
            assert not session.tasks

    run(play())


@pytest.mark.parametrize("failure", [StoreFailure("disk"), IdleTimeout()])
def test_trouble_costs_what_was_to_be_told(
    tmp_path: Path, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        async with idling(tmp_path) as (client, tag, told, session):
            told.failure = failure
            with caplog.at_level(logging.WARNING):
                told.put(b"1")
                while not told.taken or session.tasks:
                    await asyncio.sleep(0)
            assert ("disk" in caplog.text) == isinstance(failure, StoreFailure)
            told.failure = None
            told.put(b"2")
            assert await client.response() == b"* 2"
            assert await done(client, tag) == []

    run(play())


def test_only_who_claims_the_recent_message_needs_a_task(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            sessions = sessions_of(room)
            idlers = [await room.client("INBOX") for _ in range(5)]
            for idler in idlers:
                idler.start("IDLE")
                assert await idler.response() == b"+ idling"
            with_task: set[int] = set()

            def counted(number: int, schedule: Callable[[], None]) -> None:
                schedule()
                loop.call_soon(lambda: with_task.add(number) if sessions[number].tasks else None)

            loop = asyncio.get_running_loop()
            for number, session in enumerate(sessions):
                assert session.selected is not None
                assert session.selected.on_change is not None
                session.selected.on_change = partial(counted, number, session.selected.on_change)
            for count in (1, 2):
                with_task.clear()
                await room.deliver()
                for idler in idlers:
                    assert await idler.response() == b"* %d EXISTS" % count
                    await idler.response()
                assert len(with_task) == 1
            assert not room.service.claims

    run(play())


def test_who_is_stopped_before_claiming_leaves_the_recent_message_to_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            sessions = sessions_of(room)
            one, two = await room.client("INBOX"), await room.client("INBOX")
            await room.deliver()
            pusher = Pusher(sessions[0], idle=True)
            pusher.start()
            await asyncio.sleep(0)
            assert room.service.claims
            await pusher.stop()
            assert not room.service.claims
            assert await two.ok("NOOP") == [b"* 1 EXISTS", b"* 1 RECENT"]
            assert await one.ok("NOOP") == [b"* 1 EXISTS", b"* 0 RECENT"]

    run(play())
