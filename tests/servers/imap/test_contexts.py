"""Contexts: a client that carries out what it is told always has the result that a new search would give."""

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.store.api import StoreFailure
from postroom.store.memory import MemoryAccount

from .room import STORES, Client, Reply, Room, both_stores, message, open_room, run

UPDATE = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)? (ADDTO|REMOVEFROM) \(([^()]*)\)')
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
# commands with a place for RETURN (…), or for nothing to ask for the same result plainly
PROGRAMS = (
    "UID SEARCH%s UNSEEN",
    "SEARCH%s FLAGGED UNDELETED",
    "SEARCH%s ALL",
    "UID SORT%s (SUBJECT) UTF-8 ALL",
    "SORT%s (REVERSE SUBJECT) UTF-8 OR SEEN FLAGGED",
    "UID SORT%s (REVERSE DATE REVERSE SIZE) UTF-8 UNKEYWORD $Work",
    "UID SEARCH%s NOT UID *",
    "UID SEARCH%s UID 7:*",
    "UID SEARCH%s OR UID *:2 UID 9:* UNSEEN",
    "SORT%s (REVERSE ARRIVAL FROM) UTF-8 OR UID 4:* SUBJECT a",
    "UID SORT%s (SIZE) UTF-8 SUBJECT b",
)
OPERATIONS = (
    "append",
    "store",
    "store",
    "store",
    "silent",
    "delete",
    "expunge",
    "uid expunge",
    "fetch",
    "noop",
    "idle",
)
steps = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(OPERATIONS), st.integers(0, 30), st.integers(0, 3), st.sampled_from(FLAGS),
        st.sampled_from(("FLAGS", "+FLAGS", "-FLAGS")),
    ),
    min_size=5, max_size=25,
)  # fmt: skip


def expand(numbers: bytes) -> list[int]:
    found: list[int] = []
    for part in numbers.split(b","):
        first, _, last = part.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found


