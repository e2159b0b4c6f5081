"""Attacks on IMAP sessions over real sockets: whatever comes has one tagged reply, and others are served meanwhile."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.imap.attacks import PREFIXES, WORDS, mutated
from tests.servers.imap.room import Client, Room, both_stores, message, open_room

from postroom.imap import COMMANDS

_CHANGES_STREAM = (b"COMPRESS", b"STARTTLS")  # what a raw client could not follow
_ENDS = re.compile(rb"\{([0-9]+)\}\r\n\Z")


def run(play: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(120):
            await play

    asyncio.run(limited())


async def copies(room: Room, client: Client, count: int, mailbox: str = "INBOX") -> None:
    """Fill a mailbox with copies of one message; it is selected afterwards."""
    await room.deliver(message("one"), mailbox)
    await client.ok(f"SELECT {mailbox}")
    made = 1
    while made < count:
        more = min(made, count - made)
        await client.ok(f"UID COPY 1:{more} {mailbox}")
        made += more
    await client.ok(f"SELECT {mailbox}")


async def served_during(room: Room, work: Awaitable[object]) -> int:
    """How many commands of another session are answered while something is under way."""
    other = await room.client()
    task = asyncio.ensure_future(work)
    served = 0
    while not task.done():
        await other.ok("NOOP")
        served += 1
    await task
    return served


# ---- every command, every hostile word


@both_stores
def test_every_word_in_every_place_has_one_answer(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the selected state, where no command is refused for its state; and the session goes on."""
    words = [word for word in WORDS if len(word) < 5000]
    prefixes = PREFIXES if kind == "memory" else PREFIXES[:8]

    async def attack(room: Room, client: Client, name: bytes) -> None:
        for prefix in prefixes:
            tags = [client.start(name + b" " + prefix + word) for word in words]
            for tag in tags:
                reply = await client.finish(tag)
                assert reply.tagged.startswith((b"OK ", b"NO ", b"BAD ")), (name, prefix, reply)
                assert b"SERVERBUG" not in reply.tagged, (name, prefix, words[tags.index(tag)], reply)
            await client.ok("SELECT INBOX")

    async def play() -> None:
        async with open_room(tmp_path, kind, max_bad_commands=10**9) as room:
            for number in range(5):
                await room.deliver(message(f"s{number}"))
            client = await room.client("INBOX")
            for name in sorted(COMMANDS):
                await attack(room, client, name)

    with caplog.at_level(logging.ERROR, "postroom"):
        run(play())
    assert not caplog.records


