"""AUTH by every mechanism, with smtplib and a SCRAM client of others."""

import asyncio
import json
import smtplib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.signin.people import BOB, PASSWORD, Desk
from tests.signin.scram_client import Answer, bearer, scram_answers, xoauth2

from postroom.accounts import DirectoryFailure, SignInBusy
from postroom.base import MailError
from postroom.net import client_context
from postroom.sasl import SCRAM_MECHANISMS
from postroom.smtp import SmtpSettings

from .room import Client, Room, client, serving

UNBOUND = [name for name in SCRAM_MECHANISMS if not name.endswith("-PLUS")]


@asynccontextmanager
async def desk_room(desk: Desk, settings: SmtpSettings | None = None) -> AsyncIterator[Room]:
    async with serving(settings) as room:
        for service in room.services.values():
            service.sign_in = desk.sign_in
        yield room


async def by_smtplib(room: Room, mechanism: str, answer: Answer, *, initial: bool) -> int:
    """The reply's code; what follows sign-in was tried when it is 235."""

    def talk() -> int:
        with smtplib.SMTP_SSL("127.0.0.1", room.port("submissions"), context=client_context(verify=False)) as peer:
            peer.ehlo("bar.com")
            assert mechanism in peer.esmtp_features["auth"].split()

            def said(challenge: bytes | None = None) -> str:
                return answer(challenge or b"").decode("ascii")

            try:
                code, _ = peer.auth(mechanism, said, initial_response_ok=initial)
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_code
            peer.sendmail(BOB, ["carol@elsewhere.org"], "Subject: x\r\n\r\ny\r\n")
            return code

    return await asyncio.to_thread(talk)


async def converse(peer: Client, command: str, answer: Answer) -> str:
    """The reply that ends it; each challenge decoded and answered."""
    (line,) = await peer.say(command)
    while line.startswith("334 "):
        (line,) = await peer.say(b64encode(answer(b64decode(line[4:]))).decode())
    return line


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("mechanism", UNBOUND)
def test_scram(mechanism: str, initial: bool) -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room:
            assert await by_smtplib(room, mechanism, scram_answers(mechanism), initial=initial) == 235
            assert len(await room.queued()) == 1
            wrong = scram_answers(mechanism, "wrong")
            assert await by_smtplib(room, mechanism, wrong, initial=initial) == 535

    asyncio.run(body())


@pytest.mark.parametrize(("mechanism", "message"), [("OAUTHBEARER", bearer), ("XOAUTH2", xoauth2)])
def test_tokens(mechanism: str, message: Callable[[str], bytes]) -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room:
            good = message("token-of-bob")
            assert await by_smtplib(room, mechanism, lambda _: good, initial=True) == 235
            assert len(await room.queued()) == 1

    asyncio.run(body())


def test_a_refused_token_is_told_before_it_fails() -> None:
    """RFC 7628 §3.2.2, §3.2.3"""

    async def body() -> None:
        async with desk_room(Desk()) as room, client(room, "submissions") as peer:
            said = b64encode(bearer("forged")).decode()
            (line,) = await peer.say(f"AUTH OAUTHBEARER {said}")
            assert json.loads(b64decode(line.removeprefix("334 ")))["status"] == "invalid_token"
            assert await peer.say("AQ==") == ["535 5.7.8 Authentication credentials invalid"]
            (line,) = await peer.say(f"AUTH OAUTHBEARER {said}")
            assert line.startswith("334 ")
            assert (await peer.say("*"))[0].startswith("501 5.7.0")
            assert await peer.say("NOOP") == ["250 2.0.0 Ok"]

    asyncio.run(body())


def test_a_replayed_exchange_ends_cleanly() -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room:
            recorded: list[bytes] = []
            answer = scram_answers("SCRAM-SHA-256")

            def record(challenge: bytes) -> bytes:
                recorded.append(answer(challenge))
                return recorded[-1]

            async with client(room, "submissions") as peer:
                assert (await converse(peer, "AUTH SCRAM-SHA-256", record)).startswith("235 ")
            again = iter(recorded)
            async with client(room, "submissions") as peer:
                assert (await converse(peer, "AUTH SCRAM-SHA-256", lambda _: next(again))).startswith("535 5.7.8 ")
                assert await peer.say("NOOP") == ["250 2.0.0 Ok"]

    asyncio.run(body())