class Follower:
    """A client with some results that it keeps as it is told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.count = 0
        self.by_number: dict[bytes, bool] = {}
        self.results: dict[bytes, list[int]] = {}
        self.programs: dict[bytes, str] = {}

    async def select(self) -> None:
        self.hear(await self.client.ok("SELECT INBOX"))

    async def follow(self, program: str) -> None:
        tag = self.client.start(program % " RETURN (UPDATE ALL)")
        reply = await self.client.finish(tag)
        assert reply.ok, reply
        found = next(line for line in reply.untagged if b'(TAG "%b")' % tag in line)
        _, _, told = found.partition(b"ALL ")
        self.programs[tag], self.results[tag] = program, expand(told) if told else []
        self.by_number[tag] = not program.startswith("UID")

    async def do(self, command: str) -> Reply:
        reply = await self.client.command(command)
        assert not reply.tagged.startswith((b"BAD", b"NO [SERVERBUG]")), (command, reply)
        self.hear(reply.untagged)
        return reply

    def hear(self, lines: list[bytes]) -> None:
        for line in lines:
            if (update := UPDATE.fullmatch(line)) is not None:
                tag, uid, word, pairs = update.groups()
                assert self.by_number[tag] == (uid is None)
                words = pairs.split()
                for position, numbers in zip(map(int, words[::2]), map(expand, words[1::2]), strict=True):
                    self.change(tag, word, position, numbers)
            elif line.endswith(b" EXISTS"):
                self.count = int(line.split()[1])
            elif line.endswith(b" EXPUNGE"):
                self.expunge(int(line.split()[1]))

    def change(self, tag: bytes, word: bytes, position: int, numbers: list[int]) -> None:
        result = self.results[tag]
        assert "SORT" not in self.programs[tag] or position
        if self.by_number[tag]:
            assert max(numbers) <= self.count, "a number that is not good yet"
        if word == b"ADDTO":
            assert not set(result) & set(numbers)
            assert position <= len(result) + 1
            if position:
                result[position - 1 : position - 1] = numbers
            else:
                result[:] = sorted([*result, *numbers])
        elif position:
            assert result[position - 1 : position - 1 + len(numbers)] == numbers
            del result[position - 1 : position - 1 + len(numbers)]
        else:
            for number in numbers:
                result.remove(number)

    def expunge(self, number: int) -> None:
        self.count -= 1
        for tag, result in self.results.items():
            if self.by_number[tag]:
                assert number not in result, "REMOVEFROM comes before EXPUNGE"
                result[:] = [one - (one > number) for one in result]

    async def check(self) -> None:
        await self.do("NOOP")
        for tag, program in self.programs.items():
            lines = await self.client.ok(program % "")
            [told] = [line for line in lines if line.startswith((b"* SORT", b"* SEARCH"))]
            assert self.results[tag] == [int(number) for number in told.split()[2:]], program

    async def step(self, what: str, at: int, span: int, flag: str, mode: str) -> None:
        count = self.count
        low = at % count + 1 if count else 1
        numbers = f"{low}:{min(low + span, max(count, 1))}"
        if what == "append":
            octets = message("bcabdca"[at % 7], b"x" * (at % 5), f"Mon, {at % 3 + 1} Feb 1994 21:52:25 -0800")
            self.hear((await self.client.append("INBOX", octets, flag)).untagged)
        elif what in ("noop", "expunge"):
            await self.do(what)
        elif what == "idle":
            tag = self.client.start("IDLE")
            self.client.send(b"DONE\r\n")
            self.hear((await self.client.finish(tag)).untagged)
        elif count:
            commands = {
                "store": f"STORE {numbers} {mode} ({flag})",
                "silent": f"STORE {numbers} {mode}.SILENT ({flag})",
                "delete": f"STORE {numbers} +FLAGS (\\Deleted)",
                "uid expunge": f"UID EXPUNGE {numbers}",
                "fetch": f"FETCH {numbers} BODY[TEXT]",
            }
            await self.do(commands[what])


Script = list[tuple[int, str, int, int, str, str]]


async def play(room: Room, programs: list[str], script: Script, at_once: bool) -> None:
    for at in range(6):
        await room.deliver(message("cabbca"[at]), flags=frozenset(FLAGS[at % 4 : at % 4 + 1]))
    followers = [Follower(await room.client()) for _ in range(2)]
    for follower in followers:
        await follower.select()
        for program in programs:
            await follower.follow(program)

    async def steps_of(numbers: set[int]) -> None:
        for who, what, at, span, flag, mode in script:
            if who in numbers:
                await followers[who].step(what, at, span, flag, mode)

    if at_once:
        await asyncio.gather(steps_of({0}), steps_of({1}))
    else:
        await steps_of({0, 1})
    for follower in followers:
        await follower.check()


@pytest.mark.parametrize(("kind", "examples"), [(STORES[0], 150), (STORES[1], 30)])
def test_what_is_told_is_the_result(kind: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(st.sampled_from(PROGRAMS), min_size=1, max_size=3, unique=True), steps, st.booleans())
    def check(programs: list[str], script: Script, at_once: bool) -> None:
        async def whole() -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with open_room(Path(folder), kind) as room:
                    await play(room, programs, script, at_once)

        run(whole())

    check()


@both_stores
def test_idle_is_told_at_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("b"))
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 UNSEEN SUBJECT b")
            await client.ok("SEARCH RETURN (UPDATE) ALL")
            idle = client.start("IDLE")
            assert await client.response() == b"+ idling"
            await room.deliver(message("b"))
            assert await client.response() == b"* 2 EXISTS"
            await client.response()
            assert await client.response() == b'* ESEARCH (TAG "t3") UID ADDTO (2 2)'
            assert await client.response() == b'* ESEARCH (TAG "t4") ADDTO (0 2)'
            await other.ok("NOOP")
            await other.ok("STORE 1 FLAGS (\\Seen \\Deleted)")
            assert (await client.response()).startswith(b"* 1 FETCH")
            assert await client.response() == b'* ESEARCH (TAG "t3") UID REMOVEFROM (1 1)'
            await other.ok("EXPUNGE")
            assert await client.response() == b'* ESEARCH (TAG "t4") REMOVEFROM (0 1)'
            assert await client.response() == b"* 1 EXPUNGE"
            client.send(b"DONE\r\n")
            assert (await client.finish(idle)).tagged.startswith(b"OK")

    run(play())


@both_stores
def test_an_expunge_is_told_before_its_number_goes(tmp_path: Path, kind: str) -> None:
    """RFC 5267 appendix A.3"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(3):
                await room.deliver(flags=frozenset(("\\Deleted",)))
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("SEARCH RETURN (UPDATE) ALL")
            await other.ok("UID EXPUNGE 2")
            untagged = await client.ok("FETCH 1 UID")
            assert untagged == [b"* 1 FETCH (UID 1)", b'* ESEARCH (TAG "t3") REMOVEFROM (0 2)']
            # a context that begins while the EXPUNGE is not said yet does not keep the message for ever
            told = [b'* ESEARCH (TAG "t5") COUNT 3', b'* ESEARCH (TAG "t5") REMOVEFROM (0 2)']
            assert await client.ok("SEARCH RETURN (UPDATE COUNT) ALL") == told
            assert await client.ok("NOOP") == [b"* 2 EXPUNGE"]

    run(play())