class Fuzzed:
    """A session that is fed mutated commands, and begun again when one of them ends it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._client: Client | None = None
        self._count = 0

    async def say(self, command: bytes) -> None:
        """Exactly one tagged reply, or a BYE."""
        if self._client is None:
            self._client = await self._room.client("INBOX")
        client = self._client
        self._count += 1
        tag = b"f%d" % self._count
        client.send(tag + b" " + command + b"\r\n")
        try:
            line = await self._tagged(client, tag)
            assert b"SERVERBUG" not in line, (command, line)
            client.send(b"%bn NOOP\r\n" % tag)
            assert (await self._tagged(client, tag + b"n")).startswith(tag + b"n OK"), command
        except EOFError:
            await client.close()
            self._client = None

    async def _tagged(self, client: Client, tag: bytes) -> bytes:
        left = False
        while True:
            try:
                line = await client.response()
            except asyncio.IncompleteReadError:
                assert left, "the connection was closed without BYE"
                raise EOFError from None
            if line.startswith(b"* BYE"):
                left = True
            elif line.startswith(b"+ idling"):
                client.send(b"DONE\r\n")
            elif line.startswith(b"+"):
                client.send(b"*\r\n")
            elif not line.startswith(b"* "):
                assert line.startswith(tag + b" "), (tag, line)
                if left:
                    raise EOFError
                return line


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(mutated(), min_size=5, max_size=40))
def test_mutated_commands_have_one_answer_each(commands: list[bytes]) -> None:
    async def play() -> None:
        with TemporaryDirectory() as folder:
            async with open_room(Path(folder), max_bad_commands=10**9) as room:
                for number in range(5):
                    await room.deliver(message(f"s{number}"))
                fuzzed = Fuzzed(room)
                for command in commands:
                    if not command.upper().lstrip().startswith(_CHANGES_STREAM):
                        await fuzzed.say(command)

    run(play())


# ---- names


def test_no_odd_name_becomes_a_mailbox(tmp_path: Path) -> None:
    names = [
        b"&", b"&AA", b"&AGE-", b"&AAA-", b"&AA0ACg-", b"&2AA-", b"&2D0-", b"&-&-&", b"&Jjo-&Jjo-", b"&Jjo", b"a&b-",
        b"&AH8-", b'"a\x01b"', b'"a\x7fb"', b"{3+}\r\na\r\n", b"{3+}\r\na\0b", b"{2+}\r\n\xff\xfe", b'"\xff"', b'""',
        b"/", b"/a", b"a//b", b"a*", b"a%", b'"*"', b'"%"', b"x" * 2000, b"/".join([b"d"] * 300), b"&2D3eAA-" * 100,
    ]  # fmt: skip

    async def play() -> None:
        async with open_room(tmp_path, max_bad_commands=10**9) as room:
            client = await room.client()
            before = await client.ok('LIST "" *')
            for name in names:
                for command in (
                    b"CREATE %b",
                    b"RENAME INBOX %b",
                    b"RENAME %b y",
                    b"DELETE %b",
                    b"SELECT %b",
                    b"SUBSCRIBE %b",
                ):
                    reply = await client.command(command % name)
                    wild = b"*" in name or b"%" in name
                    assert not reply.ok or wild or command.startswith(b"SUBSCRIBE"), (command, name, reply)
            for line in [*await client.ok('LIST "" *'), *await client.ok('LSUB "" *')]:
                assert re.fullmatch(rb"[\x20-\x7e]*", line), line
            assert len(await client.ok('LIST "" *')) <= len(before) + 4

    run(play())


def test_ten_thousand_mailboxes_and_wicked_patterns(tmp_path: Path) -> None:
    """Bug: a LIST was matched whole before anybody else had a turn: a minute for long names and sixty patterns."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            for first in range(0, 9990, 90):  # together: one commit
                await asyncio.gather(*(account.create("a" * 60 + f"/{first + number}") for number in range(90)))
            await account.create("a" * 900)
            account.close()
            client = await room.client()
            patterns = " ".join("*" + "a*%*" * 100 + f"b{number}" for number in range(40))
            listed: list[bytes] = []

            async def bomb() -> None:
                listed.extend(await client.ok(f'LIST "" ({patterns})'))

            assert await served_during(room, bomb()) > 20
            assert listed == []
            assert len(await client.ok('LIST "" *%*%*%*')) >= 9991
            refused = await client.command('LIST "" (' + "a " * 100 + "a)")
            assert refused.tagged.startswith(b"BAD")

    run(play())


# ---- keywords


