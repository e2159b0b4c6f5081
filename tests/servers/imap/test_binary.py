"""BINARY (RFC 3516): decoded parts, large and small, damaged ones too."""

import re
from base64 import encodebytes
from binascii import b2a_qp
from pathlib import Path

import pytest

from .room import Client, both_stores, open_room, run

OCTETS = bytes(range(1, 256)) * 4
LATIN = "früh und spät\r\n".encode("latin-1") * 20


def mime(*parts: tuple[bytes, bytes]) -> bytes:
    head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    body = b"".join(
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n" % part
        for part in parts
    )
    return head + body + b"--b--\r\n"


def base64(octets: bytes) -> bytes:
    return encodebytes(octets).replace(b"\n", b"\r\n")


async def fetch(client: Client, items: str, number: int = 1) -> bytes:
    [line] = await client.ok(f"FETCH {number} ({items})")
    return line


def literal(octets: bytes) -> bytes:
    return b"%b{%d}\r\n%b" % (b"~" if b"\0" in octets else b"", len(octets), octets)


@both_stores
@pytest.mark.parametrize("times", [1, 400])
def test_parts(tmp_path: Path, kind: str, times: int) -> None:
    """Four hundred times as large: too large to be read with its batch."""
    qp = b2a_qp(LATIN * times, istext=True)
    nul = (OCTETS + b"\0") * times
    message = mime(
        (b"base64", base64(OCTETS * times)), (b"quoted-printable", qp), (b"BASE64", base64(nul)), (b"8bit", LATIN)
    )

    async def play() -> None:
        async with open_room(tmp_path, kind, output_piece_octets=4096) as room:
            await room.deliver(message)
            client = await room.client("INBOX")
            for part, octets in (("1", OCTETS * times), ("2", LATIN * times), ("3", nul), ("4", LATIN), ("", message)):
                name = f"BINARY[{part}]".encode()
                got = await fetch(client, f"BINARY.PEEK[{part}] BINARY.SIZE[{part}]")
                size = b"BINARY.SIZE[%b] %d" % (part.encode(), len(octets))
                assert got == b"* 1 FETCH (%b %b %b)" % (name, literal(octets), size)
                for first, count in ((0, 10), (3, 5000), (len(octets) - 5, 10), (len(octets) // 2, 3)):
                    got = await fetch(client, f"BINARY.PEEK[{part}]<{first}.{count}>")
                    assert got == b"* 1 FETCH (%b<%d> %b)" % (name, first, literal(octets[first : first + count]))
                got = await fetch(client, f"BINARY.PEEK[{part}]<{len(octets)}.7>")
                assert got == b'* 1 FETCH (%b<%d> "")' % (name, len(octets))

    run(play())


@both_stores
def test_only_reading_with_peek_leaves_it_unseen(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(mime((b"7bit", b"text")))
            client = await room.client("INBOX")
            assert await fetch(client, "BINARY.SIZE[1]") == b"* 1 FETCH (BINARY.SIZE[1] 4)"
            assert await fetch(client, "BINARY.PEEK[1]") == b"* 1 FETCH (BINARY[1] {4}\r\ntext)"
            got = await fetch(client, "BINARY[1]")
            assert got == b"* 1 FETCH (BINARY[1] {4}\r\ntext FLAGS (\\Seen \\Recent))"

    run(play())


@both_stores
def test_what_is_not_there(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(mime((b"base64", b"")))
            client = await room.client("INBOX")
            got = await fetch(client, "BINARY.PEEK[1] BINARY.SIZE[1] BINARY.PEEK[2] BINARY.SIZE[2]")
            assert got == b'* 1 FETCH (BINARY[1] "" BINARY.SIZE[1] 0 BINARY[2] NIL BINARY.SIZE[2] 0)'

    run(play())


@both_stores
@pytest.mark.parametrize("octets", [b"begin 644 x", b"begin 644 x\r\n" * 8000])
def test_an_unknown_encoding(tmp_path: Path, kind: str, octets: bytes) -> None:
    """RFC 3516 §4.3."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(mime((b"x-uuencode", octets), (b"7bit", b"text")))
            await room.deliver(mime((b"base64", b"eHk=")))
            client = await room.client("INBOX")
            for item in ("BINARY.PEEK[1]", "BINARY.SIZE[1]"):
                reply = await client.command(f"FETCH 1 {item}")
                assert reply.tagged.startswith(b"NO [UNKNOWN-CTE]")
                assert reply.untagged == []
            reply = await client.command("FETCH 1:2 (BINARY.SIZE[1] UID)")
            assert reply.tagged.startswith(b"NO [UNKNOWN-CTE]")  # but what can be told is
            assert reply.untagged == [b"* 1 FETCH (UID 1)", b"* 2 FETCH (BINARY.SIZE[1] 2 UID 2)"]
            reply = await client.command("FETCH 1:2 BINARY[1]")
            assert reply.tagged.startswith(b"NO [UNKNOWN-CTE]")
            assert reply.untagged == [
                b"* 1 FETCH (FLAGS (\\Seen \\Recent))",
                b"* 2 FETCH (BINARY[1] {2}\r\nxy FLAGS (\\Seen \\Recent))",
            ]
            assert (await fetch(client, "BINARY.SIZE[2]")).endswith(b"BINARY.SIZE[2] 4)")

    run(play())


@both_stores
def test_a_message_without_parts_and_one_within_another(tmp_path: Path, kind: str) -> None:
    inner = b"Subject: in\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64(b"inner")
    outer = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    outer += b"--b\r\nContent-Type: message/rfc822\r\n\r\n"

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(inner)
            await room.deliver(outer + inner + b"\r\n--b--\r\n", prefix=b"Return-Path: <x@y.example>\r\n")
            client = await room.client("INBOX")
            assert (await fetch(client, "BINARY.PEEK[1]")).endswith(b"BINARY[1] {5}\r\ninner)")
            assert (await fetch(client, "BINARY.PEEK[1.1]", 2)).endswith(b"BINARY[1.1] {5}\r\ninner)")
            assert (await fetch(client, "BINARY.PEEK[1]", 2)).endswith(literal(inner) + b")")

    run(play())


@both_stores
@pytest.mark.parametrize("times", [1, 3000])
def test_damaged_parts_have_the_size_that_is_told(tmp_path: Path, kind: str, times: int) -> None:
    broken = (b"QUJD=RE\r\n*!Qg", b"=4 \t\r\n==41 =zz=\r\r\n" * times + b"=")

    async def play() -> None:
        async with open_room(tmp_path, kind, output_piece_octets=4096) as room:
            await room.deliver(mime((b"base64", broken[0] * times), (b"quoted-printable", broken[1])))
            client = await room.client("INBOX")
            for part in (1, 2):
                got = await fetch(client, f"BINARY.PEEK[{part}] BINARY.SIZE[{part}]")
                found = re.fullmatch(
                    rb"\* 1 FETCH \(BINARY\[\d\] \{(\d+)\}\r\n(.*) BINARY.SIZE\[\d\] (\d+)\)", got, re.DOTALL
                )
                assert found is not None
                assert int(found[1]) == len(found[2]) == int(found[3]) > times
            await client.ok("NOOP")

    run(play())


def test_the_section_is_a_part_number(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            for item in (
                "BINARY[HEADER]",
                "BINARY[1.MIME]",
                "BINARY.SIZE[1]<0.5>",
                "BINARY",
                "BINARY[1]<0.0>",
                "BINARY[0]",
            ):
                assert (await client.command(f"FETCH 1 {item}")).tagged.startswith(b"BAD")

    run(play())
