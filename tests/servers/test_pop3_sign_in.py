"""AUTH of POP3 by every mechanism, with a SCRAM client of others, and USER and PASS."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.signin.people import BOB, PASSWORD, Desk
from tests.signin.scram_client import Answer, bearer, scram_answers, xoauth2

from postroom.accounts import DirectoryFailure, SignInBusy
from postroom.base import MailError, SystemClock
from postroom.net import ServerTls, client_context, self_signed
from postroom.pop3 import Pop3Settings
from postroom.sasl import SCRAM_MECHANISMS

from .test_pop3 import Room, room

SETTINGS = Pop3Settings()
UNBOUND = [name for name in SCRAM_MECHANISMS if not name.endswith("-PLUS")]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    return ServerTls(*self_signed(tmp_path_factory.mktemp("tls"), "mail.bob.test", 30, SystemClock().now()))


class Peer:
    """Says a line, hears a line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def say(self, line: bytes) -> bytes:
        self.writer.write(line + b"\r\n")
        return await self.line()

    async def converse(self, command: bytes, answer: Answer) -> bytes:
        line = await self.say(command)
        while line.startswith(b"+ "):
            line = await self.say(b64encode(answer(b64decode(line[2:]))))
        return line

    async def capabilities(self) -> list[bytes]:
        assert (await self.say(b"CAPA")).startswith(b"+OK")
        lines = []
        while (line := await self.line()) != b".":
            lines.append(line)
        return lines


@asynccontextmanager
async def connected(made: Room, *, tls: bool = True) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", made.port, ssl=client_context(verify=False) if tls else None
    )
    peer = Peer(reader, writer)
    try:
        assert (await peer.line()).startswith(b"+OK")
        yield peer
    finally:
        writer.close()


def play(
    body: Callable[[Room], Coroutine[Any, Any, None]],
    folder: Path,
    tls: ServerTls,
    desk: Desk,
    *,
    settings: Pop3Settings = SETTINGS,
    implicit: bool = True,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), room(folder, tls, settings=settings, implicit=implicit) as made:
            made.service.sign_in = desk.sign_in
            await body(made)

    asyncio.run(run())


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("mechanism", UNBOUND)
def test_scram(tmp_path: Path, tls: ServerTls, mechanism: str, initial: bool) -> None:
    async def body(made: Room) -> None:
        for password, said in ((PASSWORD, b"+OK maildrop has "), ("wrong", b"-ERR [AUTH] ")):
            async with connected(made) as peer:
                answer = scram_answers(mechanism, password)
                command = b"AUTH " + mechanism.encode()
                if initial:
                    command += b" " + b64encode(answer(b""))
                assert (await peer.converse(command, answer)).startswith(said)

    play(body, tmp_path, tls, Desk())


def test_what_is_offered(tmp_path: Path, tls: ServerTls) -> None:
    async def body(made: Room) -> None:
        async with connected(made, tls=False) as peer:
            assert not any(line.startswith((b"SASL", b"USER")) for line in await peer.capabilities())
            assert (await peer.say(b"STLS")).startswith(b"+OK")
            await peer.writer.start_tls(client_context(verify=False))
            offered = await peer.capabilities()
            assert b"USER" in offered
            (line,) = [line for line in offered if line.startswith(b"SASL ")]
            assert {b"SCRAM-SHA-256", b"SCRAM-SHA-1", b"OAUTHBEARER", b"XOAUTH2", b"PLAIN", b"LOGIN"} <= set(
                line.split()
            )
            assert b"EXTERNAL" not in line.split()

    play(body, tmp_path, tls, Desk(), implicit=False)


def test_tokens(tmp_path: Path, tls: ServerTls) -> None:
    async def body(made: Room) -> None:
        for mechanism, message in ((b"OAUTHBEARER", bearer), (b"XOAUTH2", xoauth2)):
            async with connected(made) as peer:
                good = b64encode(message("token-of-bob"))
                assert (await peer.say(b"AUTH " + mechanism + b" " + good)).startswith(b"+OK maildrop has ")

    play(body, tmp_path, tls, Desk())


def test_an_auth_command_may_be_as_long_as_a_token(tmp_path: Path, tls: ServerTls) -> None:
    async def body(made: Room) -> None:
        async with connected(made) as peer:
            long = b"AUTH OAUTHBEARER " + b64encode(bearer("x" * 5_000))
            assert (await peer.converse(long, lambda _: b"\x01")).startswith(b"-ERR [AUTH] ")
            assert await peer.say(b"USER " + b"x" * 300) == b"-ERR line too long"
            assert await peer.say(b"auth PLAIN " + b"A" * 13_000) == b"-ERR line too long"

    play(body, tmp_path, tls, Desk())


