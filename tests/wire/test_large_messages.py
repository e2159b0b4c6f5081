"""Memory does not grow with message size: 100 MiB through every door, and an attachment of 150 MB, raise resident
memory by less than 10 MiB. All with the settings a new server has."""

import socket
from base64 import encodebytes
from collections.abc import Iterable, Iterator
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

ATTACHMENT = 150_000_000
FILE = bytes(range(256)) * 57  # a piece of it, a whole number of base64 lines
ENCODED = encodebytes(FILE).replace(b"\n", b"\r\n")
PIECES = ATTACHMENT // len(FILE)
MULTIPART = (
    b"From: a@example.test\r\nTo: bob@example.test\r\nSubject: a film\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="=_x"\r\n\r\n--=_x\r\n\r\nSee attachment.\r\n--=_x\r\n'
    b"Content-Type: video/mp4; name=film.mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
ENDING = b"--=_x--\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("large"), "example.test", [BOB])
    small(running)
    yield running
    stop_server(running)


def small(server: Server) -> None:
    """Once through every door with a small message, so that what is loaded lazily is loaded."""
    size = len(HEADER) + len(BLOCK)
    submit(server, text(1))
    append(server, size, text(1))
    append(server, size, text(1), text(1))
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


def text(blocks: int) -> Iterator[bytes]:
    yield HEADER
    for _ in range(blocks):
        yield BLOCK


def submit(server: Server, pieces: Iterable[bytes]) -> None:
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
        for piece in pieces:
            sock.sendall(piece)
        sock.sendall(b".\r\n")
        expect(file, b"250")


def login(server: Server) -> tuple[socket.socket, "socket.SocketIO"]:
    sock, file = connect(server, "imap")
    expect(file, b"* OK")
    sock.sendall(b'a LOGIN bob@example.test "%b"\r\n' % PASSWORD.encode())
    expect(file, b"a OK")
    return sock, file


def append(server: Server, size: int, *messages: Iterable[bytes]) -> None:
    sock, file = login(server)
    with sock, file:
        sock.sendall(b"b APPEND INBOX")
        for message in messages:
            sock.sendall(b" {%d}\r\n" % size)
            expect(file, b"+")
            for piece in message:
                sock.sendall(piece)
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


def count(server: Server) -> int:
    """How many messages INBOX has."""
    sock, file = login(server)
    with sock, file:
        sock.sendall(b"b STATUS INBOX (MESSAGES)\r\n")
        return int(file.readline().rpartition(b" ")[2].strip(b")\r\n"))


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
        submit(server, text(blocks))
    rises["SMTP"] = peak.rise
    with Peak(server) as peak:
        append(server, size, text(blocks))
    rises["APPEND"] = peak.rise
    with Peak(server) as peak:
        half = len(HEADER) + blocks // 2 * len(BLOCK)
        append(server, half, text(blocks // 2), text(blocks // 2))
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


def film(pieces: int = PIECES) -> Iterator[bytes]:
    yield MULTIPART
    for _ in range(pieces):
        yield ENCODED
    yield ENDING


def test_an_attachment_of_150_mb(server: Server) -> None:
    size = len(MULTIPART) + PIECES * len(ENCODED) + len(ENDING)
    assert size > ATTACHMENT * 1.36
    small_size = len(MULTIPART) + len(ENCODED) + len(ENDING)
    before = count(server)
    append(server, small_size, film(1))
    fetch(server, str(before + 1), "(ENVELOPE BODYSTRUCTURE BINARY.SIZE[2] BINARY.PEEK[2])")
    rises = {}
    with Peak(server) as peak:
        submit(server, film())
    rises["SMTP"] = peak.rise
    with Peak(server) as peak:
        append(server, size, film())
    rises["APPEND"] = peak.rise
    for number in (before + 2, before + 3):
        with Peak(server) as peak:
            assert size < fetch(server, str(number)) < size + 2000
        rises[f"FETCH BODY[] of {number}"] = peak.rise
    with Peak(server) as peak:
        got = fetch(server, str(before + 2), "(ENVELOPE BODYSTRUCTURE BINARY.SIZE[2] BINARY.PEEK[2])")
    assert PIECES * len(FILE) < got < PIECES * len(FILE) + 2000
    rises["FETCH BINARY[2]"] = peak.rise
    assert {door: rise for door, rise in rises.items() if rise >= ALLOWED} == {}
