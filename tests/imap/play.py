"""Plays a transcript on the engine: C: lines go in, E: lines say what must come out.

    # a comment                       C: a line from the client (CRLF is added; \\r \\n \\0 \\xNN are unescaped)
    E: an event as printer prints it  S: + …: the engine must have asked for a literal; other S: lines are for readers,
                                      except that a tagged one ends the raw lines of AUTHENTICATE and IDLE

An APPEND's literals are accepted at once. Their Piece events are joined into one line: `E: message N octets` when the
command is over with it, `E: octets N` when it goes on.
"""

import re
from pathlib import Path

from postroom.imap import ImapSettings, ServerEngine
from postroom.imap.types import Append, Authenticate, Bad, Bare, Event, Got, Next, Piece, Replace

from .printer import print_event

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts" / "imap"
_ESCAPE = re.compile(rb"\\(r|n|0|x[0-9a-f]{2})")


def unescape(line: str) -> bytes:
    values = {b"r": b"\r", b"n": b"\n", b"0": b"\0"}
    return _ESCAPE.sub(lambda m: values.get(m[1]) or bytes.fromhex(m[1][1:].decode()), line.encode())


class Player:
    """An engine with the least of a session around it."""

    def __init__(self, settings: ImapSettings | None = None, *, accept: bool = True) -> None:
        self.engine = ServerEngine(settings)
        self.accept = accept
        self.output = b""
        self.message = b""
        self.raw_tag: bytes | None = None

    def feed(self, data: bytes) -> list[str]:
        self.engine.feed(data)
        return self.events()

    def events(self) -> list[str]:
        found: list[str] = []
        while (event := self.engine.next_event()) is not None:
            self._decide(event)
            if isinstance(event, Piece):
                self.message += event.data
                if event.last:
                    found.append(f"message {len(self.message)} octets")
                    self.message = b""
            else:
                if isinstance(event, Bad):
                    self.message = b""
                elif isinstance(event, Next):
                    found.append(f"octets {len(self.message)}")
                    self.message = b""
                found.append(print_event(event))
        self.output += self.engine.take_output()
        return found

    def _decide(self, event: Event) -> None:
        command = event.command if isinstance(event, Got) else event
        stretch = command.append if isinstance(command, Replace) else command
        if isinstance(stretch, Append | Next):
            if not stretch.ends:
                if self.accept:
                    self.engine.accept_literal()
                else:
                    self.engine.refuse_literal()
        elif isinstance(event, Got) and (isinstance(command, Authenticate) or command == Bare(b"IDLE")):
            self.engine.expect_line(True)
            self.raw_tag = event.tag

    def end_raw(self, line: str) -> None:
        if self.raw_tag is not None and line.encode().startswith(self.raw_tag + b" "):
            self.engine.expect_line(False)
            self.raw_tag = None


def play(text: str) -> None:
    """Run a transcript; AssertionError where it differs."""
    player = Player()
    pending: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        kind, _, rest = line.partition(": ") if line != "C:" else ("C", "", "")
        where = f"line {number}: {line}"
        if kind == "C":
            assert not pending, f"{where}: not expected: {pending}"
            pending = player.feed(unescape(rest) + b"\r\n")
        elif kind == "E":
            assert pending, f"{where}: nothing came"
            assert pending.pop(0) == rest, where
        elif kind == "S" and rest.startswith("+"):
            if player.raw_tag is None:
                assert player.output.startswith(b"+ "), where
                player.output = b""
        elif kind == "S":
            player.end_raw(rest)
            pending += player.events()
        else:
            assert not line or line.startswith("#"), where
    assert not pending, pending
    assert not player.output
