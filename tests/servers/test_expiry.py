"""EXPIRE: what a POP3 client has retrieved and left goes after some days, and nothing else does (RFC 2449 §6.7)."""

from pathlib import Path

import pytest
from tests.pop3.play import MESSAGES
from tests.servers.test_pop3 import Client, Room, room, run

from postroom.base import FakeClock, SystemClock
from postroom.net import ServerTls, self_signed
from postroom.pop3 import Pop3Settings

DAY = 86_400.0


@pytest.fixture
def tls(tmp_path: Path) -> ServerTls:
    return ServerTls(*self_signed(tmp_path / "tls", "mail.bob.test", 30, SystemClock().now()))


def settings(days: int | None) -> Pop3Settings:
    return Pop3Settings(plaintext_sign_in_on_loopback=True, expire_days=days)


async def session(made: Room, *commands: bytes) -> list[bytes]:
    """The first lines of the answers; multi-line ones are read to their end."""
    client = await Client.connect(made)
    assert (await client.sign_in()).startswith(b"+OK")
    answers = []
    for command in commands:
        answers.append(await client.say(command))
        if command.startswith((b"RETR", b"TOP")):
            while await client.line() != b".":
                pass
    await client.close()
    return answers


async def uids_after(made: Room, days: float, *commands: bytes) -> list[int]:
    """What is in INBOX after a session so many days from now."""
    made.service.clock = FakeClock(SystemClock().now() + days * DAY)
    await session(made, *commands)
    return await made.uids(made.bob)


def test_what_was_retrieved_and_left_goes_after_its_days(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=settings(7)) as made:
            everything = await made.uids(made.bob)
            assert len(everything) == len(MESSAGES)
            assert await uids_after(made, 0, b"RETR 1", b"TOP 2 0", b"QUIT") == everything
            assert await uids_after(made, 6.9, b"QUIT") == everything
            # the second message is as old, and nobody has taken it away yet
            assert await uids_after(made, 7.1, b"QUIT") == everything[1:]
            assert await uids_after(made, 30, b"RETR 1", b"QUIT") == everything[2:]
            assert await uids_after(made, 60, b"QUIT") == everything[2:]

    run(body())


def test_without_quit_nothing_goes(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        for number, days in enumerate((0, 7)):
            async with room(tmp_path / str(number), tls, settings=settings(days)) as made:
                everything = await made.uids(made.bob)
                assert await uids_after(made, 30, b"RETR 1") == everything
                assert await uids_after(made, 31, b"QUIT") == everything

    run(body())


def test_expire_0_leaves_nothing_that_was_retrieved(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=settings(0)) as made:
            everything = await made.uids(made.bob)
            assert await uids_after(made, 0, b"RETR 2", b"DELE 1", b"QUIT") == everything[2:]

    run(body())


def test_by_default_nothing_expires(tmp_path: Path, tls: ServerTls) -> None:
    async def body() -> None:
        async with room(tmp_path, tls, settings=settings(None)) as made:
            everything = await made.uids(made.bob)
            assert await uids_after(made, 0, b"RETR 1", b"QUIT") == everything
            assert await uids_after(made, 10_000, b"RETR 1", b"QUIT") == everything

    run(body())
