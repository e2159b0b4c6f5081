"""FETCH over a socket: batches, \\Seen, messages too large for one piece."""

import asyncio
from pathlib import Path

import pytest

from postroom.store.api import FlagAction

from .room import MESSAGE, both_stores, followed_by, message, open_room, run


@both_stores
def test_the_macros_and_old_names(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(flags=frozenset(("\\Seen",)), internal_date=837571465)
            client = await room.client()
            await client.ok("EXAMINE INBOX")
            header, _, text = MESSAGE.partition(b"\r\n\r\n")
            header += b"\r\n\r\n"
            envelope = (
                b'("Mon, 7 Feb 1994 21:52:25 -0800" "afternoon meeting" '
                b'(("Fred Foobar" NIL "foobar" "blurdybloop.example")) '
                b'(("Fred Foobar" NIL "foobar" "blurdybloop.example")) '
                b'(("Fred Foobar" NIL "foobar" "blurdybloop.example")) '
                b'((NIL NIL "mooch" "owatagu.example")) NIL NIL NIL "<B27397-0100000@blurdybloop.example>")'
            )
            fast = b'FLAGS (\\Seen \\Recent) INTERNALDATE "17-Jul-1996 02:44:25 +0000" RFC822.SIZE %d' % len(MESSAGE)
            body = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d 1)' % len(text)

            async def one(items: str) -> bytes:
                [line] = await client.ok(f"FETCH 1 {items}")
                assert line.startswith(b"* 1 FETCH (")
                return line[len(b"* 1 FETCH (") : -1]

            assert await one("FAST") == fast
            assert await one("ALL") == fast + b" ENVELOPE " + envelope
            full = await one("FULL")
            assert full.lower() == (fast + b" ENVELOPE " + envelope + b" BODY " + body).lower()
            assert await one("RFC822") == b"RFC822 {%d}\r\n%b" % (len(MESSAGE), MESSAGE)
            assert await one("RFC822.HEADER") == b"RFC822.HEADER {%d}\r\n%b" % (len(header), header)
            assert await one("RFC822.TEXT") == b"RFC822.TEXT {%d}\r\n%b" % (len(text), text)
            assert await one("(BODY[]<6.4> BODY.PEEK[1] BODY[2])") == (
                b"BODY[]<6> {4}\r\nFred BODY[1] {%d}\r\n%b BODY[2] NIL" % (len(text), text)
            )
            picked = await one("BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
            assert picked == b"BODY[HEADER.FIELDS (SUBJECT)] {30}\r\nSubject: afternoon meeting\r\n\r\n"

    run(play())


@both_stores
def test_seen_is_set_by_reading_and_told_with_it(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(4):
                await room.deliver()
            first = await room.client("INBOX")
            client = await room.client("INBOX")
            await client.ok("STORE 2 +FLAGS (\\Seen)")
            await client.ok("FETCH 1:2 (BODY.PEEK[TEXT] RFC822.HEADER)")
            assert await client.ok("SEARCH UNSEEN") == [b"* SEARCH 1 3 4"]
            lines = await client.ok("FETCH 1:2 (UID BODY[TEXT]<0.5>)")
            assert lines == [
                b"* 1 FETCH (UID 1 BODY[TEXT]<0> {5}\r\nHello FLAGS (\\Seen))",
                b"* 2 FETCH (UID 2 BODY[TEXT]<0> {5}\r\nHello)",
            ]
            assert await client.ok("FETCH 3 (FLAGS BODY[TEXT]<0.5>)") == [
                b"* 3 FETCH (FLAGS (\\Seen) BODY[TEXT]<0> {5}\r\nHello)"
            ]
            assert len(await client.ok("FETCH 4 RFC822.TEXT")) == 1
            assert await client.ok("SEARCH UNSEEN") == [b"* SEARCH"]
            assert len(await first.ok("NOOP")) == 4

    run(play())


@both_stores
def test_a_large_message_comes_in_pieces(tmp_path: Path, kind: str) -> None:
    line = b"x" * 70 + b"\r\n"
    big = message("big", line * 20_000)
    header = big.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    nested = (
        b"Subject: nest\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nsmall\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + big + b"\r\n--b--\r\n"
    )

    async def play() -> None:
        async with open_room(tmp_path, kind, output_piece_octets=65536) as room:
            prefix = b"Return-Path: <a@x.example>\r\n"
            await room.deliver(big, prefix=prefix)
            await room.deliver()
            await room.deliver(nested)
            client = await room.client("INBOX")
            lines = await client.ok("FETCH 1:2 (UID BODY[] FLAGS)")
            whole = prefix + big
            assert lines[0] == b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b FLAGS (\\Seen \\Recent))" % (len(whole), whole)
            assert lines[1].startswith(b"* 2 FETCH (UID 2 BODY[] {%d}\r\nFrom: Fred" % len(MESSAGE))
            [line_] = await client.ok("FETCH 1 (BODY.PEEK[TEXT]<100.200000>)")
            text = big.removeprefix(header)
            assert line_ == b"* 1 FETCH (BODY[TEXT]<100> {200000}\r\n%b)" % text[100:200100]
            [line_] = await client.ok("FETCH 3 (BODY.PEEK[2.HEADER.FIELDS (SUBJECT)] BODY.PEEK[1] BODY.PEEK[2.TEXT])")
            assert line_ == (
                b"* 3 FETCH (BODY[2.HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: big\r\n\r\n BODY[1] {5}\r\nsmall "
                b"BODY[2.TEXT] {%d}\r\n%b)" % (len(text), text)
            )
            [line_] = await client.ok("FETCH 3 (BODY[2.TEXT]<0.100000>)")
            assert line_.endswith(b" FLAGS (\\Seen \\Recent))")

    run(play())


@both_stores
def test_a_long_fetch_lets_others_have_their_turn(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, fetch_batch_messages=50, fetch_batch_octets=65536) as room:
            maker = await room.client()
            await room.deliver(message("many", b"body\r\n" * 100))
            await maker.ok("SELECT INBOX")
            for _ in range(9):
                await maker.ok("COPY 1:* INBOX")
            reader, other = await room.client("INBOX"), await room.client("INBOX")
            tag = reader.start("FETCH 1:* (UID FLAGS ENVELOPE BODY.PEEK[])")
            for _ in range(20):
                await other.ok("NOOP")
            reply = await reader.finish(tag)
            assert len(reply.untagged) == 512
            assert [int(line.split()[1]) for line in reply.untagged] == list(range(1, 513))

    run(play())


@both_stores
def test_messages_expunged_by_others_can_still_be_read(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for number in range(3):
                await room.deliver(message(f"s{number + 1}"))
            one, two = await room.client("INBOX"), await room.client("INBOX")
            await one.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            await one.ok("EXPUNGE")
            await room.deliver(message("s4"))
            lines = await two.ok("FETCH 1:3 (UID FLAGS BODY[HEADER.FIELDS (SUBJECT)])")
            assert [line.partition(b"Subject: ")[2][:2] for line in lines[:3]] == [b"s1", b"s2", b"s3"]
            assert b"* 4 EXISTS" in lines
            assert await two.ok("NOOP") == [b"* 2 EXPUNGE"]

    run(play())


def test_a_content_that_ends_early_cuts_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver(message("big", b"x" * 200_000))
            client = await room.client("INBOX")
            account = await room.store.open(1)

            async def short(content_id: int, start: int, end: int) -> bytes:
                return b"only this"

            monkeypatch.setattr(type(account), "read_range", staticmethod(short))
            client.send(b"a FETCH 1 BODY[]\r\n")
            try:
                await client.eof()
            except ConnectionError:
                pass
            account.close()
            while room.listener.connections:
                await asyncio.sleep(0)

    run(play())


def test_a_failing_store_does_not_keep_mail_from_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from postroom.store.api import StoreFailure

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            account = await room.store.open(1)

            async def fail(*args: object, **more: object) -> None:
                raise StoreFailure("disk full")

            monkeypatch.setattr(type(account), "set_flags", fail)
            [line] = await client.ok("FETCH 1 BODY[TEXT]<0.5>")
            assert line == b"* 1 FETCH (BODY[TEXT]<0> {5}\r\nHello)"
            assert (await client.command("STORE 1 +FLAGS (\\Seen)")).tagged.startswith(b"NO [UNAVAILABLE]")
            account.close()

    run(play())


def test_a_keyword_is_told_before_flags_that_nobody_asked_for(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await other.ok("STORE 1 +FLAGS.SILENT ($Work)")
            said = await client.ok("FETCH 1 BODY[TEXT]<0.3>")
            assert [line[:8] for line in said] == [b"* FLAGS ", b"* OK [PE", b"* 1 FETC"]
            assert said[2] == b"* 1 FETCH (BODY[TEXT]<0> {3}\r\nHel FLAGS (\\Seen $Work \\Recent))"

    run(play())


@both_stores
def test_only_who_knows_utf8_headers_sees_into_a_message_global(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §9 media-message; to RFC 3501 §9 it is a part like any other."""
    inner = "Subject: Gr\u00fc\u00dfe\r\n\r\ntext\r\n".encode()
    octets = b"Subject: x\r\nContent-Type: message/global\r\n\r\n" + inner

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(octets)
            client = await room.client("INBOX")
            basic = b'("message" "global" NIL NIL NIL "7bit" %d' % len(inner)
            assert await client.ok("FETCH 1 BODY") == [b"* 1 FETCH (BODY %b))" % basic]
            assert await client.ok("FETCH 1 BODYSTRUCTURE") == [
                b"* 1 FETCH (BODYSTRUCTURE %b NIL NIL NIL NIL))" % basic
            ]
            [text] = await client.ok("FETCH 1 BODY.PEEK[1.TEXT]")
            assert text.endswith(b"{6}\r\ntext\r\n)")
            assert await client.ok('SEARCH BODY "gr\u00fc\u00dfe"') == [b"* SEARCH 1"]
            await client.ok("ENABLE UTF8=ACCEPT")
            [line] = await client.ok("FETCH 1 BODYSTRUCTURE")
            subject = "{7}\r\nGr\u00fc\u00dfe".encode()
            assert line.startswith(b"* 1 FETCH (BODYSTRUCTURE %b (NIL %b NIL" % (basic, subject))
            assert line.endswith(
                b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL))'
            )

    run(play())


@both_stores
def test_a_substring_may_be_of_63_bits(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §9 partial"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(b"Subject: x\r\n\r\ntext\r\n")
            client = await room.client("INBOX")
            most = 2**63 - 1
            for item, label in (("BODY.PEEK[TEXT]", b"BODY[TEXT]"), ("BINARY.PEEK[1]", b"BINARY[1]")):
                [line] = await client.ok(f"FETCH 1 {item}<2.{most}>")
                assert line == b"* 1 FETCH (%b<2> {4}\r\nxt\r\n)" % label
                [line] = await client.ok(f"FETCH 1 {item}<{most}.{most}>")
                assert line == b'* 1 FETCH (%b<%d> "")' % (label, most)

    run(play())


@both_stores
def test_seen_that_was_taken_back_at_once_is_not_told_as_set(tmp_path: Path, kind: str) -> None:
    """Another session's change in the same batch: \\Seen with that change's MODSEQ would never be put right."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client()
            await client.ok("ENABLE CONDSTORE")
            await client.ok("SELECT INBOX")
            account = await room.store.open(1)
            inbox = (await account.mailbox("INBOX")).mailbox_id
            with followed_by(account, inbox, 1, FlagAction.REMOVE, frozenset(("\\Seen",))):
                said = await client.ok("FETCH 1 BODY[TEXT]<0.1>")
            account.close()
            assert any(b"FLAGS (\\Recent) UID 1 MODSEQ (4)" in line for line in said), said
            assert not any(b"\\Seen" in line for line in said)

    run(play())
