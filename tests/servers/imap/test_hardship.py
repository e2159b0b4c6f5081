"""What a session does when somebody means it ill, or the store fails it: no bug, no end, no loss."""

import base64
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable
from pathlib import Path

import pytest

from postroom.accounts.api import Person, SignInBusy
from postroom.store.api import StoreFailure

from .room import Client, both_stores, message, open_room, run

UNREADABLE = b"From: a@x.example\r\nContent-Transfer-Encoding: x-odd\r\n\r\nbody\r\n"


async def during_append(client: Client, what: Awaitable[object]) -> None:
    """It happens while a command is under way: the client is told with its answer."""
    octets = message()
    tag = client.start(f"APPEND Sent {{{len(octets)}}}")
    assert (await client.response()).startswith(b"+")
    await what
    client.send(octets + b"\r\n")
    assert (await client.finish(tag)).ok


@both_stores
def test_a_message_that_notify_cannot_show_ends_nothing(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client("INBOX")
            await alice.ok("NOTIFY SET (selected (MessageNew (UID BINARY.PEEK[1]) MessageExpunge))")
            await during_append(alice, room.deliver(UNREADABLE))
            await room.deliver(UNREADABLE)
            assert (await alice.command("NOOP")).ok
            await room.deliver(message("well"))
            assert b"EXISTS" in await alice.response()
            assert (await alice.command("LOGOUT")).ok

    with caplog.at_level(logging.ERROR):
        run(play())
    assert not caplog.records


@both_stores
def test_a_store_that_fails_while_news_are_told_ends_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreFailure("a test")

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client("INBOX")
            await alice.ok("NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))")
            account = await room.store.open(1)
            with monkeypatch.context() as broken:
                broken.setattr(type(account), "read", fail)
                await during_append(alice, room.deliver())
            account.close()
            assert (await alice.command("NOOP")).ok

    run(play())


def test_busy_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(username: str, password: str, protocol: str) -> Person | None:
        raise SignInBusy("a test")

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            monkeypatch.setattr(room.directory, "authenticate", busy)
            assert (await client.command("LOGIN alice@x.example x")).tagged.startswith(b"NO [UNAVAILABLE]")
            assert (await client.command("AUTHENTICATE PLAIN AGEAYQ==")).tagged.startswith(b"NO [UNAVAILABLE]")

    run(play())


@both_stores
def test_a_move_keeps_the_copies_when_it_is_not_known_whether_the_source_is_gone(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails may have been made all the same: a message too many is better than one too few."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(account_id=2)
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lri")
            bob = await room.client("INBOX", name="bob")
            account = await room.store.open(2)
            true_remove = type(account).remove

            async def remove(self: object, *args: object, **more: object) -> object:
                await true_remove(self, *args, **more)  # type: ignore[arg-type]
                raise StoreFailure("power lost at the end of a commit")

            with monkeypatch.context() as broken:
                broken.setattr(type(account), "remove", remove)
                reply = await bob.command('MOVE 1 "#user/alice@x.example/INBOX"')
            assert reply.tagged.startswith(b"NO [UNAVAILABLE]")
            account.close()
            assert b"MESSAGES 1" in (await alice.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


@both_stores
def test_guests_do_not_use_up_the_room_for_annotations(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_annotation_octets=1_048_576) as room:
            alice = await room.client()
            await alice.ok("SETACL INBOX anyone lr")
            value = b"x" * 30_000
            refused = 0
            for name in ("bob", "carol"):
                guest = await room.client(name=name)
                for at in range(20):
                    reply = await guest.command(
                        b'SETMETADATA "#user/alice@x.example/INBOX" (/private/vendor/x/n%d {%d+}\r\n%b)'
                        % (at, len(value), value)
                    )
                    refused += not reply.ok
                    assert reply.ok or reply.tagged.startswith(b"NO [OVERQUOTA]"), reply
            assert refused
            await alice.ok(b"SETMETADATA INBOX (/private/comment {%d+}\r\n%b)" % (len(value), value))

    run(play())


@both_stores
def test_the_second_person_of_a_connection_finds_nothing_of_the_first(tmp_path: Path, kind: str) -> None:
    """RFC 8437 §3."""

    async def play() -> None:
        async with open_room(tmp_path, kind, administrators=("alice@x.example",)) as room:
            await room.deliver(message("hers"))
            await room.deliver(message("his"), account_id=2)
            both = await room.client()
            await both.ok("ENABLE CONDSTORE QRESYNC IMAP4rev2 METADATA")
            await both.ok("SELECT INBOX")
            await both.ok("UID SEARCH RETURN (SAVE) ALL")
            await both.ok("UID SEARCH RETURN (UPDATE ALL) ALL")
            await both.ok("NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange))")  # fmt: skip  # noqa: E501
            await both.ok("LANGUAGE i-default")
            await both.ok("UNAUTHENTICATE")
            assert (await both.command("NOOP")).untagged == []
            assert (await both.command("FETCH 1 FLAGS")).tagged.startswith(b"BAD")
            assert (await both.command('LIST "" *')).tagged.startswith(b"BAD")
            other = await room.client("INBOX")
            await room.deliver(message("more"))
            await other.ok("STORE 1 +FLAGS (\\Flagged)")
            await other.ok("CREATE New")
            await other.ok('SETMETADATA INBOX (/private/comment "x")')
            await other.ok('SETMETADATA "" (/shared/comment "x")')
            assert (await both.command("NOOP")).untagged == []
            await both.ok("LOGIN bob@x.example bob-secret")
            assert (await both.command("NOOP")).untagged == []
            opening = await both.ok("SELECT INBOX")
            assert b"* 1 EXISTS" in opening
            assert b"* 1 RECENT" in opening  # no IMAP4rev2 any more
            assert await both.ok("FETCH $ UID") == []
            await other.ok("EXPUNGE")
            assert await both.ok("NOOP") == []
            assert (await both.command('SETMETADATA "" (/shared/comment "x")')).tagged.startswith(b"NO [NOPERM]")
            fetched = b"".join(await both.ok("FETCH 1 (FLAGS BODY.PEEK[])"))
            assert b"MODSEQ" not in fetched
            assert b"his" in fetched
            assert (await both.command("SELECT INBOX (QRESYNC (1 1))")).tagged.startswith(b"BAD")

    run(play())


@both_stores
def test_a_message_that_ends_early_is_not_moved(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def short(*_: object) -> bytes:
        return b"From: a@x.example\r\n"

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(account_id=2)
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lri")
            bob = await room.client("INBOX", name="bob")
            account = await room.store.open(2)
            monkeypatch.setattr(type(account), "read_range", short)
            assert not (await bob.command('MOVE 1 "#user/alice@x.example/INBOX"')).ok
            account.close()
            assert await bob.ok("FETCH 1 UID") == [b"* 1 FETCH (UID 1)"]
            assert b"MESSAGES 0" in (await alice.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


KILLED = """
import asyncio, os, sys
from pathlib import Path
from postroom.store.sqlite.account import SqliteAccount
from tests.servers.imap.room import message, open_room

async def die(*_, **__):
    os.kill(os.getpid(), 9)

async def play():
    async with open_room(Path(sys.argv[1]), "sqlite", carry_batch_messages=2) as room:
        for number in range(5):
            await room.deliver(message(f"m{number}"), account_id=2)
        alice = await room.client()
        await alice.ok("SETACL INBOX bob@x.example lri")
        bob = await room.client("INBOX", name="bob")
        SqliteAccount.remove = die
        await bob.command('MOVE 1:* "#user/alice@x.example/INBOX"')

asyncio.run(play())
"""


def test_a_move_that_is_killed_between_two_accounts_loses_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, check=False, timeout=25)
    assert done.returncode == -9

    async def play() -> None:
        async with open_room(tmp_path, "sqlite") as room:
            for name in ("alice", "bob"):
                client = await room.client("INBOX", name=name)
                assert len(await client.ok("FETCH 1:* UID")) == 5

    run(play())


@both_stores
def test_two_who_move_a_message_to_another_account_do_not_make_two_of_it(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, carry_batch_messages=1) as room:
            for number in range(4):
                await room.deliver(message(f"m{number}"), account_id=2)
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lri")
            movers = [await room.client("INBOX", name="bob") for _ in range(3)]
            command = 'UID MOVE 1:4 "#user/alice@x.example/INBOX"'
            tags = [mover.start(command) for mover in movers]
            for mover, tag in zip(movers, tags, strict=True):
                assert (await mover.finish(tag)).ok
            assert b"MESSAGES 4" in (await alice.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


@both_stores
def test_a_move_takes_along_nothing_that_was_expunged_meanwhile(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, carry_batch_messages=1) as room:
            for number in range(40):
                await room.deliver(message(f"m{number}"), account_id=2, flags=frozenset(("\\Deleted",)))
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lri")
            mover, other = [await room.client("INBOX", name="bob") for _ in range(2)]
            tag = mover.start('UID MOVE 1:40 "#user/alice@x.example/INBOX"')
            await other.command("UID EXPUNGE 40")
            reply = await mover.finish(tag)
            assert reply.ok
            there = int((await alice.ok("STATUS INBOX (MESSAGES)"))[0].rpartition(b" ")[2].rstrip(b")"))
            moved = 39 if b" 1:39 1:39]" in b"".join(reply.untagged) else 40  # or it was there first
            assert there == moved

    run(play())


@both_stores
def test_two_who_replace_a_message_in_another_account_do_not_both(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(account_id=2)
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lri")
            clients = [await room.client("INBOX", name="bob") for _ in range(3)]
            tags = [one.start('UID REPLACE 1 "#user/alice@x.example/INBOX" {3+}\r\nabc') for one in clients]
            replies = [await one.finish(tag) for one, tag in zip(clients, tags, strict=True)]
            assert sorted(reply.ok for reply in replies) == [False, False, True]
            assert b"MESSAGES 1" in (await alice.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


@both_stores
def test_no_secret_is_logged_or_answered(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, values of annotations, what messages say and what is looked for in them."""
    secret = b"s3cr3t-w0rd"
    plain = base64.b64encode(b"\0alice@x.example\0" + secret)
    body = message("x", secret + b"\r\n")

    async def play() -> None:
        async with open_room(tmp_path, kind, max_sign_in_failures=50, max_bad_commands=100) as room:
            said = []
            client = await room.connect()
            for command in (
                b"LOGIN alice@x.example %b" % secret,
                b"LOGIN alice@x.example {%d+}\r\n%b" % (len(secret), secret),
                b'LOGIN alice@x.example "%b' % secret,
                b"LOGIN alice@x.example %b %b" % (secret, secret),
                b"AUTHENTICATE PLAIN " + plain,
                b"AUTHENTICATE PLAIN %b=" % plain,
                b"AUTHENTICATE PLAIN {%d+}\r\n%b" % (len(plain), plain),
                b"AUTHENTICATE LOGIN " + base64.b64encode(secret),
            ):
                tag = client.start(command)
                line = await client.response()
                if line.startswith(b"+"):
                    client.send(base64.b64encode(secret) + b"!\r\n")
                    line = await client.response()
                assert line.startswith(tag + b" "), line
                said.append(line)
            alice = await room.client("INBOX")
            room.set_quota("alice@x.example", 40, None)
            large = secret * 3000
            for command in (
                b"APPEND INBOX {%d+}\r\n%b" % (len(body), body),
                b"APPEND Nowhere {%d+}\r\n%b" % (len(body), body),
                b"APPEND INBOX (%b {3+}\r\nabc" % secret,
                b"APPEND INBOX CATENATE (TEXT {%d+}\r\n%b URL x)" % (len(body), body),
                b'SETMETADATA Nowhere (/private/comment "%b")' % secret,
                b'SETMETADATA INBOX (/private/comment "%b" x)' % secret,
                b'SETMETADATA "" (/shared/comment "%b")' % secret,
                b"SETMETADATA INBOX (/private/comment {%d+}\r\n%b)" % (len(large), large),
                b'SEARCH CHARSET x-odd TEXT "%b"' % secret,
                b'SEARCH TEXT "%b' % secret,
                b'SEARCH TEXT "%b" 9' % secret,
                b'ESEARCH IN (mailboxes Nowhere) TEXT "%b"' % secret,
            ):
                reply = await alice.command(command)
                said += [*reply.untagged, reply.tagged]
            assert secret not in b"".join(said)
            assert plain not in b"".join(said)

    with caplog.at_level(logging.DEBUG):
        run(play())
    assert secret.decode() not in caplog.text
    assert plain.decode() not in caplog.text


def test_an_append_of_many_messages_keeps_few_files_open(tmp_path: Path) -> None:
    """Each is on disk until the last one has come, for which a client may take its time."""
    many = 60

    async def play() -> None:
        async with open_room(tmp_path, "sqlite", store_settings={"draft_memory_octets": 100}) as room:
            alice = await room.client()
            before = len(os.listdir("/dev/fd"))
            octets = message("large", b"x" * 200 + b"\r\n")
            tag = alice.start(b"APPEND INBOX" + b" {%d+}\r\n%b" % (len(octets), octets) * many + b" {%d}" % len(octets))
            assert (await alice.response()).startswith(b"+")
            assert len(os.listdir("/dev/fd")) < before + many // 2
            alice.send(octets + b"\r\n")
            assert (await alice.finish(tag)).ok
            await alice.ok("SELECT INBOX")
            assert len(await alice.ok("FETCH 1:* RFC822.SIZE")) == many + 1
            assert octets in b"".join(await alice.ok(f"FETCH {many} BODY[]"))

    run(play())