@pytest.mark.parametrize("cut", [0, 4, 20])
def test_a_truncated_exchange_ends_cleanly(cut: int) -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room:
            answer, turns = scram_answers("SCRAM-SHA-256"), iter((None, cut))

            def cutting(challenge: bytes) -> bytes:
                return answer(challenge)[: next(turns)]

            async with client(room, "submissions") as peer:
                assert (await converse(peer, "AUTH SCRAM-SHA-256", cutting)).startswith("535 5.7.8 ")
                await peer.say("AUTH SCRAM-SHA-256")
                peer.writer.write(b"biwsbj1ib2Is")  # gone in the middle of a line
            async with client(room, "submissions") as peer:
                assert await peer.say("NOOP") == ["250 2.0.0 Ok"]

    asyncio.run(body())


def test_an_oversized_exchange_ends_cleanly() -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room, client(room, "submissions") as peer:
            long = b"n,,n=bob@foo.com,r=x,z=" + b"y" * 8_000
            assert (await converse(peer, "AUTH SCRAM-SHA-256", lambda _: long)).startswith("535 5.7.8 ")
            await peer.say("AUTH SCRAM-SHA-256")
            assert (await peer.say("A" * 13_000))[0].startswith("500 5.5.6 ")  # RFC 4954 §4
            assert await peer.say("NOOP") == ["250 2.0.0 Ok"]

    asyncio.run(body())


@pytest.mark.parametrize(
    ("trouble", "reply"), [(SignInBusy("many"), "454 4.7.0 "), (DirectoryFailure("disk"), "454 4.7.0 ")]
)
def test_trouble_is_no_wrong_password(trouble: MailError, reply: str) -> None:
    async def body() -> None:
        desk = Desk()
        desk.people.trouble = trouble
        async with desk_room(desk, SmtpSettings(max_auth_failures=1)) as room, client(room, "submissions") as peer:
            plain = b64encode(f"\0{BOB}\0{PASSWORD}".encode()).decode()
            for _ in range(3):
                assert (await peer.say(f"AUTH PLAIN {plain}"))[0].startswith("454 4.7.0 ")

    asyncio.run(body())


def test_who_is_kept_out_is_told_to_try_later() -> None:
    async def body() -> None:
        desk = Desk()
        desk.guard.closed = True
        async with desk_room(desk) as room, client(room, "submissions") as peer:
            plain = b64encode(f"\0{BOB}\0{PASSWORD}".encode()).decode()
            assert await peer.say(f"AUTH PLAIN {plain}") == [
                "454 4.7.0 Too many failed sign-ins, please try again later"
            ]

    asyncio.run(body())


def test_no_sign_in_before_tls_by_any_mechanism() -> None:
    async def body() -> None:
        async with desk_room(Desk()) as room, client(room, "submission") as peer:
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "OAUTHBEARER", "EXTERNAL"):
                assert (await peer.say(f"AUTH {mechanism} ="))[0].startswith("538 5.7.11 ")

    asyncio.run(body())


def test_starttls_injection_signs_nobody_in() -> None:
    """What came in the clear behind STARTTLS, an exchange under way too, is nobody's word under TLS."""

    async def body() -> None:
        async with desk_room(Desk()) as room, client(room, "submission") as peer:
            plain = b64encode(f"\0{BOB}\0{PASSWORD}".encode())
            peer.writer.write(b"STARTTLS\r\nEHLO evil\r\nAUTH PLAIN " + plain + b"\r\nMAIL FROM:<bob@foo.com>\r\n")
            assert (await peer.lines())[0].startswith("220 ")
            await peer.writer.start_tls(client_context(verify=False))
            assert (await peer.say("MAIL FROM:<bob@foo.com>"))[0].startswith("503 5.5.1 Say hello")
            await peer.say("EHLO bar.com")
            assert (await peer.say("MAIL FROM:<bob@foo.com>"))[0].startswith("530 5.7.0 Authentication")

    asyncio.run(body())
