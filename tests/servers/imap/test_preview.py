"""PREVIEW (RFC 8970): kept with the message, made for old ones, never made for LAZY."""

from pathlib import Path

import apsw
import pytest

from .room import both_stores, message, open_room, run


def words(text: str) -> bytes:
    return message("x", text.encode()).replace(
        b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 1
    )


@both_stores
def test_previews(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for text in ("Preview text!\r\n", 'a "quoted" word', "früh", ""):
                await room.deliver(words(text))
            client = await room.client("INBOX")
            fr = "früh".encode()
            for item in ("PREVIEW", "PREVIEW (LAZY)"):
                assert await client.ok(f"FETCH 1:4 ({item} UID)") == [
                    b'* 1 FETCH (PREVIEW "Preview text!" UID 1)',
                    b'* 2 FETCH (PREVIEW "a \\"quoted\\" word" UID 2)',
                    b"* 3 FETCH (PREVIEW {5}\r\n%b UID 3)" % fr,
                    b'* 4 FETCH (PREVIEW "" UID 4)',
                ]
            await client.ok("ENABLE UTF8=ACCEPT")
            assert await client.ok("FETCH 3 PREVIEW") == [b'* 3 FETCH (PREVIEW "%b")' % fr]
            assert await client.ok("FETCH 1:4 FLAGS") == [b"* %d FETCH (FLAGS (\\Recent))" % n for n in range(1, 5)]

    run(play())


def test_of_messages_stored_before_previews_were_kept(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "sqlite", max_preview_read_octets=100_000) as room:
            for prefix in (b"", b"Return-Path: <x@y.example>\r\n"):
                await room.deliver(words("Preview text!\r\n"), prefix=prefix)
            await room.deliver(words("x" * 150 + "\r\n" + "y" * 300_000))
            [path] = tmp_path.rglob("1/mail.db")
            with apsw.Connection(str(path)) as db:
                db.execute("UPDATE contents SET preview = NULL")
            client = await room.client("INBOX")
            assert await client.ok("FETCH 1:3 PREVIEW (LAZY)") == [b"* %d FETCH (PREVIEW NIL)" % n for n in (1, 2, 3)]
            old = await client.ok("FETCH 1:3 (PREVIEW UID)")
            assert old[:2] == [b'* %d FETCH (PREVIEW "Preview text!" UID %d)' % (n, n) for n in (1, 2)]
            assert old[2].startswith(b'* 3 FETCH (PREVIEW "' + b"x" * 150 + b" y")
            assert len(old[2]) < 300

    run(play())


@pytest.mark.parametrize("item", ["PREVIEW (EAGER)", "PREVIEW ()", "PREVIEW (LAZY", "PREVIEW(LAZY)", "PREVIEW LAZY"])
def test_bad_modifiers(tmp_path: Path, item: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            assert (await client.command(f"FETCH 1 {item}")).tagged.startswith(b"BAD")

    run(play())
