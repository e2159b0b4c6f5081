"""Bursts of commands in one write: every tag answered once and in order, whatever the layers, segments and readers.

Apple Mail sends behind DONE what it wants next, mbsync and imapflow keep many commands under way. Here a client writes
hundreds of them before it reads anything, and knows what each must be answered.
"""

import asyncio
import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from postroom.net import NetSettings, client_context

from .room import Client, Room, message, open_room, run
from .test_service import server_context

BOXES = ("INBOX", "Archive", "Junk")
# What looks like an end of a literal, a command or a tagged answer, in the middle of messages.
TRAPS = (b"\r\nz LOGOUT\r\n", b" {5+}\r\n", b"\r\nDONE\r\n", b")\r\nc1 OK FETCH completed\r\n", b"* BYE\r\n")
SMALL_BUFFER = 65536

Check = Callable[[list[bytes], bytes], None]  # untagged responses, the tagged answer


@dataclass
class Burst:
    """Commands with what each must be answered, by somebody who is alone with the account."""

    random: random.Random
    boxes: dict[str, dict[int, bytes]] = field(default_factory=lambda: {name: {} for name in BOXES})
    next_uids: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOXES, 1))
    selected: str | None = None
    data: list[bytes] = field(default_factory=list)
    expected: list[tuple[bytes, Check]] = field(default_factory=list)

    def say(self, command: bytes, check: Check) -> None:
        tag = b"c%d" % len(self.expected)
        self.data.append(tag + b" " + command + b"\r\n")
        self.expected.append((tag, check))

    def body(self, octets: int) -> bytes:
        pieces = [self.random.randbytes(octets // 8).hex().encode() for _ in range(4)]
        return b"".join(piece + self.random.choice(TRAPS) for piece in pieces)

    def append(self, octets: int) -> None:
        name = self.random.choice(BOXES)
        text = message(str(len(self.expected)), self.body(octets))
        uid = self.next_uids[name]
        self.next_uids[name] += 1
        self.boxes[name][uid] = text
        sign = self.random.choice([b"", b" (\\Seen)", b' "01-Jan-2024 10:00:00 +0000"'])

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert re.fullmatch(rb"OK \[APPENDUID \d+ %d\] APPEND completed" % uid, answer), answer

        self.say(b"APPEND %b%b {%d+}\r\n%b" % (name.encode(), sign, len(text), text), check)

    def select(self) -> None:
        name = self.random.choice(BOXES)
        count = len(self.boxes[name])
        self.selected = name

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer == b"OK [READ-WRITE] SELECT completed"
            assert b"* %d EXISTS" % count in untagged

        self.say(b"SELECT " + name.encode(), check)

    def fetch(self) -> None:
        if self.selected is None:
            self.refused(b"UID FETCH 1 BODY.PEEK[]")
            return
        box = self.boxes[self.selected]
        uids = sorted(self.random.sample(sorted(box), min(len(box), self.random.randint(0, 3))))
        if not uids:
            self.ok(b"UID FETCH 99999 (UID BODY.PEEK[])")
            return
        texts = [box[uid] for uid in uids]
        first, octets = self.random.choice([(0, 1 << 30), (0, 1000), (50, 20480)])

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer == b"OK UID FETCH completed"
            bodies = [line for line in untagged if b"BODY[]" in line]
            assert len(bodies) == len(uids)
            for line, uid, text in zip(bodies, uids, texts, strict=True):
                part = text[first : first + octets]
                label = b"UID %d BODY[]<%d> {%d}\r\n%b)" % (uid, first, len(part), part)
                assert line.endswith(label), (line[:80], label[:80])

        sequence = b",".join(b"%d" % uid for uid in uids)
        self.say(b"UID FETCH %b (UID BODY.PEEK[]<%d.%d>)" % (sequence, first, octets), check)

    def store(self) -> None:
        if self.selected is None or not (box := self.boxes[self.selected]):
            self.ok(b"NOOP")
            return
        uid = self.random.choice(sorted(box))

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer == b"OK UID STORE completed"
            assert any(re.match(rb"\* \d+ FETCH \(UID %d FLAGS \(.*\\Flagged" % uid, line) for line in untagged)

        self.say(b"UID STORE %d +FLAGS (\\Flagged)" % uid, check)

    def move(self) -> None:
        target = self.random.choice(BOXES)
        if self.selected is None or target == self.selected or not (box := self.boxes[self.selected]):
            self.ok(b'LIST (SPECIAL-USE) "" * RETURN (STATUS (MESSAGES))')
            return
        uid, new = self.random.choice(sorted(box)), self.next_uids[target]
        self.boxes[target][new] = box.pop(uid)
        self.next_uids[target] += 1

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer == b"OK UID MOVE completed"
            assert any(re.match(rb"\* OK \[COPYUID \d+ %d %d\]" % (uid, new), line) for line in untagged)
            assert any(re.fullmatch(rb"\* \d+ EXPUNGE", line) for line in untagged)

        self.say(b"UID MOVE %d %b" % (uid, target.encode()), check)

    def status(self) -> None:
        name = self.random.choice(BOXES)
        count, next_uid = len(self.boxes[name]), self.next_uids[name]

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert b"* STATUS %b (MESSAGES %d UIDNEXT %d)" % (name.encode(), count, next_uid) in untagged
            assert answer == b"OK STATUS completed"

        self.say(b"STATUS %b (MESSAGES UIDNEXT)" % name.encode(), check)

    def search(self) -> None:
        if self.selected is None:
            self.refused(b"UID SEARCH ALL")
            return
        count = len(self.boxes[self.selected])
        tag = b"c%d" % len(self.expected)

        def check(untagged: list[bytes], answer: bytes) -> None:
            assert b'* ESEARCH (TAG "%b") UID COUNT %d' % (tag, count) in untagged
            assert answer == b"OK UID SEARCH completed"

        self.say(b"UID SEARCH RETURN (COUNT) ALL", check)

    def idle(self) -> None:
        def check(untagged: list[bytes], answer: bytes) -> None:
            assert b"+ idling" in untagged
            assert answer == b"OK IDLE terminated"

        self.say(b"IDLE\r\nDONE", check)

    def leave(self) -> None:
        if self.selected is None:
            self.refused(b"UNSELECT")
            return
        self.selected = None
        self.ok(b"UNSELECT")

    def refused(self, command: bytes) -> None:
        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer.startswith(b"BAD ")

        self.say(command, check)

    def ok(self, command: bytes) -> None:
        def check(untagged: list[bytes], answer: bytes) -> None:
            assert answer.startswith(b"OK "), answer

        self.say(command, check)

    def fill(self, commands: int, octets: int) -> None:
        """So many commands, messages of about so many octets among them."""
        kinds: list[Callable[[], None]] = [self.fetch] * 6
        kinds += [self.status, self.search, self.store, self.move, self.select, self.select, self.idle, self.leave]
        kinds += [partial(self.append, octets), partial(self.ok, b"NOOP")]
        for _ in range(6):
            self.append(octets)
        while len(self.expected) < commands - 1:
            self.random.choice(kinds)()
        self.ok(b"LOGOUT")


async def client_of(room: Room, *, tls: bool, compress: bool) -> Client:
    """Signed in, with little room in its kernel for what it does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", room.port))
    context = client_context(verify=False) if tls else None
    reader, writer = await asyncio.open_connection(
        sock=sock, ssl=context, server_hostname="localhost" if tls else None, limit=SMALL_BUFFER
    )
    client = Client(reader, writer)
    room.clients.append(client)
    client.greeting = await client.response()
    await client.ok("LOGIN alice@x.example alice-secret")
    if compress:
        await client.ok("COMPRESS DEFLATE")
        client.compress()
    return client


async def write(client: Client, data: bytes, pieces: random.Random) -> None:
    """Everything, in segments of any size, some of one octet."""
    at = 0
    while at < len(data):
        octets = pieces.choice([1, 7, 536, 1400, 16384, 200_000])
        client.send(data[at : at + octets])
        await client.writer.drain()
        at += octets


async def hear(client: Client, expected: list[tuple[bytes, Check]]) -> None:
    for tag, check in expected:
        untagged: list[bytes] = []
        while not (line := await client.response()).startswith(b"c"):
            assert line.startswith((b"* ", b"+ ")), line
            untagged.append(line)
        assert line.startswith(tag + b" "), (tag, line)
        check(untagged, line[len(tag) + 1 :])


def unsent(room: Room) -> int:
    """Octets that the server keeps for its one client."""
    [connection] = room.listener._connections
    assert connection._transport is not None
    return connection._transport.get_write_buffer_size() + sum(map(len, connection._outbox))


async def stuck(room: Room, high_water: int) -> int:
    """Wait until the server has as much to send as it cares to; the most that it ever had."""
    most = 0
    async with asyncio.timeout(20):
        while most < high_water:
            await asyncio.sleep(0.002)
            most = max(most, unsent(room))
    for _ in range(50):
        await asyncio.sleep(0.002)
        most = max(most, unsent(room))
    return most


@pytest.mark.parametrize(
    ("kind", "tls", "compress", "commands", "octets"),
    [
        ("memory", False, False, 500, 4000),
        ("sqlite", False, False, 200, 60_000),
        ("memory", True, False, 200, 60_000),
        ("memory", False, True, 200, 60_000),
        ("sqlite", True, True, 120, 120_000),
    ],
)
def test_a_burst(tmp_path: Path, kind: str, tls: bool, compress: bool, commands: int, octets: int) -> None:
    context = server_context(tmp_path / "tls") if tls else None
    chance = random.Random(f"{kind} {tls} {compress}")

    async def play() -> None:
        async with open_room(tmp_path, kind, implicit_tls=context) as room:
            client = await client_of(room, tls=tls, compress=compress)
            burst = Burst(chance)
            burst.fill(commands, octets)
            writing = asyncio.get_running_loop().create_task(write(client, b"".join(burst.data), chance))
            await hear(client, burst.expected)
            await writing
            assert await client.eof() == b""

    run(play())


@pytest.mark.parametrize(("tls", "compress"), [(False, False), (True, True)])
def test_a_burst_that_is_read_late(tmp_path: Path, tls: bool, compress: bool) -> None:
    """What waits for such a client stays bounded, and is all there when it reads."""
    context = server_context(tmp_path / "tls") if tls else None
    net = NetSettings(output_high_water_octets=SMALL_BUFFER)

    async def play() -> None:
        async with open_room(tmp_path, implicit_tls=context, net=net) as room:
            client = await client_of(room, tls=tls, compress=compress)
            burst = Burst(random.Random(7))
            burst.append(1_000_000)
            [(name, [(uid, _)])] = [(name, list(box.items())) for name, box in burst.boxes.items() if box]
            burst.ok(b"SELECT " + name.encode())
            for _ in range(40):
                burst.ok(b"UID FETCH %d BODY.PEEK[]" % uid)
            burst.ok(b"LOGOUT")
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            writing = asyncio.get_running_loop().create_task(write(client, b"".join(burst.data), random.Random(8)))
            assert await stuck(room, SMALL_BUFFER) < 1_000_000
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await hear(client, burst.expected)
            await writing

    run(play())


def test_short_commands_with_long_answers_that_nobody_reads(tmp_path: Path) -> None:
    async def play() -> None:
        net = NetSettings(output_high_water_octets=SMALL_BUFFER)
        async with open_room(tmp_path, net=net) as room:
            await room.deliver()
            client = await client_of(room, tls=False, compress=False)
            await client.ok("SELECT INBOX")
            for n in range(58):
                await client.ok(f"STORE 1 +FLAGS.SILENT ({n:0>250})")
            burst = Burst(random.Random(9))
            for _ in range(1500):  # 25 kB, which are answered with 45 MB
                burst.ok(b"EXAMINE INBOX")
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(b"".join(burst.data))
            assert await stuck(room, SMALL_BUFFER) < 1_000_000
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await hear(client, burst.expected)

    run(play())


def test_what_apple_mail_sends_behind_done(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await client_of(room, tls=False, compress=False)
            await client.ok("SELECT INBOX (CONDSTORE)")
            idle = client.start("IDLE")
            assert await client.response() == b"+ idling"
            client.send(
                b'DONE\r\nA2 UID FETCH 1:* (FLAGS UID) (CHANGEDSINCE 1)\r\nA3 STATUS "Junk" (MESSAGES)\r\n'
                b"A4 IDLE\r\nDONE\r\nA5 NOOP\r\n"
            )
            assert (await client.finish(idle)).tagged == b"OK IDLE terminated"
            assert (await client.finish(b"A2")).untagged == [b"* 1 FETCH (FLAGS (\\Recent) UID 1 MODSEQ (2))"]
            assert (await client.finish(b"A3")).untagged == [b"* STATUS Junk (MESSAGES 0)"]
            assert (await client.finish(b"A4")).untagged == [b"+ idling"]
            assert (await client.finish(b"A5")).tagged == b"OK NOOP completed"

    run(play())
