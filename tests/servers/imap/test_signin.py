"""STARTTLS, LOGIN, AUTHENTICATE."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from postroom.net import client_context

from .room import Client, Room, open_room, run
from .test_service import server_context

PLAIN = b64encode(b"\0alice@x.example\0alice-secret")


async def challenge(client: Client) -> bytes:
    line = await client.response()
    assert line.startswith(b"+"), line
    return line


def test_login_with_atoms_quoted_strings_and_literals(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for arguments in (
                b"alice@x.example alice-secret",
                b'"alice@x.example" "alice-secret"',
                b"{15+}\r\nalice@x.example {12+}\r\nalice-secret",
            ):
                client = await room.connect()
                await client.ok(b"LOGIN " + arguments)
                assert (await client.command("LOGIN a b")).tagged.startswith(b"BAD")
            client = await room.connect()
            tag = client.start("LOGIN {15}")
            await challenge(client)
            client.send(b"alice@x.example {12}\r\n")
            await challenge(client)
            client.send(b"alice-secret\r\n")
            assert (await client.finish(tag)).ok

    run(play())


def test_wrong_passwords_are_counted(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_sign_in_failures=3) as room:
            client = await room.connect()
            for name in ("alice@x.example", "nobody@x.example"):
                reply = await client.command(f"LOGIN {name} wrong")
                assert reply.tagged == b"NO [AUTHENTICATIONFAILED] Wrong name or password"
            client.send(b'x LOGIN alice@x.example ""\r\n')
            assert await client.eof() == (
                b"x NO [AUTHENTICATIONFAILED] Wrong name or password\r\n* BYE Too many wrong passwords\r\n"
            )

    run(play())


def test_a_disabled_person_may_not_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            room.directory.people["alice@x.example"] = replace(room.directory.people["alice@x.example"], enabled=False)
            client = await room.connect()
            reply = await client.command("LOGIN alice@x.example alice-secret")
            assert b"[AUTHENTICATIONFAILED]" in reply.tagged

    run(play())


def test_authenticate_plain(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert (await client.command(b"AUTHENTICATE PLAIN " + PLAIN)).ok  # RFC 4959
            client = await room.connect()
            tag = client.start("authenticate plain")
            assert await challenge(client) == b"+ "
            client.send(PLAIN + b"\r\n")
            reply = await client.finish(tag)
            assert reply.tagged.startswith(b"OK [CAPABILITY IMAP4rev1")
            assert reply.tagged.endswith(b"AUTHENTICATE completed")

    run(play())


def test_authenticate_login(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            tag = client.start("AUTHENTICATE LOGIN")
            assert await challenge(client) == b"+ " + b64encode(b"Username:")
            client.send(b64encode(b"alice@x.example") + b"\r\n")
            assert await challenge(client) == b"+ " + b64encode(b"Password:")
            client.send(b64encode(b"alice-secret") + b"\r\n")
            assert (await client.finish(tag)).ok

    run(play())


def test_authenticate_goes_wrong(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert (await client.command("AUTHENTICATE X-NONE")).tagged.startswith(b"NO [CANNOT]")
            for line, answer in ((b"*", b"BAD"), (b"!", b"BAD"), (b64encode(b"a"), b"NO [AUTHENTICATIONFAILED]")):
                tag = client.start("AUTHENTICATE PLAIN")
                await challenge(client)
                client.send(line + b"\r\n")
                assert (await client.finish(tag)).tagged.startswith(answer)
            assert (await client.command(b"AUTHENTICATE PLAIN " + PLAIN)).ok

    run(play())


def test_no_password_in_the_clear(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, plaintext_sign_in_on_loopback=False) as room:
            client = await room.connect()
            for command in (b"LOGIN alice@x.example alice-secret", b"AUTHENTICATE PLAIN " + PLAIN):
                reply = await client.command(command)
                assert reply.tagged.startswith(b"NO [PRIVACYREQUIRED]")
            assert (await client.command("STARTTLS")).tagged.startswith(b"BAD")

    run(play())


async def _start_tls(room: Room, more: bytes = b"") -> Client:
    client = await room.connect()
    client.send(b"s STARTTLS\r\n" + more)
    assert (await client.finish(b"s")).ok
    context = client_context(verify=False)
    await client.writer.start_tls(context, server_hostname="localhost")
    return client


def test_starttls(tmp_path: Path) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, tls_context=lambda: context, plaintext_sign_in_on_loopback=False) as room:
            client = await _start_tls(room)
            [capability] = await client.ok("CAPABILITY")
            assert b"STARTTLS" not in capability
            assert b"LOGINDISABLED" not in capability
            assert b"AUTH=PLAIN" in capability
            assert (await client.command("STARTTLS")).tagged.startswith(b"BAD")
            await client.ok("LOGIN alice@x.example alice-secret")
            await client.ok("SELECT INBOX")
            await asyncio.sleep(0)

    run(play())


def test_nothing_sent_before_the_handshake_survives_it(tmp_path: Path) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, tls_context=lambda: context) as room:
            client = await _start_tls(room, more=b"x LOGIN alice@x.example alice-secret\r\ny LOGIN ")
            reply = await client.command("SELECT INBOX")
            assert reply.untagged == []
            assert reply.tagged.startswith(b"BAD")

    run(play())


def test_a_failed_handshake_ends_the_session_quietly(tmp_path: Path) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, tls_context=lambda: context) as room:
            client = await room.connect()
            await client.ok("STARTTLS")
            client.send(b"this is no handshake\r\n")
            try:
                await client.eof()
            except ConnectionError:
                pass

    run(play())


def test_unauthenticate(tmp_path: Path) -> None:
    """RFC 8437 §3, §4.1: the next person finds nothing of the last one."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.connect()
            assert (await client.command("UNAUTHENTICATE")).tagged == b"BAD Sign in first"
            await client.ok("LOGIN alice@x.example alice-secret")
            assert b" UNAUTHENTICATE" in (await client.ok("CAPABILITY"))[0]
            await client.ok("LANGUAGE en")
            await client.ok("SELECT INBOX")
            await client.ok("STORE 1 +FLAGS (\\Deleted)")
            tag = client.start("UNAUTHENTICATE")
            login = client.start("LOGIN bob@x.example bob-secret")  # §3: may be pipelined
            assert (await client.finish(tag)).untagged == []
            assert (await client.finish(login)).ok
            assert (await client.command("CLOSE")).tagged.startswith(b"BAD")
            assert b" LANGUAGE (en)" in (await client.ok("LANGUAGE en"))[0]
            assert (await client.command("UNAUTHENTICATE now")).tagged.startswith(b"BAD")
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
            await client.ok("UNAUTHENTICATE")
            assert (await client.command("SELECT INBOX")).tagged == b"BAD Sign in first"
            assert b" UNAUTHENTICATE" not in (await client.ok("CAPABILITY"))[0]
            other = await room.client()
            assert await other.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)"]  # not expunged

    run(play())


def test_nobody_acts_as_somebody_else(tmp_path: Path) -> None:
    """RFC 5530 §3: AUTHORIZATIONFAILED when the password was right, and only then."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            for password, code in ((b"bob-secret", b"AUTHORIZATIONFAILED"), (b"x", b"AUTHENTICATIONFAILED")):
                response = b64encode(b"alice@x.example\0bob@x.example\0" + password)
                reply = await client.command(b"AUTHENTICATE PLAIN " + response)
                assert reply.tagged.startswith(b"NO [%b] " % code), reply
                assert (await client.command("SELECT INBOX")).tagged == b"BAD Sign in first"
            response = b64encode(b"bob@x.example\0bob@x.example\0bob-secret")
            await client.ok(b"AUTHENTICATE PLAIN " + response)

    run(play())