@both_stores
def test_ten_thousand_keywords(tmp_path: Path, kind: str) -> None:
    """58 fit; the rest get NO [LIMIT], and nothing of what was there is lost."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client("INBOX")
            kept = 0
            for first in range(0, 10_000, 29):
                keywords = " ".join(f"{'k' * 240}{number}" for number in range(first, first + 29))
                reply = await client.command(f"STORE 1 +FLAGS.SILENT ({keywords})")
                kept += 29 * reply.ok
                assert reply.ok or reply.tagged.startswith(b"NO [LIMIT]")
            assert kept == 58
            fetched = (await client.ok("FETCH 1 FLAGS"))[-1]
            assert fetched.count(b"kkk" * 80) == 58
            assert len(fetched) < 58 * 260
            assert (await client.command("APPEND INBOX (new) {1+}\r\nx")).tagged.startswith(b"NO [LIMIT]")
            many = " ".join(f"k{number}" for number in range(5000))
            assert (await client.command(f"STORE 1 FLAGS ({many})")).tagged.startswith(b"BAD")
            assert await client.ok("FETCH 1 FLAGS") == [fetched]

    run(play())


# ---- searches


async def with_gaps(room: Room, client: Client, count: int) -> None:
    """A mailbox of which "$" names every other message."""
    await copies(room, client, count)
    for first in range(1, count, 10_000):
        uids = ",".join(map(str, range(first, min(first + 10_000, count), 2)))
        await client.ok(f"UID STORE {uids} +FLAGS.SILENT (odd)")
    await client.ok("SEARCH RETURN (SAVE) KEYWORD odd")


def test_the_saved_result_in_two_thousand_keys(tmp_path: Path) -> None:
    """Bug: each "$" went through all that was saved: minutes in which nobody else was served."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await with_gaps(room, client, 40_000)
            for key in ("$", "1,$", "UID 1,$", "NOT 2,$"):
                keys = " ".join([key] * (1900 // (1 + ("NOT" in key))))
                (found,) = await client.ok(f"SEARCH RETURN (COUNT) {keys}")
                assert found.endswith(b"COUNT 20000" if "NOT" not in key else b"COUNT 19999"), (key, found)

    run(play())


def test_a_context_does_not_keep_the_saved_result_a_thousand_times(tmp_path: Path) -> None:
    """Bug: a context was given a copy of it, uid by uid, for each "$" in its key: gigabytes."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await with_gaps(room, client, 60_000)
            reply = await client.command("SEARCH RETURN (UPDATE COUNT) " + " ".join(["1,$"] * 1900))
            assert reply.tagged.startswith(b"NO [LIMIT]")
            (found,) = await client.ok("SEARCH RETURN (UPDATE COUNT) " + " ".join(["1:*"] * 1900))
            assert found.endswith(b"COUNT 60000")

    run(play())


def test_contexts_without_end(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            replies = [await client.command("SEARCH RETURN (UPDATE COUNT) ALL") for _ in range(200)]
            assert all(reply.ok for reply in replies)
            assert sum(any(b"[NOUPDATE" in line for line in reply.untagged) for reply in replies) == 184
            await room.deliver()
            assert sum(b"ADDTO" in line for line in await client.ok("NOOP")) == 16

    run(play())


@pytest.mark.parametrize(
    "bomb",
    [
        "SEARCH " + " ".join(["OR KEYWORD odd KEYWORD even"] * 300),
        "SEARCH " + "OR " * 45 + " ".join(["KEYWORD odd"] * 46),
        "SEARCH " + " ".join(f"NOT SENTON 1-Jan-{1000 + number}" for number in range(200)),
        "SEARCH " + " ".join(f"OR TEXT a{number} TEXT b{number}" for number in range(100)),
        "SORT (SUBJECT REVERSE FROM TO CC DATE SIZE ARRIVAL DISPLAYFROM DISPLAYTO) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
    ],
)
def test_others_are_served_during_a_search(tmp_path: Path, bomb: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, "sqlite") as room:
            client = await room.client()
            await copies(room, client, 50_000)
            await client.ok("STORE 1:25000 +FLAGS.SILENT (odd)")
            assert await served_during(room, client.command(bomb)) >= 3

    run(play())


def test_more_texts_than_are_looked_for(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            assert (await client.command("SEARCH " + " ".join(["TEXT x"] * 2000))).tagged.startswith(b"NO [LIMIT]")
            assert (await client.command("SEARCH " + " ".join(["ALL"] * 2001))).tagged.startswith(b"BAD")

    run(play())


def test_notify_without_end(tmp_path: Path) -> None:
    """Thousands of registrations are one, the last; one of everything costs others nothing."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            for number in range(1500):
                await account.create(f"m/{number}")
            account.close()
            client = await room.client("INBOX")
            group = "(SUBTREE (m %s) (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
            tops = [" ".join(f"n{number}/{more}" for more in range(50)) for number in range(60)]
            everything = " ".join(group % some for some in tops)
            assert await served_during(room, client.ok(f"NOTIFY SET STATUS {everything}")) >= 20
            for _ in range(20):
                await client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName))")
            feeds = [watcher for watcher in _subscribers(room) if "Notification" in type(watcher).__name__]
            assert len(feeds) == 1
            await room.deliver(message("new"), "m/7")
            other = await room.client()
            for number in range(200):
                await other.ok(f"CREATE z/{number}")
            said = await client.ok("NOOP")
            assert sum(line.startswith(b"* STATUS m/7 ") for line in said) == 1
            too_many = " ".join(["(PERSONAL (MessageNew MessageExpunge))"] * 1000)
            assert (await client.command(f"NOTIFY SET {too_many}")).tagged.startswith(b"NO [NOTIFICATIONOVERFLOW]")

    run(play())


