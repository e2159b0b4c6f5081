"""APPEND: streamed, checked before it is asked for."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from postroom.base import Spool

from .room import MESSAGE, both_stores, open_room, run


@both_stores
def test_append(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            for number, sync in enumerate((True, False), start=1):
                reply = await client.append("INBOX", flags="\\Seen $Work", sync=sync)
                assert reply.tagged.startswith(b"OK [APPENDUID ")
                assert reply.tagged.endswith(b" %d] APPEND completed" % number)
                assert b"* %d EXISTS" % number in reply.untagged
            reply = await client.command(
                b'APPEND inbox (\\Draft) " 7-Feb-1994 21:52:25 -0800" {%d+}\r\n%b' % (len(MESSAGE), MESSAGE)
            )
            new = await client.ok("FETCH 1 FLAGS")
            assert new[0].startswith(b"* FLAGS (")
            assert new[2] == b"* 1 FETCH (FLAGS (\\Seen $Work \\Recent))"
            [line] = await client.ok("FETCH 3 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
            assert line == (
                b'* 3 FETCH (FLAGS (\\Draft \\Recent) INTERNALDATE " 8-Feb-1994 05:52:25 +0000" RFC822.SIZE %d '
                b"BODY[] {%d}\r\n%b)" % (len(MESSAGE), len(MESSAGE), MESSAGE)
            )

    run(play())


@both_stores
def test_refused_before_the_message_is_sent(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=2000) as room:
            client = await room.client()
            alice = room.directory.people["alice@x.example"]
            for sync in (True, False):
                reply = await client.append("nowhere", sync=sync)
                assert reply.tagged.startswith(b"NO [TRYCREATE]")
                assert (await client.append("INBOX", bytes(2001), sync=sync)).tagged.startswith(b"NO [TOOBIG]")
                room.directory.people["alice@x.example"] = replace(alice, quota_octets=100)
                assert (await client.append("INBOX", sync=sync)).tagged.startswith(b"NO [OVERQUOTA]")
                room.directory.people["alice@x.example"] = replace(alice, quota_messages=0)
                assert (await client.append("INBOX", sync=sync)).tagged.startswith(b"NO [OVERQUOTA]")
                room.directory.people["alice@x.example"] = alice
                assert (await client.append("INBOX", b"", sync=sync)).tagged.startswith(b"NO")  # RFC 3502
                assert await client.ok("NOOP") == []
            assert (await client.append("INBOX", sync=True)).ok

    run(play())


def test_not_before_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert (await client.append("INBOX", sync=True)).tagged.startswith(b"BAD")
            assert (await client.append("INBOX", sync=False)).tagged.startswith(b"BAD")
            await client.ok("NOOP")

    run(play())


def test_text_after_the_message_is_bad_and_nothing_is_stored(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            reply = await client.command(b"APPEND INBOX {%d+}\r\n%bx y z" % (len(MESSAGE), MESSAGE))
            assert reply.tagged.startswith(b"BAD")
            assert reply.untagged == []
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_a_disconnected_append_leaves_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            client.send(b"a APPEND INBOX {1000000+}\r\n" + bytes(300_000))
            await client.close()
            other = await room.client()
            while room.listener.connections > 1:
                await asyncio.sleep(0)
            assert await other.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_a_full_disk_is_told_and_the_next_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Spool, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            with monkeypatch.context() as patch:
                patch.setattr(Spool, "write", full)
                for sync in (True, False):
                    reply = await client.append("INBOX", sync=sync)
                    assert reply.tagged.startswith(b"NO [UNAVAILABLE]")
                    assert b"space" not in reply.tagged
            assert (await client.append("INBOX")).ok

    run(play())


def test_a_silent_client_in_the_middle_of_a_message_is_logged_out(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, append_timeout_seconds=1.0) as room:
            client = await room.client()
            client.send(b"a APPEND INBOX {1000+}\r\nabc")
            for connection in room.listener._connections:
                while connection.idle_timeout != 1.0:
                    await asyncio.sleep(0)
                connection.end_if_idle(connection.last_activity + 2)
            assert await client.eof() == b"* BYE Autologout; idle for too long\r\n"

    run(play())


def test_a_person_who_was_removed_meanwhile_is_told_so(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for sync in (True, False):
                client = await room.client()
                alice = room.directory.people.pop("alice@x.example")
                head = b"a APPEND INBOX {%d%b}\r\n" % (len(MESSAGE), b"" if sync else b"+")
                client.send(head + (b"" if sync else MESSAGE + b"\r\n"))
                assert await client.eof() == b"* BYE This account is no longer active\r\n"
                room.directory.people["alice@x.example"] = alice

    run(play())


@pytest.mark.parametrize("sync", [False, True])
def test_a_nul_is_no_octet_of_a_literal(tmp_path: Path, sync: bool) -> None:
    """RFC 3501 §9, third note: it could not be sent to anybody either."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            assert (await client.append("INBOX", b"a: b\r\n\r\nx\0y\r\n", sync=sync)).tagged.startswith(b"BAD")
            assert await client.ok("NOOP") == []

    run(play())


