"""Three sessions do random things to one mailbox; each keeps a client's picture of it, which must always be true.

What is checked: a sequence number names the message that the client believes it names; EXPUNGE comes only where it may;
flags that the client has been told of are the message's flags once everything has been said; nobody sees two messages
under one UID.
"""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .room import STORES, Client, Reply, Room, message, open_room, run

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
FETCHED = re.compile(rb"\* (\d+) FETCH \((.*)\)\Z", re.DOTALL)
UID = re.compile(rb"UID (\d+)")
FLAG_LIST = re.compile(rb"FLAGS \(([^)]*)\)")
SUBJECT = re.compile(rb"Subject: (\S+)\r\n")

OPERATIONS = (
    "append",
    "append",
    "several",
    "replace",
    "uid replace",
    "store",
    "store",
    "silent",
    "uid store",
    "delete",
    "delete",
    "expunge",
    "uid expunge",
    "copy",
    "move",
    "fetch",
    "uid fetch",
    "read",
    "search",
    "noop",
    "select",
    "idle",
)
steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(OPERATIONS),
        st.integers(0, 30),
        st.integers(0, 5),
        st.sampled_from(FLAGS),
        st.sampled_from(("FLAGS", "+FLAGS", "-FLAGS")),
    ),
    min_size=15,
    max_size=40,
)


class Truth:
    """What the messages are, by UID."""

    def __init__(self) -> None:
        self.subjects: dict[int, bytes] = {}
        self.count = 0

    def check(self, uid: int, subject: bytes) -> None:
        assert self.subjects.setdefault(uid, subject) == subject, f"two messages under UID {uid}"


