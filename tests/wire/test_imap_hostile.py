"""A hostile IMAP client against the whole server: what it may cost in memory, and that others are served meanwhile."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.interop.server import Server, start_server, stop_server

from .test_hostile import ALICE, BOB, MIB, Wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("imap"), "example.test", [ALICE, BOB])
    yield running
    stop_server(running)


def resident(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


class Growth:
    """The most that the server's memory grew while something was done; looked at now and then by `look`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = resident(server)
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, resident(self._server) - self._before)


def read_to_tag(wire: Wire, tag: bytes, look: Callable[[], None]) -> int:
    """Octets up to the tagged reply, whatever they are."""
    octets, tail = 0, b""
    while b"\r\n" + tag + b" OK" not in tail:
        piece = wire.socket.recv(1 << 20)
        assert piece, tail
        octets += len(piece)
        tail = tail[-100:] + piece[-200:]
        look()
    return octets


def test_hundreds_of_sections_of_large_messages(server: Server) -> None:
    """Bug: a batch of messages was copied once for each section that was asked for before any of it was sent."""
    with Wire(server, "imap") as wire:
        wire.login()
        wire.imap(b"CREATE sections")
        for _ in range(20):
            assert b"t OK" in wire.imap(b"APPEND sections", b"Subject: x\r\n\r\n" + b"x" * 60_000)
        header = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 60) for number in range(10_000))
        assert b"t OK" in wire.imap(b"APPEND sections", header + b"\r\nx")
        wire.imap(b"SELECT sections")
        growth = Growth(server)
        sections = b" ".join(b"BODY.PEEK[]<%d.100000>" % first for first in range(250))
        wire.socket.sendall(b"a FETCH 1:20 (%b)\r\n" % sections)
        assert read_to_tag(wire, b"a", growth.look) > 290_000_000
        fields = b" ".join(b"BODY.PEEK[HEADER.FIELDS.NOT (Z%d)]" % number for number in range(250))
        wire.socket.sendall(b"b FETCH 21 (%b)\r\n" % fields)
        assert read_to_tag(wire, b"b", growth.look) > 60_000_000
        assert growth.most < 40 * MIB


def test_a_client_that_never_reads_its_fetches(server: Server) -> None:
    with Wire(server, "imap") as wire, Wire(server, "imap") as other:
        other.login(ALICE)
        wire.login()
        wire.imap(b"CREATE unread")
        assert b"t OK" in wire.imap(b"APPEND unread", b"Subject: x\r\n\r\n" + b"x" * 1000)
        wire.imap(b"SELECT unread")
        for power in range(13):
            assert b"t OK" in wire.imap(b"UID COPY 1:%d unread" % (1 << power))
        growth = Growth(server)
        wire.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wire.socket.sendall(b"x FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n" * 1_000_000)
        for _ in range(50):
            assert other.imap(b"NOOP").startswith(b"t OK")
        growth.look()
        assert growth.most < 24 * MIB


def test_a_hundred_thousand_noops_at_once(server: Server) -> None:
    """All are answered, in order; another session is served in between."""
    count = 100_000
    with Wire(server, "imap") as wire, Wire(server, "imap") as other:
        other.login(ALICE)
        wire.login()
        growth = Growth(server)
        flood = b"".join(b"n%d NOOP\r\n" % number for number in range(count))
        sender = threading.Thread(target=wire.socket.sendall, args=(flood,))
        sender.start()
        served = 0
        for number in range(count):
            assert wire.file.readline().startswith(b"n%d OK" % number)
            if not number % 2000:
                assert other.imap(b"NOOP").startswith(b"t OK")
                served += 1
                growth.look()
        sender.join()
        assert served == 50
        assert growth.most < 16 * MIB


@pytest.mark.parametrize(
    "begun",
    [
        b"t SEARCH " + b"(" * 60_000,
        b"t LOGIN {65536+}\r\n" + b"x" * 65_000,
        b"t ID (" + b"{60000+}\r\n%b " % (b"x" * 60_000) * 4,
        b"t LOGIN " + b"x" * 1_000_000,
        b"t LOGIN " + b"x" * 70_000 + b"{60000000+}\r\n" + b"y" * 1_000_000,
    ],
)
def test_commands_that_never_end(server: Server, begun: bytes) -> None:
    """Fifty of them cost what the limits of a command allow, and go when their clients go."""
    growth = Growth(server)
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Wire(server, "imap")).socket.sendall(begun)
        with Wire(server, "imap") as other:
            other.login(ALICE)
            assert other.imap(b"NOOP").startswith(b"t OK")
        growth.look()
    assert growth.most < 64 * MIB


def test_appends_that_never_end(server: Server) -> None:
    """Octets on their way in lie on the disk, not in memory, and nothing of them stays there."""
    growth = Growth(server)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server, "imap")) for _ in range(8)]
        for wire in wires:
            wire.login()
            assert wire.say(b"t APPEND INBOX {50000000}").startswith(b"+")
        for _ in range(12):
            for wire in wires:
                wire.socket.sendall(b"x" * MIB)
                growth.look()
        with Wire(server, "imap") as other:
            other.login(ALICE)
            assert other.imap(b"NOOP").startswith(b"t OK")
    assert growth.most < 32 * MIB
    with Wire(server, "imap") as wire:
        wire.login()
        assert b"MESSAGES 0" in wire.imap(b"STATUS INBOX (MESSAGES)")