def test_a_replayed_exchange_ends_cleanly(tmp_path: Path, tls: ServerTls) -> None:
    async def body(made: Room) -> None:
        recorded: list[bytes] = []
        answer = scram_answers("SCRAM-SHA-256")

        def record(challenge: bytes) -> bytes:
            recorded.append(answer(challenge))
            return recorded[-1]

        async with connected(made) as peer:
            assert (await peer.converse(b"AUTH SCRAM-SHA-256", record)).startswith(b"+OK ")
            assert (await peer.say(b"QUIT")).startswith(b"+OK")
        again = iter(recorded)
        async with connected(made) as peer:
            assert (await peer.converse(b"AUTH SCRAM-SHA-256", lambda _: next(again))).startswith(b"-ERR [AUTH] ")
            assert (await peer.capabilities()) != []

    play(body, tmp_path, tls, Desk())


@pytest.mark.parametrize("cut", [0, 4, 20])
def test_a_truncated_exchange_ends_cleanly(tmp_path: Path, tls: ServerTls, cut: int) -> None:
    async def body(made: Room) -> None:
        answer, turns = scram_answers("SCRAM-SHA-256"), iter((None, cut))
        async with connected(made) as peer:
            said = await peer.converse(b"AUTH SCRAM-SHA-256", lambda challenge: answer(challenge)[: next(turns)])
            assert said.startswith(b"-ERR [AUTH] ")
            assert await peer.say(b"AUTH SCRAM-SHA-256") == b"+ "
            peer.writer.write(b"biwsbj1ib2Is")  # gone in the middle of a line
        async with connected(made) as peer:
            assert (await peer.capabilities()) != []

    play(body, tmp_path, tls, Desk())


def test_an_oversized_exchange_ends_cleanly(tmp_path: Path, tls: ServerTls) -> None:
    async def body(made: Room) -> None:
        async with connected(made) as peer:
            long = b"n,,n=bob@foo.com,r=x,z=" + b"y" * 8_000
            assert (await peer.converse(b"AUTH SCRAM-SHA-256", lambda _: long)).startswith(b"-ERR [AUTH] ")
            assert await peer.say(b"AUTH SCRAM-SHA-256") == b"+ "
            assert await peer.say(b"A" * 13_000) == b"-ERR line too long"
            assert (await peer.capabilities()) != []

    play(body, tmp_path, tls, Desk())


@pytest.mark.parametrize("trouble", [SignInBusy("many"), DirectoryFailure("disk")])
def test_trouble_is_no_wrong_password(tmp_path: Path, tls: ServerTls, trouble: MailError) -> None:
    desk = Desk()
    desk.people.trouble = trouble

    async def body(made: Room) -> None:
        async with connected(made) as peer:
            for _ in range(3):
                assert await peer.say(b"USER bob@foo.com") == b"+OK"
                assert (await peer.say(b"PASS 1234")).startswith(b"-ERR [SYS/TEMP] ")
            plain = b64encode(f"\0{BOB}\0{PASSWORD}".encode())
            assert (await peer.say(b"AUTH PLAIN " + plain)).startswith(b"-ERR [SYS/TEMP] ")

    play(body, tmp_path, tls, desk, settings=Pop3Settings(max_sign_in_failures=1))


def test_who_is_kept_out_is_told_to_try_later(tmp_path: Path, tls: ServerTls) -> None:
    desk = Desk()
    desk.guard.closed = True

    async def body(made: Room) -> None:
        async with connected(made) as peer:
            assert await peer.say(b"USER bob@foo.com") == b"+OK"
            said = await peer.say(b"PASS 1234")
            assert said == b"-ERR [SYS/TEMP] Too many failed sign-ins, please try again later"

    play(body, tmp_path, tls, desk)


def test_starttls_injection_signs_nobody_in(tmp_path: Path, tls: ServerTls) -> None:
    """What came in the clear behind STLS is nobody's word under TLS."""

    async def body(made: Room) -> None:
        async with connected(made, tls=False) as peer:
            plain = b64encode(f"\0{BOB}\0{PASSWORD}".encode())
            peer.writer.write(b"STLS\r\nAUTH PLAIN " + plain + b"\r\nUSER bob@foo.com\r\nPASS 1234\r\n")
            assert (await peer.line()).startswith(b"+OK")
            await peer.writer.start_tls(client_context(verify=False))
            assert (await peer.say(b"STAT")).startswith(b"-ERR STAT can't be given")
            assert (await peer.say(b"PASS 1234")).startswith(b"-ERR USER comes before")

    play(body, tmp_path, tls, Desk(), implicit=False)