class Picture:
    """What one client knows."""

    def __init__(self, client: Client, truth: Truth) -> None:
        self.client = client
        self.truth = truth
        self.uids: list[int | None] = []
        self.flags: dict[int, frozenset[str]] = {}

    async def do(self, command: str, *, expunge: bool = True) -> Reply:
        reply = await self.client.command(command)
        assert not reply.tagged.startswith((b"BAD", b"NO [SERVERBUG]")), (command, reply)
        self.hear(reply.untagged, expunge=expunge)
        return reply

    def hear(self, lines: list[bytes], *, expunge: bool = True) -> None:
        for line in lines:
            if line.endswith(b" EXISTS"):
                count = int(line.split()[1])
                assert count >= len(self.uids)
                self.uids += [None] * (count - len(self.uids))
            elif line.endswith(b" EXPUNGE"):
                assert expunge, "EXPUNGE where it may not be said"
                del self.uids[int(line.split()[1]) - 1]
            elif (fetched := FETCHED.match(line)) is not None:
                self.fetched(int(fetched[1]), fetched[2])

    def fetched(self, number: int, items: bytes) -> None:
        assert 1 <= number <= len(self.uids)
        if (found := UID.match(items)) is not None:
            assert self.uids[number - 1] in (None, int(found[1])), "a number names another message"
            self.uids[number - 1] = int(found[1])
        uid = self.uids[number - 1]
        if uid is None:
            return
        if (subject := SUBJECT.search(items)) is not None:
            self.truth.check(uid, subject[1])
        if (flags := FLAG_LIST.search(items)) is not None:
            self.flags[uid] = frozenset(flags[1].decode().split()) - {"\\Recent"}

    async def select(self) -> None:
        self.uids, self.flags = [], {}
        await self.do("SELECT INBOX")
        await self.do("FETCH 1:* (UID FLAGS)" if self.uids else "NOOP")

    async def step(self, what: str, at: int, span: int, flag: str, mode: str) -> None:
        count = len(self.uids)
        if what == "append":
            subject = self.new_subject()
            reply = await self.client.append("INBOX", message(subject))
            self.hear(reply.untagged)
            self.appended(reply, subject)
        elif what == "several":
            subjects = [self.new_subject(), self.new_subject()]
            self.appended(await self.do("APPEND INBOX" + "".join(map(literal, subjects))), *subjects)
        elif what == "noop":
            await self.do("NOOP")
        elif what == "select":
            await self.select()
        elif what == "expunge":
            await self.do("EXPUNGE")
        elif what == "idle":
            tag = self.client.start("IDLE")
            self.client.send(b"DONE\r\n")
            self.hear((await self.client.finish(tag)).untagged)
        elif count:
            low = at % count + 1
            await self.by_number(what, low, min(low + span, count), flag, mode)

    def new_subject(self) -> str:
        self.truth.count += 1
        return f"s{self.truth.count}"

    def appended(self, reply: Reply, *subjects: str) -> None:
        """The new messages are those that APPENDUID names."""
        lines = [reply.tagged, *reply.untagged]
        code = next((line for line in lines if b"[APPENDUID " in line), None)
        assert (code is not None) == reply.ok
        if code is not None:
            uids = numbers_of(code.partition(b"]")[0].split()[-1])
            for uid, subject in zip(uids, subjects, strict=True):
                self.truth.check(uid, subject.encode())

    async def by_number(self, what: str, low: int, high: int, flag: str, mode: str) -> None:
        numbers = f"{low}:{high}"
        uids = [uid for uid in self.uids[low - 1 : high] if uid is not None]
        uid_set = ",".join(map(str, uids)) or "1"
        if what == "store":
            await self.do(f"STORE {numbers} {mode} ({flag})", expunge=False)
        elif what == "delete":
            await self.do(f"STORE {numbers} +FLAGS (\\Deleted)", expunge=False)
        elif what == "silent":
            await self.do(f"STORE {numbers} {mode}.SILENT ({flag})", expunge=False)
            for uid in uids:
                if uid in self.flags:
                    changed = {flag} if mode == "FLAGS" else self.flags[uid] | {flag}
                    self.flags[uid] = self.flags[uid] - {flag} if mode == "-FLAGS" else frozenset(changed)
        elif what == "uid store":
            await self.do(f"UID STORE {uid_set} {mode} ({flag})")
        elif what == "uid expunge":
            await self.do(f"UID EXPUNGE {uid_set}")
        elif what == "replace":
            subject = self.new_subject()
            self.appended(await self.do(f"REPLACE {low} INBOX{literal(subject)}"), subject)
        elif what == "uid replace" and uids:
            subject = self.new_subject()
            self.appended(await self.do(f"UID REPLACE {uids[0]} INBOX{literal(subject)}"), subject)
        elif what == "copy":
            self.copied(await self.do(f"UID COPY {uid_set} INBOX"))
        elif what == "move":
            self.copied(await self.do(f"UID MOVE {uid_set} INBOX"))
        elif what == "fetch":
            await self.do(f"FETCH {numbers} (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])", expunge=False)
        elif what == "uid fetch":
            await self.do(f"UID FETCH {uid_set} (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        elif what == "read":
            await self.do(f"FETCH {numbers} (UID BODY[HEADER])", expunge=False)
        elif what == "search":
            reply = await self.do(f"SEARCH {numbers}", expunge=False)
            found = next(line for line in reply.untagged if line.startswith(b"* SEARCH")).split()[2:]
            assert [int(number) for number in found] == list(range(low, high + 1))

    def copied(self, reply: Reply) -> None:
        """The copies' subjects are those of their sources."""
        lines = [reply.tagged, *reply.untagged]
        code = next((line for line in lines if b"[COPYUID " in line), None)
        if code is not None:
            _, source, target = code.partition(b"[COPYUID ")[2].partition(b"]")[0].split()
            for old, new in zip(numbers_of(source), numbers_of(target), strict=True):
                if old in self.truth.subjects:
                    self.truth.check(new, self.truth.subjects[old])


def literal(subject: str) -> str:
    text = message(subject).decode()
    return f" {{{len(text)}+}}\r\n{text}"


def numbers_of(uid_set: bytes) -> list[int]:
    found: list[int] = []
    for part in uid_set.split(b","):
        low, _, high = part.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


async def play(room: Room, script: list[tuple[int, str, int, int, str, str]]) -> None:
    truth = Truth()
    for truth.count in range(1, 9):
        truth.check(await room.deliver(message(f"s{truth.count}")), f"s{truth.count}".encode())
    pictures = [Picture(await room.client(), truth) for _ in range(3)]
    for picture in pictures:
        await picture.select()
    for who, what, at, span, flag, mode in script:
        await pictures[who].step(what, at, span, flag, mode)
    fresh = Picture(await room.client(), truth)
    await fresh.select()
    for picture in pictures:
        await picture.do("NOOP")
        assert len(picture.uids) == len(fresh.uids)
        for known, real in zip(picture.uids, fresh.uids, strict=True):
            assert known in (None, real)
        for uid in fresh.uids:
            assert uid is not None
            if uid in picture.flags:
                assert picture.flags[uid] == fresh.flags[uid], uid
        if picture.uids:
            await picture.do("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert picture.uids == fresh.uids


@pytest.mark.parametrize(("kind", "examples"), [(STORES[0], 50), (STORES[1], 15)])
def test_the_picture_is_true(kind: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(steps)
    def check(script: list[tuple[int, str, int, int, str, str]]) -> None:
        async def whole() -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with open_room(Path(folder), kind) as room:
                    await play(room, script)

        run(whole())

    check()
