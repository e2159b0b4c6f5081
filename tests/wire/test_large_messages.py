"""Memory does not grow with message size: 100 MiB through every door raises resident memory by less than 10 MiB."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.server import PASSWORD, Server, start_server, stop_server

MIB = 1 << 20
SIZE = 100 * MIB
ALLOWED = 10 * MIB
BOB = "bob@example.test"
LINE = b"0123456789abcdef" * 4 + b"0123456789\r\n"
BLOCK = LINE * (MIB // len(LINE))
HEADER = b"From: a@example.test\r\nTo: bob@example.test\r\nSubject: large\r\nContent-Type: text/plain\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    def settings(text: str) -> str:
        for section, name in (
            ("smtp", "max_message_octets"),
            ("imap", "max_append_octets"),
        ):
            text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{name} = {SIZE * 3}\n")
        return text

    running = start_server(tmp_path_factory.mktemp("large"), "example.test", [BOB], settings)
    small(running)
    yield running
    stop_server(running)


def small(server: Server) -> None:
    """Once through every door with a small message, so that what is loaded lazily is loaded."""
    submit(server, 1)
    append(server, 1)
    append(server, 1, messages=2)
    catenate(server, 1)
    append_binary(server, 1)
    fetch(server, "1")
    fetch(server, "6", "(BINARY.SIZE[1] BINARY.PEEK[1])")
    retrieve(server, 1)


class Peak:
    """The rise of the server's resident memory within a block."""

    def __init__(self, server: Server) -> None:
        self._proc = Path(f"/proc/{server.process.pid}")
        self.rise = 0

    def _status(self, name: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

    def __enter__(self) -> "Peak":
        (self._proc / "clear_refs").write_text("5")  # the high-water mark begins anew
        self._before = self._status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.rise = self._status("VmHWM") - self._before


def connect(server: Server, listener: str) -> tuple[socket.socket, "socket.SocketIO"]:
    sock = socket.create_connection(("127.0.0.1", server.ports[listener]), timeout=60)
    return sock, sock.makefile("rb")  # type: ignore[return-value]


def expect(file: "socket.SocketIO", prefix: bytes) -> bytes:
    while (line := file.readline())[3:4] == b"-" and line[:3].isdigit():
        pass
    assert line.startswith(prefix), line
    return line


def submit(server: Server, blocks: int) -> None:
    sock, file = connect(server, "smtp")
    with sock, file:
        expect(file, b"220")
        for command, code in (
            (b"EHLO x.test", b"250"),
            (b"MAIL FROM:<a@else.test>", b"250"),
            (b"RCPT TO:<bob@example.test>", b"250"),
            (b"DATA", b"354"),
        ):
            sock.sendall(command + b"\r\n")
            expect(file, code)
        sock.sendall(HEADER)
        for _ in range(blocks):
            sock.sendall(BLOCK)
        sock.sendall(b".\r\n")
        expect(file, b"250")


def login(server: Server) -> tuple[socket.socket, "socket.SocketIO"]:
    sock, file = connect(server, "imap")
    expect(file, b"* OK")
    sock.sendall(b'a LOGIN bob@example.test "%b"\r\n' % PASSWORD.encode())
    expect(file, b"a OK")
    return sock, file


def append(server: Server, blocks: int, *, messages: int = 1) -> None:
    sock, file = login(server)
    with sock, file:
        sock.sendall(b"b APPEND INBOX")
        for _ in range(messages):
            sock.sendall(b" {%d}\r\n" % (len(HEADER) + blocks * len(BLOCK)))
            expect(file, b"+")
            sock.sendall(HEADER)
            for _ in range(blocks):
                sock.sendall(BLOCK)
        sock.sendall(b"\r\n")
        expect(file, b"b OK")


def catenate(server: Server, uid: int) -> None:
    sock, file = login(server)
    with sock, file:
        sock.sendall(b'b APPEND INBOX CATENATE (TEXT {6+}\r\nA: b\r\n URL "/INBOX/;UID=%d")\r\n' % uid)
        expect(file, b"b OK")


def append_binary(server: Server, blocks: int) -> None:
    """One with a NUL in each block, so that it is stored as base64."""
    sock, file = login(server)
    header = HEADER.replace(b"text/plain", b"image/x\r\nContent-Transfer-Encoding: binary")
    block = b"\0" + BLOCK[1:]
    with sock, file:
        sock.sendall(b"b APPEND INBOX ~{%d}\r\n" % (len(header) + blocks * len(block)))
        expect(file, b"+")
        sock.sendall(header)
        for _ in range(blocks):
            sock.sendall(block)
        sock.sendall(b"\r\n")
        expect(file, b"b OK")


def drain(sock: socket.socket, ending: bytes) -> int:
    """Octets up to and with `ending`, which must be the last thing sent."""
    total, tail = 0, b""
    while not tail.endswith(ending):
        data = sock.recv(MIB)
        assert data, tail
        total += len(data)
        tail = (tail + data)[-200:]
    return total


def fetch(server: Server, number: str, section: str = "BODY.PEEK[]") -> int:
    sock, file = login(server)
    with sock, file:
        sock.sendall(b"b SELECT INBOX\r\n")
        while not file.readline().startswith(b"b OK"):
            pass
        sock.sendall(b"c FETCH %b %b\r\n" % (number.encode(), section.encode()))
        total = 0
        while not (line := file.readline(MIB)).startswith(b"c "):
            total += len(line)
        assert line.startswith(b"c OK")
        return total


def retrieve(server: Server, number: int) -> int:
    sock, file = connect(server, "pop3")
    with sock, file:
        expect(file, b"+OK")
        for command in (b"USER bob@example.test", b"PASS " + PASSWORD.encode()):
            sock.sendall(command + b"\r\n")
            expect(file, b"+OK")
        sock.sendall(b"RETR %d\r\n" % number)
        return drain(sock, b"\r\n.\r\n")


def test_a_hundred_mib_by_every_door(server: Server) -> None:
    rises = {}
    blocks = SIZE // len(BLOCK)
    size = len(HEADER) + blocks * len(BLOCK)
    with Peak(server) as peak:
        submit(server, blocks)
    rises["SMTP"] = peak.rise
    with Peak(server) as peak:
        append(server, blocks)
    rises["APPEND"] = peak.rise
    with Peak(server) as peak:
        append(server, blocks // 2, messages=2)
    rises["MULTIAPPEND"] = peak.rise
    with Peak(server) as peak:
        catenate(server, 8)
    rises["CATENATE"] = peak.rise
    with Peak(server) as peak:
        append_binary(server, blocks // 2)
    rises["APPEND with NULs"] = peak.rise
    with Peak(server) as peak:
        assert fetch(server, "8") > size
    rises["FETCH BODY[]"] = peak.rise
    with Peak(server) as peak:
        assert fetch(server, "7", "BODY.PEEK[1]") > size - len(HEADER)
    rises["FETCH BODY[1]"] = peak.rise
    with Peak(server) as peak:
        assert fetch(server, "12", "(BINARY.SIZE[1] BINARY.PEEK[1])") > (size - len(HEADER)) // 2
    rises["FETCH BINARY[1]"] = peak.rise
    with Peak(server) as peak:
        assert retrieve(server, 8) > size
    rises["RETR"] = peak.rise
    assert {door: rise for door, rise in rises.items() if rise >= ALLOWED} == {}
