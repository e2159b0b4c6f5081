"""AUTHENTICATE by every mechanism, with imaplib and a SCRAM client of others."""

import asyncio
import imaplib
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from tests.signin.people import Desk
from tests.signin.scram_client import Answer, scram_answers

from postroom.accounts import CredentialExpired, DirectoryFailure, SignInBusy
from postroom.base import MailError
from postroom.net import client_context
from postroom.sasl import SCRAM_MECHANISMS

from .room import Client, Room, open_room, run
from .test_service import server_context


async def by_imaplib(room: Room, mechanism: str, answer: Answer) -> str:
    def talk() -> str:
        with imaplib.IMAP4("127.0.0.1", room.port) as peer:
            assert f"AUTH={mechanism}" in peer.capabilities
            try:
                peer.authenticate(mechanism, answer)
            except imaplib.IMAP4.error as error:
                return str(error)
            return peer.select()[0]

    return await asyncio.to_thread(talk)


@pytest.mark.parametrize("mechanism", [name for name in SCRAM_MECHANISMS if not name.endswith("-PLUS")])
def test_scram(tmp_path: Path, mechanism: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            assert await by_imaplib(room, mechanism, scram_answers(mechanism)) == "OK"
            assert "AUTHENTICATIONFAILED" in await by_imaplib(room, mechanism, scram_answers(mechanism, "wrong"))

    run(play())


def test_scram_with_an_initial_response(tmp_path: Path) -> None:
    """RFC 4959; the server's last word is a challenge with an empty answer (RFC 5802 §5)."""

    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            client = await room.connect()
            answer = scram_answers("SCRAM-SHA-256")
            reply = await converse(client, b"AUTHENTICATE SCRAM-SHA-256", answer(b""), answer)
            assert reply.startswith(b"OK [CAPABILITY ")

    run(play())


async def converse(client: Client, command: bytes, initial: bytes | None, answer: Answer) -> bytes:
    """The tagged answer; each challenge decoded and answered."""
    tag = client.start(command + (b" " + (b64encode(initial) or b"=") if initial is not None else b""))
    while True:
        line = await client.response()
        if not line.startswith(b"+"):
            assert line.startswith(tag + b" ")
            return line[len(tag) + 1 :]
        client.send(b64encode(answer(b64decode(line[2:]))) + b"\r\n")


def test_a_replayed_exchange_ends_cleanly(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            recorded: list[bytes] = []
            answer = scram_answers("SCRAM-SHA-256")

            def record(challenge: bytes) -> bytes:
                recorded.append(answer(challenge))
                return recorded[-1]

            client = await room.connect()
            assert (await converse(client, b"AUTHENTICATE SCRAM-SHA-256", None, record)).startswith(b"OK")
            other = await room.connect()
            again = iter(recorded)
            reply = await converse(other, b"AUTHENTICATE SCRAM-SHA-256", None, lambda _: next(again))
            assert reply.startswith(b"NO [AUTHENTICATIONFAILED]")
            assert (await other.command("NOOP")).ok

    run(play())


@pytest.mark.parametrize("cut", [0, 4, 20])
def test_a_truncated_exchange_ends_cleanly(tmp_path: Path, cut: int) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            client = await room.connect()
            answer = scram_answers("SCRAM-SHA-256")
            first = answer(b"")
            reply = await converse(
                client, b"AUTHENTICATE SCRAM-SHA-256", first, lambda challenge: answer(challenge)[:cut]
            )
            assert reply.startswith(b"NO [AUTHENTICATIONFAILED]")
            tag = client.start("AUTHENTICATE SCRAM-SHA-256")
            await client.response()
            client.send(b"biwsbj1ib2IsCg")  # gone in the middle of a line
            client.writer.close()
            other = await room.connect()
            assert (await other.command("NOOP")).ok
            assert tag

    run(play())


def test_an_oversized_exchange_ends_cleanly(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            client = await room.connect()
            too_much = b"n,,n=bob@foo.com,r=x,z=" + b"y" * 8_000
            reply = await converse(client, b"AUTHENTICATE SCRAM-SHA-256", None, lambda _: too_much)
            assert reply.startswith(b"NO [AUTHENTICATIONFAILED]")
            assert (await client.command("NOOP")).ok
            client.start("AUTHENTICATE SCRAM-SHA-256")
            await client.response()
            client.send(b"A" * 20_000 + b"\r\n")
            assert await client.response() == b"* BYE Line too long"
            await client.eof()

    run(play())


def test_a_downgraded_exchange_ends_cleanly(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in=Desk().sign_in) as room:
            client = await room.connect()
            bound = b"p=tls-server-end-point,,n=bob@foo.com,r=x"  # to a mechanism without -PLUS
            reply = await converse(client, b"AUTHENTICATE SCRAM-SHA-256", bound, lambda _: b"")
            assert reply.startswith(b"NO [AUTHENTICATIONFAILED]")

    run(play())


@pytest.mark.parametrize("trouble", [SignInBusy("many"), DirectoryFailure("disk")])
def test_trouble_is_no_wrong_password(tmp_path: Path, trouble: MailError) -> None:
    async def play() -> None:
        desk = Desk()
        desk.people.trouble = trouble
        async with open_room(tmp_path, sign_in=desk.sign_in, max_sign_in_failures=1) as room:
            client = await room.connect()
            for command in (b"LOGIN bob@foo.com 1234", b"AUTHENTICATE PLAIN " + b64encode(b"\0bob@foo.com\x001234")):
                assert (await client.command(command)).tagged.startswith(b"NO [UNAVAILABLE] ")

    run(play())


def test_who_is_kept_out_is_told_to_try_later(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk()
        desk.guard.closed = True
        async with open_room(tmp_path, sign_in=desk.sign_in) as room:
            client = await room.connect()
            assert (await client.command(b"LOGIN bob@foo.com 1234")).tagged.startswith(b"NO [UNAVAILABLE] ")

    run(play())


def test_what_has_expired_is_told_so(tmp_path: Path) -> None:
    """RFC 5530 §3"""

    async def play() -> None:
        desk = Desk()
        desk.people.trouble = CredentialExpired("since yesterday")
        async with open_room(tmp_path, sign_in=desk.sign_in) as room:
            client = await room.connect()
            assert (await client.command(b"LOGIN bob@foo.com 1234")).tagged.startswith(b"NO [EXPIRED] ")

    run(play())


def test_starttls_injection_signs_nobody_in(tmp_path: Path) -> None:
    """What came in the clear behind STARTTLS is nobody's word under TLS."""
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        plain = b64encode(b"\0bob@foo.com\x001234")
        behind = b"x AUTHENTICATE PLAIN " + plain + b"\r\ny LOGIN bob@foo.com 1234\r\nz SELECT INBOX\r\n"
        async with open_room(tmp_path, sign_in=Desk().sign_in, tls_context=lambda: context) as room:
            client = await room.connect()
            assert await client.ok("LANGUAGE EN") == [b"* LANGUAGE (en)"]
            client.send(b"s STARTTLS\r\n" + behind)
            assert (await client.finish(b"s")).ok
            await client.writer.start_tls(client_context(verify=False), server_hostname="localhost")
            reply = await client.command("SELECT INBOX")
            assert (reply.untagged, reply.tagged) == ([], b"BAD Sign in first")
            assert (await client.command("LOGIN bob@foo.com 1234")).ok
            chosen = await client.ok(
                "LANGUAGE EN"
            )  # RFC 5255 §3.1: which is a change, as what came before is forgotten
            assert [line.split(b" ")[1] for line in chosen] == [b"LANGUAGE", b"NAMESPACE"]

    run(play())
