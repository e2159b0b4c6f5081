"""CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE."""

from pathlib import Path

from .room import open_room, run


def test_the_commands_that_look_at_no_mail(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            [capability] = await client.ok("CAPABILITY")
            assert capability.startswith(b"* CAPABILITY IMAP4rev1 ")
            assert await client.ok("NOOP") == []
            assert await client.ok("check") == []
            assert await client.ok('ID ("name" "test" "version" NIL)') == [
                b'* ID ("name" "Postroom" "vendor" "Postroom")'
            ]
            assert await client.ok("ID NIL")
            assert await client.ok("ENABLE X-UNKNOWN") == [b"* ENABLED"]

    run(play())


def test_logout_says_bye_and_ends(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            reply = await client.command("LOGOUT")
            assert reply.untagged == [b"* BYE Logging out"]
            assert reply.ok
            assert await client.eof() == b""

    run(play())


def test_logout_before_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            client.send(b"a LOGOUT\r\nb NOOP\r\n")
            assert await client.eof() == b"* BYE Logging out\r\na OK LOGOUT completed\r\n"

    run(play())


def test_enable_changes_nothing_in_capability(tmp_path: Path) -> None:
    """RFC 5161 §3.1, RFC 9051 §6.3.1"""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            before = await client.ok("CAPABILITY")
            await client.ok("ENABLE IMAP4rev2 UTF8=ACCEPT QRESYNC UIDONLY METADATA")
            assert await client.ok("CAPABILITY") == before

    run(play())