def test_a_result_too_many_is_told_and_not_followed(tmp_path: Path) -> None:
    """RFC 5267 §4.3.1"""

    async def play() -> None:
        async with open_room(tmp_path, max_contexts=2, max_context_messages=3) as room:
            await room.deliver()
            await room.deliver()
            client = await room.client("INBOX")
            assert len(await client.ok("SEARCH RETURN (UPDATE COUNT) ALL")) == 1
            told = [b'* ESEARCH (TAG "t4") COUNT 2', b'* NO [NOUPDATE "t4"] Too many contexts']
            assert await client.ok("SEARCH RETURN (UPDATE COUNT) ALL") == told  # too many messages
            assert await client.ok("SORT RETURN (UPDATE COUNT) (TO) UTF-8 1") == [b'* ESEARCH (TAG "t5") COUNT 1']
            told = [b'* ESEARCH (TAG "t6") COUNT 0', b'* NO [NOUPDATE "t6"] Too many contexts']
            assert await client.ok("SORT RETURN (UPDATE COUNT) (TO) UTF-8 SEEN") == told
            await client.ok('CANCELUPDATE "t3" "t5" "unknown"')
            assert len(await client.ok("SEARCH RETURN (UPDATE COUNT) ALL")) == 1

    run(play())


def test_a_tag_is_used_once_and_updates_end_with_the_mailbox(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            client.send(b"x SEARCH RETURN (UPDATE COUNT) ALL\r\n")
            assert (await client.finish(b"x")).ok
            client.send(b"x SEARCH RETURN (UPDATE COUNT) ALL\r\n")
            assert (await client.finish(b"x")).tagged == b"BAD Tag reuse"
            await client.ok("SELECT INBOX")
            await room.deliver()
            assert all(b"ESEARCH" not in line for line in await client.ok("NOOP"))
            client.send(b"x SEARCH RETURN (UPDATE COUNT) ALL\r\n")
            assert (await client.finish(b"x")).ok
            await client.ok("UNSELECT")
            assert (await client.command('CANCELUPDATE "x"')).tagged.startswith(b"BAD")

    run(play())


def test_numbers_name_what_they_named_when_the_search_began(tmp_path: Path) -> None:
    """RFC 5267 §4.3"""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            for _ in range(4):
                await room.deliver()
            client = await room.client("INBOX")
            await client.ok("UID SEARCH RETURN (SAVE) 4")
            assert await client.ok("UID SEARCH RETURN (UPDATE ALL) 2:3 UNSEEN") == [b'* ESEARCH (TAG "t4") UID ALL 2:3']
            assert await client.ok("UID SEARCH RETURN (UPDATE ALL) $ UNSEEN") == [b'* ESEARCH (TAG "t5") UID ALL 4']
            await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            told = await client.ok("STORE 1:3 +FLAGS.SILENT (\\Seen)")
            lines = [b'* ESEARCH (TAG "t4") UID REMOVEFROM (0 2:3)', b'* ESEARCH (TAG "t5") UID REMOVEFROM (0 4)']
            assert told == lines

    run(play())


def test_no_message_numbers_for_those_who_read_none(tmp_path: Path) -> None:
    """RFC 9586"""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            await client.ok("SEARCH RETURN (UPDATE) ALL")
            await client.ok("UID SEARCH RETURN (UPDATE) UNSEEN")
            await client.ok("ENABLE UIDONLY")
            *_, told = await client.ok("UID STORE 1 +FLAGS.SILENT (\\Seen)")
            assert told == b'* ESEARCH (TAG "t4") UID REMOVEFROM (0 1)'
            assert await client.ok("UID EXPUNGE 1") == []

    run(play())


def test_what_is_being_looked_at_when_idle_ends_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, go_on = asyncio.Event(), asyncio.Event()
    search_text = MemoryAccount.search_text

    async def slowly(self: MemoryAccount, *args: Any) -> set[int]:
        found = await search_text(self, *args)
        looking.set()
        await go_on.wait()
        return found

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver(message("b"))
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("SEARCH RETURN (UPDATE ALL) SUBJECT b")
            monkeypatch.setattr(MemoryAccount, "search_text", slowly)
            idle = client.start("IDLE")
            await room.deliver(message("b"))
            await looking.wait()
            client.send(b"DONE\r\n")
            fetch = client.start("FETCH 1:* UID")
            await other.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            go_on.set()
            told = (await client.finish(idle)).untagged
            assert b'* ESEARCH (TAG "t3") ADDTO (0 2)' in told
            gone = [b'* ESEARCH (TAG "t3") REMOVEFROM (0 1)', b"* 1 EXPUNGE"]
            assert [line for line in told if line in gone] == gone  # IDLE may be told so (RFC 2177 §3)
            assert (await client.finish(fetch)).untagged == [b"* 1 FETCH (UID 2)"]
            assert await client.ok("NOOP") == []

    run(play())


def test_a_store_in_trouble_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: MemoryAccount, *args: Any) -> set[int]:
        raise StoreFailure("a test")

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            await client.ok("SEARCH RETURN (UPDATE) SUBJECT b")
            await room.deliver(message("b"))
            with monkeypatch.context() as broken:
                broken.setattr(MemoryAccount, "search_text", fails)
                assert (await client.ok("NOOP"))[0] == b"* 1 EXISTS"
            assert await client.ok("NOOP") == [b'* ESEARCH (TAG "t3") ADDTO (0 1)']

    run(play())