def _subscribers(room: Room) -> list[object]:
    """Who hears of the changes in the first account."""
    store: Any = room.store
    account = store._accounts[1]
    heard = [getattr(one, "func", one) for one in account._views._subscribers]
    return [getattr(one, "__self__", one) for one in heard]


def test_a_thousand_subtrees(tmp_path: Path) -> None:
    """Bug: for each of them all mailboxes were listed anew, and nobody else had a turn."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            for number in range(1500):
                await account.create(f"m/{number}")
            account.close()
            client = await room.client()
            tops = " ".join(f"n{number}" for number in range(998))
            assert await served_during(room, client.ok(f"ESEARCH IN (SUBTREE (m {tops})) ALL")) >= 20

    run(play())


# ---- what QRESYNC and sets ask for


def test_sequence_match_data_must_ascend(tmp_path: Path) -> None:
    """Bug: 2500 times 1:4294967295 was gone through number by number: minutes (RFC 7162 §3.2.5.2)."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await copies(room, client, 1000)
            await client.ok("ENABLE QRESYNC")
            opened = await client.ok("SELECT INBOX")
            (validity,) = [line.split()[3].rstrip(b"]").decode() for line in opened if b"UIDVALIDITY" in line]
            wide = ",".join(["1:4294967295"] * 2000)
            for match in (f"{wide} {wide}", f"1:5 {wide}", "3,2 3,2", "5:1 5:1", "1,1 1,1"):
                reply = await client.command(f"SELECT INBOX (QRESYNC ({validity} 1 1:5 ({match})))")
                assert reply.tagged.startswith(b"BAD"), match
            scattered = ",".join(map(str, range(1, 8000, 2)))
            assert (await client.command(f"SELECT INBOX (QRESYNC ({validity} 1 {scattered} (1:900 1:900)))")).ok

    run(play())


@both_stores
def test_sets_of_thousands_of_parts(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await copies(room, client, 20_000)
            odd = ",".join(map(str, range(1, 20_000, 2)))
            assert len(await client.ok(f"UID FETCH {odd} FLAGS")) == 10_000
            assert len(await client.ok(f"FETCH {odd},20000:1,*:1 UID")) == 20_000
            (found,) = await client.ok(
                f"UID SEARCH RETURN (COUNT) UID {odd} NOT UID {','.join(map(str, range(2, 2000, 2)))}"
            )
            assert b"COUNT" in found
            await client.ok("UID FETCH " + "1:4294967295," * 4000 + "* FLAGS")
            assert not await client.ok("UID STORE " + odd + " +FLAGS.SILENT (\\Deleted)")
            await client.ok(f"UID EXPUNGE {odd}")
            (status,) = await client.ok("STATUS INBOX (MESSAGES)")
            assert status.endswith(b"MESSAGES 10000)")

    run(play())


# ---- literals and messages that never end


def test_more_messages_and_parts_than_one_append_takes(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            reply = await client.command(b"APPEND INBOX" + b" {1+}\r\nx" * 5000)
            assert reply.tagged.startswith(b"NO [LIMIT]")
            reply = await client.command(b"APPEND INBOX CATENATE (" + b" ".join([b"TEXT {1+}\r\nx"] * 5000) + b")")
            assert reply.tagged.startswith(b"NO [LIMIT]")
            (status,) = await client.ok("STATUS INBOX (MESSAGES)")
            assert status.endswith(b"MESSAGES 0)")

    run(play())


@both_stores
def test_an_append_that_never_ends_leaves_nothing(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            client.start(b"APPEND INBOX {40000000+}")
            client.send(b"x" * 5_000_000)
            await client.writer.drain()
            other = await room.client("INBOX")
            await client.close()
            await other.ok("NOOP")
            (status,) = await other.ok("STATUS INBOX (MESSAGES)")
            assert status.endswith(b"MESSAGES 0)")

    run(play())
