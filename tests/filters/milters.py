"""A milter that says what a test wants, written from libmilter's side of the protocol.

Owns: framing of its own, so that a mistake in ours is not made twice. Never: judges.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.filters.peers import Talk

Packet = tuple[bytes, bytes]
CONTINUE: Packet = (b"c", b"")
ACCEPT: Packet = (b"a", b"")
REJECT: Packet = (b"r", b"")
TEMPFAIL: Packet = (b"t", b"")
DISCARD: Packet = (b"d", b"")
SKIP: Packet = (b"s", b"")
NO_REPLY: Sequence[Packet] = ()


@dataclass
class Milter:
    """`says` gives what it replies to a command (a letter of SMFIC); else it goes on. `heard` has all commands."""

    says: dict[bytes, Sequence[Packet]] = field(default_factory=dict)
    version: int = 6
    actions: int = 0x1FF
    protocol: int = 0
    symbols: bytes = b""  # behind its negotiation
    answers: Callable[[bytes, bytes], Sequence[Packet] | None] | None = None
    heard: list[Packet] = field(default_factory=list)
    offered: tuple[int, int, int] = (0, 0, 0)

    @property
    def talk(self) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                (size,) = struct.unpack("!I", await reader.readexactly(4))
                whole = await reader.readexactly(size)
                kind, data = whole[:1], whole[1:]
                self.heard.append((kind, data))
                if kind == b"Q":
                    return
                for answer in self._replies(kind, data):
                    writer.write(struct.pack("!I", len(answer[1]) + 1) + answer[0] + answer[1])
                await writer.drain()

        return talk

    def _replies(self, kind: bytes, data: bytes) -> Sequence[Packet]:
        if self.answers is not None and (given := self.answers(kind, data)) is not None:
            return given
        if kind in self.says:
            return self.says[kind]
        if kind == b"O":
            self.offered = struct.unpack("!III", data)
            return [(b"O", struct.pack("!III", self.version, self.actions, self.protocol) + self.symbols)]
        mute = {b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000, b"N": 0x40000, b"B": 0x80000}
        if kind in b"DAK" or self.protocol & (mute | {b"L": 0x80}).get(kind, 0):
            return NO_REPLY
        return [CONTINUE]

    def commands(self) -> str:
        """The letters of what it heard, macros left out."""
        return b"".join(kind for kind, _ in self.heard if kind != b"D").decode()

    def macros(self, command: bytes) -> dict[bytes, bytes]:
        """Those that came for a command, the last time."""
        data = next(data for kind, data in reversed(self.heard) if kind == b"D" and data[:1] == command)
        words = data[1:].split(b"\0")[:-1]
        return dict(zip(words[::2], words[1::2], strict=True))

    def data(self, kind: bytes) -> list[bytes]:
        return [data for one, data in self.heard if one == kind]
