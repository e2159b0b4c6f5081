"""Greeting and capabilities: what is offered is what works in that state."""

import ssl
from pathlib import Path

from postroom.imap import ImapSettings
from postroom.net import client_context, self_signed

from .room import open_room, run

BEFORE = b"IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE LANGUAGE".split()
AFTER = b"NAMESPACE CHILDREN LIST-EXTENDED SPECIAL-USE CREATE-SPECIAL-USE UNSELECT UIDPLUS MOVE".split()


def words(line: bytes) -> list[bytes]:
    """The capabilities in a line that tells them."""
    return line.partition(b"CAPABILITY ")[2].partition(b"]")[0].split()


def server_context(directory: Path) -> ssl.SSLContext:
    certificate, key = self_signed(directory, "localhost", 30, 1_700_000_000.0 * 1.1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_plaintext_on_loopback_with_leave(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert client.greeting.endswith(b"] mail.x.example Postroom ready")
            before = words(client.greeting)
            assert set(before) == {*BEFORE, b"AUTH=PLAIN", b"AUTH=LOGIN"}
            reply = await client.command("LOGIN alice@x.example alice-secret")
            assert reply.tagged.startswith(b"OK [CAPABILITY ")
            after = words(reply.tagged)
            assert set(after) >= {*BEFORE, *AFTER}
            assert not {b"AUTH=PLAIN", b"STARTTLS", b"LOGINDISABLED"} & set(after)
            assert [words(line) for line in await client.ok("CAPABILITY")] == [after]

    run(play())


def test_plaintext_without_leave_offers_starttls_only(tmp_path: Path) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, tls_context=lambda: context, plaintext_sign_in_on_loopback=False) as room:
            client = await room.connect()
            assert set(words(client.greeting)) == {*BEFORE, b"STARTTLS", b"LOGINDISABLED"}

    run(play())


def test_implicit_tls_offers_sign_in(tmp_path: Path) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, tls_context=lambda: context, implicit_tls=context) as room:
            client = await room.connect(tls=client_context(verify=False))
            assert {b"AUTH=PLAIN", b"AUTH=LOGIN"} < set(words(client.greeting))
            await client.ok("LOGIN alice@x.example alice-secret")

    run(play())


def test_the_version_is_told_when_there_is_one(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            assert room.service.identification == b'* ID ("name" "Postroom" "vendor" "Postroom")\r\n'

    run(play())


def test_what_is_withheld_is_neither_told_nor_enabled(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, withheld_capabilities=("uidonly", "LANGUAGE")) as room:
            client = await room.connect()
            assert b"LANGUAGE" not in words(client.greeting)
            told = words((await client.command("LOGIN alice@x.example alice-secret")).tagged)
            assert not {b"UIDONLY", b"LANGUAGE"} & set(told)
            assert b"QRESYNC" in told
            assert await client.ok("ENABLE UIDONLY QRESYNC") == [b"* ENABLED QRESYNC"]
            await client.ok("SELECT INBOX")
            await client.ok("SEARCH ALL")  # which UIDONLY would have refused

    run(play())


def test_literal_minus_is_told_when_the_engine_keeps_to_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            room.service.engine_settings = ImapSettings(literal_minus=True)
            client = await room.connect()
            assert b"[CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR" in client.greeting

    run(play())
