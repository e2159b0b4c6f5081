"""CATENATE's URLs against the store (RFC 4469; the dialogues are in tests/transcripts)."""

from dataclasses import replace
from pathlib import Path

import pytest

from .room import MESSAGE, both_stores, open_room, run

LARGE = MESSAGE + b"0123456789abcdef\r\n" * 20_000


async def status(client: "object", mailbox: str) -> bytes:
    [line] = await client.ok(f"STATUS {mailbox} (MESSAGES)")  # type: ignore[attr-defined]
    return bytes(line)


@both_stores
def test_sections_of_small_and_large_messages(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("Drafts")
            await room.deliver()
            await room.deliver(LARGE)
            header, _, body = MESSAGE.partition(b"\r\n\r\n")
            urls = (
                (b"/INBOX/;UID=1", MESSAGE),
                (b"/INBOX/;UID=2", LARGE),
                (b"/inbox/;UID=1/;SECTION=HEADER", header + b"\r\n\r\n"),
                (b"/INBOX/;UID=1/;SECTION=TEXT", body),
                (b"/INBOX/;UID=1/;SECTION=1", body),
                (b"/INBOX/;UID=2/;SECTION=HEADER.FIELDS%20(SUBJECT)", b"Subject: afternoon meeting\r\n\r\n"),
                (b"/INBOX/;UID=2/;SECTION=HEADER.FIELDS%20(SUBJECT)/;PARTIAL=9.9", b"afternoon"),
                (b"/INBOX/;UID=2/;PARTIAL=100", LARGE[100:]),
                (b"/INBOX/;UID=2/;SECTION=TEXT/;PARTIAL=300000.4", LARGE[len(header) + 300_004 :][:4]),
            )
            for made, (url, octets) in enumerate(urls, start=1):
                reply = await client.command(b'APPEND Drafts CATENATE (TEXT {3+}\r\na\r\n URL "%b")' % url)
                assert reply.ok, url
                [line] = await client.ok(b"FETCH %d BODY.PEEK[]" % made)
                assert line == b"* %d FETCH (BODY[] {%d}\r\na\r\n%b)" % (made, len(octets) + 3, octets)

    run(play())


@pytest.mark.parametrize(
    "url",
    [
        "/INBOX/;UID=2",
        "/INBOX/;UID=1/;SECTION=2",
        "/INBOX/;UID=1/;SECTION=1.MIME.x",
        "/INBOX;UIDVALIDITY=1/;UID=1",
        "/nowhere/;UID=1",
        "/INBOX",
        "/../bob/INBOX/;UID=1",
        "imap://bob@mail.x.example/INBOX/;UID=1",
        "//mail.x.example/INBOX/;UID=1",
        "file:///etc/passwd",
        ";UID=1",
        "x" * 5000,
    ],
)
def test_what_names_nothing(tmp_path: Path, url: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await room.deliver()
            for rest in (b")", b" TEXT {8+}\r\nx LOGOUT)", b" TEXT {99}"):
                command = b'APPEND INBOX CATENATE (TEXT {1+}\r\nx URL "%b"' % url.encode() + rest
                reply = await client.finish(client.start(command))
                assert reply.tagged.startswith(b'NO [BADURL "%b"] ' % url.encode()[:1000])
            assert await status(client, "INBOX") == b"* STATUS INBOX (MESSAGES 1)"

    run(play())


def test_a_hostile_url_is_one_line_of_answer(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            url = b'/x"]\r\n* BYE\r\n'
            reply = await client.command(b"APPEND INBOX CATENATE (URL {%d+}\r\n%b)" % (len(url), url))
            assert reply.tagged.startswith(b'NO [BADURL "/x%22%5D%0D%0A*%20BYE%0D%0A"] ')
            await client.ok("NOOP")

    run(play())


@both_stores
def test_urls_count_against_the_limits(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=900, max_append_total_octets=1400) as room:
            client = await room.client()
            alice = room.directory.people["alice@x.example"]
            await room.deliver()
            url = b'URL "/INBOX/;UID=1"'
            three = b" ".join([url] * 3)
            assert (await client.command(b"APPEND Sent CATENATE (%b)" % three)).tagged.startswith(b"NO [TOOBIG]")
            one = b" CATENATE (%b)" % url
            assert (await client.command(b"APPEND Sent" + one * 5)).tagged.startswith(b"NO [TOOBIG]")
            room.directory.people["alice@x.example"] = replace(alice, quota_octets=3 * len(MESSAGE) - 1)
            assert (await client.command(b"APPEND Sent" + one * 2)).tagged.startswith(b"NO [OVERQUOTA]")
            assert await status(client, "Sent") == b"* STATUS Sent (MESSAGES 0)"
            assert (await client.command(b"APPEND Sent" + one)).ok

    run(play())


@both_stores
def test_a_message_expunged_by_another_session_names_nothing(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await room.deliver()
            await client.ok("NOOP")
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            await other.ok("EXPUNGE")
            for url in (b"/INBOX/;UID=1", b";UID=1"):
                reply = await client.command(b'APPEND Sent CATENATE (URL "%b")' % url)
                assert reply.tagged.startswith(b"NO [BADURL")

    run(play())


def test_too_many_parts(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            command = b"APPEND INBOX CATENATE (TEXT {1+}\r\nx" + b" URL /INBOX/;UID=1" * 256 + b")"
            assert (await client.command(command)).tagged.startswith(b"NO [LIMIT]")
            await client.ok("NOOP")

    run(play())
