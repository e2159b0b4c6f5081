"""A hostile peer against the whole server: tricks around TLS and sign-in, odd messages, resources."""

import base64
import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.interop.server import PASSWORD, Server, start_server, stop_server

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@example.test"
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as on the open net: no sign-in in the clear."""

    def settings(text: str) -> str:
        return text.replace("allow_plaintext_sign_in_on_loopback = true", "# only under TLS")

    running = start_server(tmp_path_factory.mktemp("hostile"), "example.test", [ALICE, BOB, CAROL], settings)
    yield running
    stop_server(running)


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Wire:
    """A raw socket with lines."""

    def __init__(self, server: Server, listener: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.ports[listener]), timeout=20)
        if listener.endswith("s"):
            self.socket = _context().wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        self.reply()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def reply(self) -> bytes:
        """The last line of an SMTP reply, a line of the others."""
        while (line := self.file.readline())[3:4] == b"-" and line[:3].isdigit():
            pass
        return line

    def say(self, line: bytes) -> bytes:
        self.socket.sendall(line + b"\r\n")
        return self.reply()

    def start_tls(self) -> None:
        self.file.close()
        self.socket = _context().wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def imap(self, command: bytes, literal: bytes | None = None) -> bytes:
        """All that comes back, up to and with the tagged response."""
        if literal is None:
            self.socket.sendall(b"t " + command + b"\r\n")
        else:
            assert self.say(b"t " + command + b" {%d}" % len(literal)).startswith(b"+")
            self.socket.sendall(literal + b"\r\n")
        said = b""
        while line := self.file.readline():
            said += line
            if literal_size := re.search(rb"\{(\d+)\}\r\n\Z", line):
                said += self.file.read(int(literal_size[1]))
            elif line.startswith(b"t "):
                break
        return said

    def login(self, user: str = BOB) -> bytes:
        return self.imap(b'LOGIN %b "%b"' % (user.encode(), PASSWORD.encode()))


def _plain(user: str, password: str = PASSWORD, other: str = "") -> bytes:
    return b"AUTH PLAIN " + base64.b64encode(f"{other}\0{user}\0{password}".encode())


def _submitter(server: Server, user: str = BOB) -> Wire:
    wire = Wire(server, "submissions")
    wire.say(b"EHLO x.test")
    assert wire.say(_plain(user)).startswith(b"235")
    return wire


# ---- TLS and sign-in


@pytest.mark.parametrize(
    ("listener", "hello", "start", "injected", "probe", "answer"),
    [
        ("smtp", b"EHLO x", b"STARTTLS", b"EHLO e\r\nMAIL FROM:<e@e.test>", b"RCPT TO:<bob@example.test>", b"503 "),
        ("submission", b"EHLO x", b"STARTTLS", b"EHLO e\r\nMAIL FROM:<e@e.test>", b"MAIL FROM:<e@e.test>", b"503 "),
        ("lmtp", b"LHLO x", b"STARTTLS", b"LHLO e\r\nMAIL FROM:<>", b"RCPT TO:<bob@example.test>", b"503 "),
        ("imap", b"", b"a STARTTLS", b"b NOOP", b"c NOOP", b"c OK"),
        ("pop3", b"", b"STLS", b"CAPA", b"NOOP", b"-ERR"),
    ],
)
def test_what_is_injected_before_tls_is_gone(
    server: Server, listener: str, hello: bytes, start: bytes, injected: bytes, probe: bytes, answer: bytes
) -> None:
    """RFC 3207 §4.2: neither the octets nor the state from before survive."""
    with Wire(server, listener) as wire:
        if hello:
            wire.say(hello)
        assert wire.say(start + b"\r\n" + injected).startswith((b"220", b"a OK", b"+OK"))
        wire.start_tls()
        assert wire.say(probe).startswith(answer)


def test_no_password_in_the_clear(server: Server) -> None:
    with Wire(server, "submission") as wire:
        wire.say(b"EHLO x.test")
        assert wire.say(_plain(BOB)).startswith(b"538 5.7.11")
        assert wire.say(b"MAIL FROM:<bob@example.test>").startswith(b"530")
    with Wire(server, "imap") as wire:
        assert b"t NO [PRIVACYREQUIRED]" in wire.login()
    with Wire(server, "pop3") as wire:
        assert wire.say(b"USER bob@example.test").startswith(b"-ERR")
    with Wire(server, "smtp") as wire:
        wire.say(b"EHLO x.test")
        assert wire.say(_plain(BOB)).startswith(b"5")


def test_sign_in_states(server: Server) -> None:
    with Wire(server, "submissions") as wire:
        wire.say(b"EHLO x.test")
        assert wire.say(b"AUTH LOGIN").startswith(b"334")
        assert wire.say(b"*").startswith(b"501")
        assert wire.say(_plain(BOB, other=ALICE)).startswith(b"535")
        assert wire.say(b"AUTH PLAIN").startswith(b"334")
        assert wire.say(b"MAIL FROM:<bob@example.test>").startswith(b"501")
        assert wire.say(b"MAIL FROM:<bob@example.test>").startswith(b"530")
        assert wire.say(_plain(BOB)).startswith(b"235")
        assert wire.say(_plain(BOB)).startswith(b"503")


@pytest.mark.parametrize("sender", [ALICE, "x@else.test", '"bob@example.test"@else.test', "postmaster@example.test"])
def test_nobody_sends_as_somebody_else(server: Server, sender: str) -> None:
    with _submitter(server, BOB) as wire:
        assert wire.say(b"MAIL FROM:<%b>" % sender.encode()).startswith(b"550 5.7.1")


@pytest.mark.parametrize(
    "recipient",
    [
        "x@else.test",
        "x%else.test@example.test",
        "else.test!x@example.test",
        "@example.test:x@else.test",
        "x@[127.0.0.1]",
    ],
)
def test_port_25_relays_for_nobody(server: Server, recipient: str) -> None:
    with Wire(server, "smtp") as wire:
        wire.say(b"EHLO x.test")
        wire.say(b"MAIL FROM:<bob@example.test>")
        assert wire.say(b"RCPT TO:<%b>" % recipient.encode())[:3] in (b"554", b"550")


def test_who_is_disabled_is_out_at_once(server: Server) -> None:
    """In sessions that are open, too."""
    with Wire(server, "imaps") as imap, Wire(server, "pop3s") as pop, _submitter(server, CAROL) as smtp:
        imap.login(CAROL)
        assert b"t OK" in imap.imap(b"APPEND INBOX", b"Subject: x\r\n\r\n")
        pop.say(b"USER carol@example.test")
        assert pop.say(b"PASS " + PASSWORD.encode()).startswith(b"+OK")
        server.cli("account", "disable", CAROL)
        assert smtp.say(b"MAIL FROM:<carol@example.test>").startswith(b"550")
        assert pop.say(b"RETR 1") == b"-ERR [SYS/PERM] This account is no longer active\r\n"
        imap.socket.sendall(b"t APPEND INBOX {1000}\r\n")
        assert b"* BYE" in imap.file.read()


# ---- messages

ODD = {
    "no header": b"\r\nbody\r\n",
    "header only": b"Subject: x\r\n",
    "an empty line": b"\r\n",
    "bare LF": b"Subject: x\n\nbody\nline\n",
    "bare CR": b"Subject: x\r\rbody\r",
    "8 bit": b"Subject: \xff\xfe\r\n\r\n\xe9\xff\r\n",
    "dots": b".x: d\r\n\r\n.\r\n..\r\n...\r\n.",
    "a long line": b"Subject: l\r\n\r\n" + b"x" * MIB + b"\r\n",
    "a long header": b"Subject: " + b"x" * MIB + b"\r\n\r\nb\r\n",
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
    "deep": b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1000)),
    "addresses": b"To: " + b"g: a@b.c;, " * 20_000 + b"\r\n\r\n",
    "forged responses": b'From: "a\\"b\r\n * OK evil" <x@y>\r\nSubject: a\rt OK b\r\nContent-ID: {3}\r\n\r\nx',
}


def test_odd_messages_come_back_unchanged(server: Server) -> None:
    """APPEND to FETCH octet by octet; to RETR with the line ends that POP3 needs."""
    with Wire(server, "imaps") as wire:
        wire.login(ALICE)
        assert wire.imap(b"APPEND INBOX", b"Subject: x\r\n\r\na\0b\r\n").startswith(b"t BAD")  # RFC 3501 §9 CHAR8
        for message in ODD.values():
            assert b"t OK [APPENDUID" in wire.imap(b"APPEND INBOX", message)
        wire.imap(b"SELECT INBOX")
        for number, (name, message) in enumerate(ODD.items(), 1):
            said = wire.imap(b"FETCH %d BODY.PEEK[]" % number)
            assert b"{%d}\r\n" % len(message) in said, name
            assert said.partition(b"}\r\n")[2].startswith(message + b")\r\nt OK"), name
            facts = wire.imap(b"FETCH %d (RFC822.SIZE ENVELOPE BODYSTRUCTURE)" % number)
            assert b"RFC822.SIZE %d " % len(message) in facts, name
            assert re.findall(rb"^(?!\* \d+ FETCH)\S* (?:OK|BYE)", facts, re.M) in ([b"t OK"], [b" OK", b"t OK"]), name
    with Wire(server, "pop3s") as pop:
        pop.say(b"USER alice@example.test")
        pop.say(b"PASS " + PASSWORD.encode())
        for number, message in enumerate(ODD.values(), 1):
            assert pop.say(b"RETR %d" % number).startswith(b"+OK")
            lines = []
            while (line := pop.file.readline()) != b".\r\n":
                lines.append(line.removeprefix(b"."))
            wanted = re.sub(rb"(?<!\r)\n", b"\r\n", message)
            assert b"".join(lines) == wanted + (b"" if wanted.endswith(b"\r\n") else b"\r\n")


@pytest.mark.parametrize(
    "name",
    [b"a\r\nt OK evil", b"a\0b", b"\x1b[31m", b"&AA0ACg-", b"a//b", b"/a", b"x" * 5000, b"/".join([b"d"] * 300)],
)
def test_mailbox_names_that_are_refused(server: Server, name: bytes) -> None:
    with Wire(server, "imaps") as wire:
        wire.login()
        assert re.match(rb"t (NO|BAD) ", wire.imap(b"CREATE", name))
        assert wire.imap(b"NOOP").startswith(b"t OK")


def test_a_mailbox_name_is_no_path(server: Server) -> None:
    before = {path for path in server.folder.parent.rglob("*") if path.is_dir()}
    with Wire(server, "imaps") as wire:
        wire.login()
        for name in (b"../../../../evil", b"..", b"a/../../../evil"):
            assert wire.imap(b"CREATE " + name).startswith(b"t OK")
            assert b"t OK" in wire.imap(b"APPEND " + name, b"Subject: x\r\n\r\n" + b"y" * 100_000)
    made = {path for path in server.folder.parent.rglob("*") if path.is_dir()} - before
    assert not [path for path in made if "evil" in path.name]


# ---- resources


def _resident(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


def _descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("listener", "command"), [("imap", b"t CAPABILITY"), ("pop3", b"CAPA"), ("smtp", b"EHLO x"), ("lmtp", b"LHLO x")]
)
def test_a_client_that_reads_nothing_costs_nothing(server: Server, listener: str, command: bytes) -> None:
    """Bug: answers to pipelined IMAP commands piled up in memory as long as the client went on sending."""
    before = _resident(server)
    with Wire(server, listener) as wire:
        wire.socket.settimeout(0.5)
        with contextlib.suppress(OSError):
            for _ in range(60):
                wire.socket.sendall((command + b"\r\n") * 10_000)
    assert _resident(server) - before < 24 * MIB


def test_handshakes_that_never_end_leave_descriptors_for_others(server: Server) -> None:
    """Bug: they were counted by no limit; a thousand of them took every descriptor the process had."""
    before = _descriptors(server)
    slow = [socket.create_connection(("127.0.0.1", server.ports["imaps"])) for _ in range(260)]
    try:
        _until(lambda: _descriptors(server) >= before + 195, "the handshakes were not begun")
        assert _descriptors(server) <= before + 205
    finally:
        for sock in slow:
            sock.close()
    _until(lambda: _descriptors(server) <= before + 5, "descriptors leak")
    with Wire(server, "imaps") as wire:
        assert b"t OK" in wire.login()


def test_connections_leave_nothing_behind(server: Server) -> None:
    before = _descriptors(server)
    for listener in ("smtp", "imap", "pop3", "lmtp"):
        for _ in range(300):
            socket.create_connection(("127.0.0.1", server.ports[listener])).close()
    _until(lambda: _descriptors(server) <= before + 5, "descriptors leak")


def test_a_client_that_stops_reading_delays_nobody(server: Server) -> None:
    """Twenty of them, in the middle of 20 MB each."""
    with Wire(server, "imaps") as other, contextlib.ExitStack() as stack:
        other.login(ALICE)
        stuck = [stack.enter_context(Wire(server, "imaps")) for _ in range(20)]
        stuck[0].login()
        stuck[0].imap(b"CREATE large")
        assert b"t OK" in stuck[0].imap(b"APPEND large", b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 260_000)
        before = _resident(server)
        for wire in stuck:
            wire.login()
            wire.imap(b"SELECT large")
            wire.socket.sendall(b"t FETCH 1 BODY.PEEK[]\r\n")
            wire.socket.recv(100)
        times = []
        for _ in range(100):
            start = time.monotonic()
            assert other.imap(b"NOOP").startswith(b"t OK")
            times.append(time.monotonic() - start)
        assert sorted(times)[50] < 0.05
        assert _resident(server) - before < 64 * MIB
