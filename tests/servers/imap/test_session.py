"""The conversation: order, states, what goes wrong, how it ends."""

import asyncio
import logging
from pathlib import Path

import pytest

from postroom.servers.imap import general
from postroom.store.api import NoSuchAccount

from .room import MESSAGE, both_stores, open_room, run

SCRIPT = (
    b"a LOGIN alice@x.example {12+}\r\nalice-secret\r\nb SELECT INBOX\r\nc APPEND INBOX (\\Seen) {%d+}\r\n%b\r\n"
    b"d UID FETCH 1:* (FLAGS BODY.PEEK[TEXT])\r\ne STORE 1 -FLAGS (\\Seen)\r\nf nonsense\r\ng SEARCH UNSEEN\r\n"
    b"h LOGOUT\r\n" % (len(MESSAGE), MESSAGE)
)


async def _play_script(directory: Path, pieces: list[bytes]) -> bytes:
    async with open_room(directory) as room:
        client = await room.connect()
        for piece in pieces:
            client.send(piece)
            await asyncio.sleep(0)
        return await client.eof()


def test_the_same_answers_however_the_octets_arrive(tmp_path: Path) -> None:
    async def play() -> None:
        whole = await _play_script(tmp_path / "1", [SCRIPT])
        single = await _play_script(tmp_path / "2", [SCRIPT[k : k + 1] for k in range(len(SCRIPT))])
        tags = [line.split()[0] for line in whole.split(b"\r\n") if line[:2] in [t + b" " for t in (b"a", b"b", b"c")]]
        assert tags == [b"a", b"b", b"c"]
        assert whole.endswith(b"h OK LOGOUT completed\r\n")
        assert b"f BAD " in whole

        def without_numbers(text: bytes) -> list[bytes]:
            return [line for line in text.split(b"\r\n") if b"UIDVALIDITY" not in line and b"APPENDUID" not in line]

        assert without_numbers(single) == without_numbers(whole)

    run(play())


