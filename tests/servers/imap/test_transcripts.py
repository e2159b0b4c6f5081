"""The plays of tests/transcripts/imap_session over a socket.

C: a line of the client, S: the server's next line, C2: and S2: the same for a second client of the same person, C3: and
S3: for bob. "..." in a server's line stands for anything. M: lines of a message: behind a C: line that ends with {*}
what the client sends (when asked; {*+}: at once), behind an S: line that ends with a literal's length what the server
does. A +: line goes on right behind the octets of the M: lines before it. "G: INBOX 3" delivers three.
"Z: on" and "Z: off": the client compresses from here on (RFC 4978), or no longer does.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from .room import Client, Room, both_stores, open_room, run

PLAYS = Path(__file__).parents[2] / "transcripts" / "imap_session"
LITERAL = re.compile(rb"\{\*(\+?)\}$")
LITERAL_LENGTH = re.compile(rb"\{\d+\}$")


def read(path: Path) -> list[tuple[str, bytes]]:
    lines = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            who, _, what = line.partition(":")
            lines.append((who, what.removeprefix(" ").encode()))
    return lines


def same(expected: bytes, got: bytes) -> bool:
    return re.fullmatch(b".*".join(map(re.escape, expected.split(b"..."))), got, re.DOTALL) is not None


class Play:
    """One transcript under way."""

    def __init__(self, room: Room, clients: dict[str, Client], lines: list[tuple[str, bytes]]) -> None:
        self.room = room
        self.clients = clients
        self.lines = lines
        self.unsent: list[bytes] = []

    def message(self) -> bytes:
        found = []
        while self.lines and self.lines[0][0] == "M":
            found.append(self.lines.pop(0)[1])
        return b"\r\n".join(found)

    def stretches(self, line: bytes) -> list[bytes]:
        """A command, cut where the client waits for the server's "+"."""
        found, sent = [], b""
        while literal := LITERAL.search(line):
            message, plus = self.message(), literal[1]
            sent += line[: literal.start()] + b"{%d%b}\r\n" % (len(message), plus)
            if not plus:
                found.append(sent)
                sent = b""
            goes_on = self.lines and self.lines[0][0] == "+"
            line = message + (self.lines.pop(0)[1] if goes_on else b"")
        return [*found, sent + line + b"\r\n"]

    async def go(self) -> None:
        while self.lines:
            who, what = self.lines.pop(0)
            if who == "G":
                mailbox, _, count = what.decode().partition(" ")
                for _ in range(int(count)):
                    await self.room.deliver(mailbox=mailbox)
            elif who.startswith("Z"):
                self.clients[who[1:]].compress(what == b"on")
            elif who.startswith("C"):
                first, *self.unsent = self.stretches(what)
                self.clients[who[1:]].send(first)
            else:
                await self.hear(self.clients[who[1:]], what)

    async def hear(self, client: Client, expected: bytes) -> None:
        if LITERAL_LENGTH.search(expected):
            expected += b"\r\n" + self.message()
        got = await client.response()
        assert same(expected, got), f"expected {expected!r}, got {got!r}"
        if got.startswith(b"+") and self.unsent:
            client.send(self.unsent.pop(0))


@both_stores
@pytest.mark.parametrize("name", sorted(path.name for path in PLAYS.glob("*.txt")))
def test_play(tmp_path: Path, kind: str, name: str) -> None:
    async def play() -> None:
        settings: dict[str, Any] = {"shared_account": "shared@x.example", "administrators": ("alice@x.example",)}
        async with open_room(tmp_path, kind, **settings) as room:
            clients = {"": await room.client(), "2": await room.client(), "3": await room.client(name="bob")}
            await Play(room, clients, read(PLAYS / name)).go()

    run(play())


def test_there_are_plays() -> None:
    assert len(list(PLAYS.glob("*.txt"))) >= 6


def test_anything_stands_for_anything_and_nothing_else_does() -> None:
    assert same(b"* OK [UIDNEXT ...] x", b"* OK [UIDNEXT 5] x")
    assert not same(b"* OK (a.c)", b"* OK (abc)")
