"""The plays of tests/transcripts/imap_session on the bare engine: what the clients say there, whole and octet by octet.

tests/servers/imap/test_transcripts.py runs the same plays over sockets. Here there is no session: for each tagged
answer of a play there must be exactly one Got, or the Bad that is this answer, with its tag and in its order.
"""

import re
from pathlib import Path

import pytest

from postroom.imap import ServerEngine
from postroom.imap.encode import answer
from postroom.imap.types import Append, Authenticate, Bad, Bare, Enable, Got, Literal, Next, Replace

PLAYS = Path(__file__).parents[1] / "transcripts" / "imap_session"
FILES = sorted(path.name for path in PLAYS.glob("*.txt"))
LITERAL = re.compile(rb"\{\*(\+?)\}$")
UTF8 = {b"IMAP4REV2", b"UTF8=ACCEPT"}


class Client:
    """One connection's engine, with as little of a session as lets it go on."""

    def __init__(self, by_octets: bool) -> None:
        self.engine = ServerEngine()
        self.by_octets = by_octets
        self.unsent: list[bytes] = []  # what the client sends when it is asked to
        self.heard: list[tuple[bytes, bytes | None]] = []  # tags; the whole answer to what is no command
        self.commands = 0
        self.asking = False  # an APPEND waits for the session's word
        self.listening = False  # in IDLE, AUTHENTICATE
        self.left = False  # the server has said BYE

    def send(self, data: bytes) -> None:
        for piece in [data[at : at + 1] for at in range(len(data))] if self.by_octets else [data]:
            self.engine.feed(piece)
            while (event := self.engine.next_event()) is not None:
                if isinstance(event, Got):
                    self.heard.append((event.tag, None))
                    self.carry_out(event)
                elif isinstance(event, Bad):
                    self.heard.append((event.tag, answer(event).removesuffix(b"\r\n")))
                elif isinstance(event, Next):
                    self.ask(event)

    def carry_out(self, event: Got) -> None:
        command = event.command.append if isinstance(event.command, Replace) else event.command
        if isinstance(command, Append):
            self.ask(command)
        elif isinstance(command, Authenticate) or command == Bare(b"IDLE"):
            self.engine.expect_line(True)
            self.listening = True
        elif isinstance(command, Enable) and UTF8.intersection(command.capabilities):
            self.engine.utf8 = True
        elif command == Bare(b"UNAUTHENTICATE"):
            self.engine.utf8 = False

    def ask(self, stretch: Append | Next) -> None:
        self.asking = bool(stretch.parts) and isinstance(stretch.parts[-1], Literal)

    def asked(self) -> None:
        """The server says "+"."""
        if self.asking:
            self.asking = False
            self.engine.accept_literal()
        if self.unsent:
            assert self.engine.take_output().startswith(b"+ ")
            self.send(self.unsent.pop(0))

    def answered(self, line: bytes) -> None:
        """The server gives a tagged answer."""
        self.commands += 1
        if self.asking:
            self.asking = False
            self.engine.refuse_literal()
        if self.listening:
            self.listening = False
            self.engine.expect_line(False)
        assert self.heard, f"no command for {line!r}"
        tag, bad = self.heard.pop(0)
        assert line.startswith(tag + b" "), (tag, line)
        if bad is not None:
            assert re.fullmatch(b".*".join(map(re.escape, line.split(b"..."))), bad), (bad, line)


def play(text: str, by_octets: bool) -> int:
    """How many commands it has; AssertionError where the engine hears something else."""
    split = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    lines = [(who, what.removeprefix(" ").encode()) for who, _, what in split]
    clients: dict[str, Client] = {}
    while lines:
        who, line = lines.pop(0)
        if who[0] not in "CS":
            continue
        client = clients.setdefault(who[1:], Client(by_octets))
        if who[0] == "C":
            first, *client.unsent = stretches(line, lines)
            client.send(first)
        elif line.startswith(b"+"):
            client.asked()
        elif line.startswith(b"* BYE"):  # to a command, perhaps, that gets no other answer
            client.left = True
        elif line.startswith(b"* BAD") or not line.startswith((b"* ", b"...")):
            client.answered(line)
    assert not [client.heard for client in clients.values() if client.heard and not client.left]
    return sum(client.commands for client in clients.values())


def stretches(line: bytes, lines: list[tuple[str, bytes]]) -> list[bytes]:
    """A command, cut where the client waits for the server's "+"; takes its M: and +: lines."""
    found, sent = [], b""
    while literal := LITERAL.search(line):
        message = []
        while lines and lines[0][0] == "M":
            message.append(lines.pop(0)[1])
        octets, plus = b"\r\n".join(message), literal[1]
        sent += line[: literal.start()] + b"{%d%b}\r\n" % (len(octets), plus)
        if not plus:
            found.append(sent)
            sent = b""
        line = octets + (lines.pop(0)[1] if lines and lines[0][0] == "+" else b"")
    return [*found, sent + line + b"\r\n"]


@pytest.mark.parametrize("by_octets", [False, True], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("name", FILES)
def test_a_play_on_the_engine(name: str, by_octets: bool) -> None:
    assert play((PLAYS / name).read_text(), by_octets) > 0


def test_there_are_plays() -> None:
    assert len(FILES) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "C: a NOOP\nS: b OK x",  # another tag
        "C: a NOOP",  # no answer
        "S: a OK x",  # no command
        "C: a NOOP x\nS: a OK x",  # no such command
        "C: a APPEND x {*}\nM: y\nS: +\nS: b OK x",
    ],
)
def test_it_can_fail(text: str) -> None:
    with pytest.raises(AssertionError):
        play(text, by_octets=False)