def test_pipelined_commands_are_answered_in_order_in_one_go(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            client.send(b"".join(b"p%d NOOP\r\n" % n for n in range(100)))
            for n in range(100):
                assert await client.response() == b"p%d OK NOOP completed" % n

    run(play())


def test_commands_in_the_wrong_state(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            for command in ("SELECT INBOX", 'LIST "" *', "FETCH 1 FLAGS", "IDLE", "ENABLE X"):
                assert (await client.command(command)).tagged.startswith(b"BAD")
            client = await room.client()
            for command in ("FETCH 1 FLAGS", "CLOSE", "EXPUNGE", "STARTTLS", "LOGIN a b"):
                assert (await client.command(command)).tagged.startswith(b"BAD")

    run(play())


def test_too_many_bad_commands_end_the_session(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_bad_commands=3) as room:
            client = await room.connect()
            await client.command("what")
            await client.command("what")
            await client.ok("NOOP")  # the count begins anew
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nDNT: 1\r\n")
            rest = await client.eof()
            assert rest.count(b" BAD ") == 3
            assert rest.endswith(b"* BYE Too many bad commands\r\n")

    run(play())


def test_an_overlong_line_is_refused(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert (await client.command(b"NOOP " + b"x" * 100_000)).tagged.startswith(b"BAD")
            await client.ok("NOOP")
            reply = await client.command(b"LOGIN {4294967295}")
            assert reply.tagged.startswith(b"BAD")
            client.send(b"a LOGIN {4294967295+}\r\n")
            assert b"* BYE" in await client.eof()

    run(play())


def test_a_bug_of_ours_is_answered_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(session: object, command: object) -> bytes:
        raise RuntimeError("private detail")

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            from postroom.servers.imap import dispatch

            monkeypatch.setitem(dispatch.HANDLERS, b"NOOP", broken)
            reply = await client.command("NOOP")
            assert reply.tagged.startswith(b"NO [SERVERBUG]")
            assert b"private" not in reply.tagged
            monkeypatch.setitem(dispatch.HANDLERS, b"NOOP", general.noop)
            await client.ok("NOOP")

    with caplog.at_level(logging.ERROR, logger="postroom.imap"):
        run(play())
    assert "private detail" in caplog.text


def test_silence_before_sign_in_and_after(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, sign_in_timeout_seconds=60.0, idle_timeout_seconds=1800.0) as room:
            client = await room.connect()
            [connection] = room.listener._connections
            assert connection.idle_timeout == 60.0
            await client.ok("LOGIN alice@x.example alice-secret")
            assert connection.idle_timeout == 1800.0
            await client.ok("NOOP")
            connection.end_if_idle(connection.last_activity + 1801)
            assert await client.eof() == b"* BYE Autologout; idle for too long\r\n"

    run(play())


def test_a_stopping_server_says_bye(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            clients = [await room.connect(), await room.client("INBOX")]
            idler = await room.client("INBOX")
            idler.send(b"i IDLE\r\n")
            assert await idler.response() == b"+ idling"
            await room.listener.stop()
            for client in (*clients, idler):
                assert await client.eof() == b"* BYE [UNAVAILABLE] Server shutting down\r\n"

    run(play())


@both_stores
def test_what_others_append_is_told_at_the_next_command(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            one, two = await room.client("INBOX"), await room.client("INBOX")
            await one.append("INBOX")
            assert await two.ok("CHECK") == [b"* 1 EXISTS", b"* 0 RECENT"]
            await room.deliver()
            assert b"* 2 EXISTS" in await two.ok("FETCH 1 UID")
            assert b"* 2 EXISTS" in await one.ok("SEARCH ALL")

    run(play())


def test_an_account_without_mail_cannot_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:

            async def missing(account_id: int) -> None:
                raise NoSuchAccount(str(account_id))

            monkeypatch.setattr(room.store, "open", missing)
            client = await room.connect()
            assert (await client.command("LOGIN alice@x.example alice-secret")).tagged.startswith(b"NO [CONTACTADMIN]")
            assert (await client.command("SELECT INBOX")).tagged.startswith(b"BAD")
            monkeypatch.undo()

    run(play())


def test_a_client_that_leaves_takes_nothing_with_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            client.send(b"a STORE 1 +FLAGS (\\Deleted)\r\nb FETCH 1 (BODY")
            await client.close()
            while room.listener.connections:
                await asyncio.sleep(0)
            other = await room.client("INBOX")
            assert await other.ok("FETCH 1 UID") == [b"* 1 FETCH (UID 1)"]

    run(play())


def test_a_client_with_a_thousand_commands_at_once_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            greedy, other = await room.client("INBOX"), await room.client("INBOX")
            greedy.send(b"".join(b"g%d NOOP\r\n" % n for n in range(3000)))
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            counter = asyncio.get_running_loop().create_task(count())
            while await greedy.response() != b"g2999 OK NOOP completed":
                pass
            assert turns >= 40
            await other.ok("NOOP")
            counter.cancel()

    run(play())


@pytest.mark.parametrize(
    "command",
    [
        "ENABLE CONDSTORE",
        "ENABLE QRESYNC",
        "FETCH 1 (MODSEQ)",
        "FETCH 1 (UID) (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)",
        "SEARCH MODSEQ 1",
        "STATUS INBOX (HIGHESTMODSEQ)",
    ],
)
def test_the_first_command_that_speaks_of_modseqs_is_told_the_highest(tmp_path: Path, command: str) -> None:
    """RFC 7162 §3.1"""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            highest = b"* OK [HIGHESTMODSEQ 2] Highest modification sequence"
            assert highest in await client.ok(command)
            assert highest not in await client.ok(command)

    run(play())


def test_that_highest_modseq_stays_below_what_has_not_been_told(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for _ in range(3):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await other.ok("STORE 2 +FLAGS (\\Deleted)")  # MODSEQ 5
            await other.ok("EXPUNGE")
            await other.ok("STORE 1 +FLAGS (\\Seen)")
            said = await client.ok("SEARCH MODSEQ 1")
            assert said[0] == b"* OK [HIGHESTMODSEQ 5] Highest modification sequence"

    run(play())