# ---- several messages (RFC 3502)


def several(*messages: bytes, mailbox: bytes = b"INBOX") -> bytes:
    return b"APPEND %b" % mailbox + b"".join(b" {%d+}\r\n%b" % (len(octets), octets) for octets in messages)


@both_stores
def test_all_or_none(tmp_path: Path, kind: str) -> None:
    """Over quota, too big, empty or damaged at message three: nothing is there."""

    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=2000, max_append_total_octets=2500) as room:
            client = await room.client("INBOX")
            alice = room.directory.people["alice@x.example"]
            for quota in (
                {"quota_octets": 3 * len(MESSAGE) - 1},
                {"quota_messages": 2},
            ):
                room.directory.people["alice@x.example"] = replace(alice, **quota)  # type: ignore[arg-type]
                assert (await client.command(several(*[MESSAGE] * 3))).tagged.startswith(b"NO [OVERQUOTA]")
                assert (await client.command(several(*[MESSAGE] * 4))).tagged.startswith(b"NO [OVERQUOTA]")
                assert await client.ok("NOOP") == []
            room.directory.people["alice@x.example"] = alice
            for third, answer in (
                (b"x" * 2001, b"NO [TOOBIG]"),
                (b"x" * 1990, b"NO [TOOBIG]"),
                (b"", b"NO "),
                (b"a\0b", b"BAD "),
                (MESSAGE + b"junk", b"BAD "),
            ):
                octets = several(MESSAGE, MESSAGE, third)
                if third.endswith(b"junk"):
                    octets = several(MESSAGE, MESSAGE) + b" (x {3+}\r\nabc"
                reply = await client.command(octets)
                assert reply.tagged.startswith(answer)
                assert reply.untagged == []
                assert await client.ok("STATUS INBOX (MESSAGES UIDNEXT)") == [b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"]
            assert (await client.command(several(MESSAGE, MESSAGE))).tagged.endswith(b" 1:2] APPEND completed")
            assert await client.ok("STATUS INBOX (MESSAGES UIDNEXT)") == [b"* STATUS INBOX (MESSAGES 2 UIDNEXT 3)"]

    run(play())


@both_stores
def test_each_message_has_its_own_flags_and_date(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            size = len(MESSAGE)
            command = b"APPEND INBOX (\\Seen) {%d+}\r\n%b" % (size, MESSAGE)
            command += b' (a) " 7-Feb-1994 21:52:25 -0800" {%d+}\r\n%b {%d+}\r\n%b' % (
                size,
                MESSAGE,
                70_000,
                bytes([65]) * 70_000,
            )
            reply = await client.command(command)
            assert b"* 3 EXISTS" in reply.untagged
            lines = await client.ok("FETCH 1:3 (FLAGS INTERNALDATE RFC822.SIZE)")
            assert [line for line in lines if b"(FLAGS (\\Seen \\Recent) INTERNALDATE" in line] == lines[2:3]
            assert b'FLAGS (a \\Recent) INTERNALDATE " 8-Feb-1994 05:52:25 +0000"' in lines[3]
            assert b"FLAGS (\\Recent)" in lines[4]
            assert lines[4].endswith(b"RFC822.SIZE 70000)")

    run(play())


def test_a_later_literal_is_asked_for_only_when_it_may_come(tmp_path: Path) -> None:
    """RFC 3502's example: the disk quota is exceeded by the second message."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            alice = room.directory.people["alice@x.example"]
            room.directory.people["alice@x.example"] = replace(alice, quota_octets=10_000)
            client = await room.client()
            tag = client.start(b"APPEND INBOX (\\Flagged) {%d}" % len(MESSAGE))
            assert (await client.response()).startswith(b"+")
            client.send(MESSAGE + b" {35403}\r\n")
            assert (await client.finish(tag)).tagged.startswith(b"NO [OVERQUOTA]")
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


def test_what_failed_in_one_literal_is_told_before_the_next(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            tag = client.start(b"APPEND INBOX {3+}\r\na\0b {35403}")
            assert (await client.finish(tag)).tagged.startswith(b"BAD NUL")
            tag = client.start(b"APPEND INBOX {3+}\r\na\0b {8+}\r\nx LOGOUT {8+}\r\nx LOGOUT")
            assert (await client.finish(tag)).tagged.startswith(b"BAD NUL")
            await client.ok("NOOP")

    run(play())


@pytest.mark.parametrize(
    "begun",
    [
        b"a APPEND INBOX {3+}\r\nabc {1000+}\r\nabc",
        b"a APPEND INBOX {3+}\r\nabc (\\Se",
        b'a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL "/INB',
        b"a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL {100+}\r\n/INBOX",
        b"a APPEND INBOX UTF8 (~{3+}\r\nabc",
    ],
)
def test_what_never_ends_leaves_nothing(tmp_path: Path, begun: bytes) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            client.send(begun)
            await client.close()
            other = await room.client()
            while room.listener.connections > 1:
                await asyncio.sleep(0)
            assert await other.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
            assert not list(tmp_path.rglob("spool-*"))

    run(play())


def test_utf8(tmp_path: Path) -> None:
    """RFC 6855 §4."""

    async def play() -> None:
        async with open_room(tmp_path, quirk_8bit_headers_in_append=False) as room:
            client = await room.client()
            octets = "Subject: früh\r\n\r\ntext\r\n".encode()
            plain = b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets)
            data = b"APPEND INBOX (\\Seen) UTF8 (~{%d+}\r\n%b)" % (len(octets), octets)
            assert (await client.command(plain)).tagged.startswith(b"NO [CANNOT]")
            assert (await client.command(data)).tagged.startswith(b"BAD Enable")
            await client.ok("ENABLE UTF8=ACCEPT")
            assert (await client.command(data)).ok
            await client.ok("SELECT INBOX")
            assert (await client.ok("FETCH 1 BODY.PEEK[]"))[0].endswith(octets + b")")

    run(play())


@both_stores
@pytest.mark.parametrize("times", [1, 1000])
def test_binary(tmp_path: Path, kind: str, times: int) -> None:
    """RFC 3516 §4.4: what holds NULs is stored as FETCH BODY can send it (§6), and comes back by BINARY."""
    body = bytes(range(256)) * times
    octets = b"Subject: x\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + body

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            assert (await client.command(b"APPEND INBOX ~{%d+}\r\n%b" % (len(octets), octets))).ok
            [structure] = await client.ok("FETCH 1 BODY")
            assert b'"base64"' in structure
            assert b"\0" not in (await client.ok("FETCH 1 BODY.PEEK[]"))[0]
            [line] = await client.ok("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])")
            assert line == b"* 1 FETCH (BINARY[1] ~{%d}\r\n%b BINARY.SIZE[1] %d)" % (len(body), body, len(body))
            for bad in (b"a\0: b\r\n\r\nx", b"Content-Transfer-Encoding: base64\r\n\r\nAA\0="):
                reply = await client.command(b"APPEND INBOX ~{%d+}\r\n%b" % (len(bad), bad))
                assert reply.tagged.startswith(b"NO [UNKNOWN-CTE]")
            plain = MESSAGE + b"\r\n"
            assert (await client.command(b"APPEND INBOX ~{%d+}\r\n%b" % (len(plain), plain))).ok
            assert (await client.ok("FETCH 2 BODY.PEEK[]"))[0].endswith(plain + b")")

    run(play())


@both_stores
def test_what_encoding_adds_counts(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=1024) as room:
            client = await room.client("INBOX")
            octets = b"Subject: x\r\n\r\n" + bytes(1000)
            reply = await client.command(b"APPEND INBOX ~{%d+}\r\n%b" % (len(octets), octets))
            assert reply.tagged.startswith(b"NO [TOOBIG]")
            assert not list(tmp_path.rglob("spool-*"))
            assert await client.ok("NOOP") == []

    run(play())


# ---- whatever is sent

GOOD, BAD = (
    b" {%d+}\r\n%b" % (len(MESSAGE), MESSAGE),
    b" (\\Seen a) {3+}\r\nabc",
    b' "17-Jul-1996 02:44:25 -0700" ~{5+}\r\n\r\na\0b',
    b' CATENATE (URL "/INBOX/;UID=1" TEXT {8+}\r\nx LOGOUT URL {13+}\r\n/INBOX/;UID=1)',
    b' CATENATE (URL "/INBOX/;UID=1/;SECTION=HEADER")',
), (
    b" {0+}\r\n",
    b" (\\Seen {8+}\r\nx LOGOUT",
    b" {3+}\r\na\0b",
    b" x",
    b" UTF8 (~{8+}\r\nx LOGOUT)",
    b" UTF8 (~{8+}\r\nx LOGOUT",
    b' CATENATE (URL "/INBOX/;UID=99" TEXT {8+}\r\nx LOGOUT)',
    b" CATENATE (TEXT {8+}\r\nx LOGOUT",
    b" CATENATE (TEXT {8+}\r\nx LOGOUT URL {8+}\r\nx LOGOUT)",
    b" CATENATE ()",
    b" ~{9+}\r\nA: \0\r\n\r\nx",
    b" {70000+}\r\n" + b"x LOGOUT\r\n" * 7000,
)  # fmt: skip


@both_stores
@pytest.mark.parametrize("seed", range(3))
def test_each_command_has_one_answer_and_does_all_or_nothing(tmp_path: Path, kind: str, seed: int) -> None:
    """Messages that can be taken and such that can't, in any order, in any pieces."""
    chance = Random(seed)

    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=65_536, max_bad_commands=1000) as room:
            client = await room.client()
            count = await room.deliver() and 1
            for _ in range(60):
                stretches = [chance.choice(GOOD) for _ in range(chance.randint(1, 4))]
                if bad := chance.random() < 0.5:
                    stretches.insert(chance.randint(0, len(stretches)), chance.choice(BAD))
                command = b"a APPEND INBOX" + b"".join(stretches) + b"\r\nb STATUS INBOX (MESSAGES)\r\n"
                cut = chance.randint(1, len(command))
                client.send(command[:cut])
                await asyncio.sleep(0)
                client.send(command[cut:])
                reply = await client.finish(b"a")
                assert reply.ok != bad, (stretches, reply)
                count += 0 if bad else len(stretches)
                assert (await client.finish(b"b")).untagged == [b"* STATUS INBOX (MESSAGES %d)" % count]
            assert not list(tmp_path.rglob("spool-*"))

    run(play())
