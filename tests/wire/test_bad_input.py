"""Bad input over real sockets, against the whole server: an RFC reply or a clean close, and nobody else waits."""

import contextlib
import imaplib
import poplib
import socket
import time
from collections.abc import Iterator

import pytest
from tests.interop.server import PASSWORD, Server, start_server, stop_server

ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    def settings(text: str) -> str:
        for name, value in (("max_message_octets", 1_000_000), ("command_timeout_seconds", 1.5)):
            text = _set(text, "smtp", name, value)
        text = _set(text, "imap", "sign_in_timeout_seconds", 1.5)
        return _set(text, "pop3", "sign_in_timeout_seconds", 1.5)

    running = start_server(tmp_path_factory.mktemp("bad"), "example.test", [ALICE, BOB], settings)
    yield running
    stop_server(running)


def _set(text: str, section: str, name: str, value: float) -> str:
    head, mark, tail = text.partition(f"\n[{section}]\n")
    assert mark, section
    return f"{head}{mark}{name} = {value}\n{tail}"


class Wire:
    """A raw socket with lines."""

    def __init__(self, server: Server, listener: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.ports[listener]), timeout=20)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def reply(self) -> bytes:
        """One reply: for SMTP all its lines, the last returned; b"" at the end of the connection."""
        try:
            while (line := self.file.readline())[3:4] == b"-" and line[:3].isdigit():
                pass
        except ConnectionResetError:
            return b""
        return line

    def smtp(self, *commands: bytes) -> list[bytes]:
        """Greeting and EHLO, then each command with its reply."""
        assert self.reply().startswith(b"220 ")
        self.send(b"EHLO x.test\r\n")
        assert self.reply().startswith(b"250 ")
        replies = []
        for command in commands:
            self.send(command + b"\r\n")
            replies.append(self.reply())
        return replies


MAIL = (b"MAIL FROM:<x@else.test>", b"RCPT TO:<bob@example.test>", b"DATA")


def _count(server: Server, user: str = BOB) -> int:
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.login(user, PASSWORD)
        return int(imap.select("INBOX", readonly=True)[1][0] or b"0")


def test_an_over_long_smtp_line_gets_500_and_the_next_command_works(server: Server) -> None:
    with Wire(server, "smtp") as wire:
        long, after = wire.smtp(b"MAIL FROM:<" + b"a" * 100_000 + b">", b"NOOP")
        assert long.startswith(b"500 5.5")
        assert after.startswith(b"250")


@pytest.mark.parametrize("line", [b"NO\rOP", b"NO\nOP", b"NOOP\0", b"MAIL FROM:<\xff\xfe@x>"])
def test_bare_cr_lf_and_nul_in_a_command_are_refused(server: Server, line: bytes) -> None:
    with Wire(server, "smtp") as wire:
        refused, after = wire.smtp(line, b"NOOP")
        assert refused.startswith(b"5")
        assert after.startswith(b"250")


@pytest.mark.parametrize("trick", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n"])
def test_no_smuggling(server: Server, trick: bytes) -> None:
    """What follows a false end of DATA is message text or a refusal, never a command (promise 4)."""
    before = _count(server)
    with Wire(server, "smtp") as wire:
        assert wire.smtp(*MAIL)[-1].startswith(b"354")
        wire.send(
            b"Subject: a\r\n\r\nbody" + trick + b"MAIL FROM:<evil@else.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
        )
        wire.send(b"Subject: smuggled\r\n\r\nx\r\n.\r\nNOOP\r\n")
        assert wire.reply().startswith(b"550 5.6.0")
        assert wire.reply().startswith(b"250")
    assert _count(server) == before


def test_a_message_over_the_limit(server: Server) -> None:
    with Wire(server, "smtp") as wire:
        announced = wire.smtp(b"MAIL FROM:<x@else.test> SIZE=2000000")[-1]
        assert announced.startswith(b"552 5.3.4")
    with Wire(server, "smtp") as wire:
        wire.smtp(*MAIL)
        wire.send((b"x" * 78 + b"\r\n") * 20_000 + b".\r\nNOOP\r\n")
        assert wire.reply().startswith(b"552 5.3.4")
        assert wire.reply().startswith(b"250")


def test_ten_thousand_recipients(server: Server) -> None:
    """The limit answers 452 and those accepted so far get the message (RFC 5321 §4.5.3.1.10)."""
    before = _count(server)
    with Wire(server, "smtp") as wire:
        wire.smtp(MAIL[0])
        wire.send(b"".join(b"RCPT TO:<bob+%d@example.test>\r\n" % n for n in range(10_000)))
        replies: list[bytes] = []
        while len(replies) < 10_000 and (line := wire.reply()):
            replies.append(line[:3])
            if line.startswith(b"421"):
                break
        assert replies[:1000] == [b"250"] * 1000
        assert set(replies[1000:]) <= {b"452", b"421"}
        if replies[-1] != b"421":
            wire.send(b"DATA\r\n")
            assert wire.reply().startswith(b"354")
            wire.send(b"Subject: many\r\n\r\nx\r\n.\r\n")
            assert wire.reply().startswith(b"250")
            assert _count(server) > before


def test_a_literal_of_four_gib(server: Server) -> None:
    with Wire(server, "imap") as wire:
        wire.reply()
        wire.send(b"a LOGIN {4294967296}\r\n")
        assert wire.reply().split()[:2] in ([b"a", b"BAD"], [b"a", b"NO"])
        wire.send(b"b LOGIN {4294967296+}\r\n")
        assert wire.reply().startswith((b"* BYE", b"b BAD", b"b NO"))


def test_a_literal_of_four_gib_in_append(server: Server) -> None:
    with Wire(server, "imap") as wire:
        wire.reply()
        wire.send(b'a LOGIN bob@example.test "' + PASSWORD.encode() + b'"\r\n')
        assert wire.reply().startswith(b"a OK")
        wire.send(b"b APPEND INBOX {4294967295}\r\n")
        assert wire.reply().startswith((b"b NO", b"b BAD"))
        wire.send(b"c NOOP\r\n")
        assert wire.reply().startswith(b"c OK")


@pytest.mark.parametrize(
    "junk", [b"\0" * 5000, b"\xff" * 5000 + b"\r\n", b"a" * 200_000, b"\r\n" * 500, b"{" * 5000 + b"\r\n"]
)
@pytest.mark.parametrize("listener", ["smtp", "submission", "lmtp", "pop3", "imap"])
def test_junk_harms_nobody_else(server: Server, listener: str, junk: bytes) -> None:
    with Wire(server, listener) as wire, Wire(server, listener) as neighbour:
        wire.reply()
        neighbour.reply()
        wire.send(junk)
        start = time.monotonic()
        neighbour.send({"imap": b"a NOOP\r\n", "pop3": b"CAPA\r\n"}.get(listener, b"NOOP\r\n"))
        assert neighbour.reply()
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(("listener", "farewell"), [("smtp", b"421 "), ("imap", b"* BYE"), ("pop3", b"-ERR")])
def test_a_client_that_says_nothing_is_told_and_closed(server: Server, listener: str, farewell: bytes) -> None:
    with Wire(server, listener) as wire:
        wire.reply()
        last = wire.reply()
        assert last.startswith(farewell) or (listener == "pop3" and last == b"")
        assert last == b"" or wire.reply() == b""


def test_a_tls_port_spoken_to_in_plain_text_closes(server: Server) -> None:
    for listener in ("submissions", "pop3s", "imaps"):
        with Wire(server, listener) as wire:
            wire.send(b"EHLO x\r\n")
            with contextlib.suppress(OSError):
                while wire.socket.recv(1000):
                    pass


def test_a_dropped_pop3_connection_deletes_nothing(server: Server) -> None:
    with Wire(server, "lmtp") as wire:
        wire.reply()
        for command in (b"LHLO x.test", b"MAIL FROM:<>", b"RCPT TO:<alice@example.test>", b"DATA"):
            wire.send(command + b"\r\n")
            wire.reply()
        wire.send(b"Subject: stays\r\n\r\nx\r\n.\r\n")
        assert wire.reply().startswith(b"250")
    pop = poplib.POP3("127.0.0.1", server.ports["pop3"])
    pop.user(ALICE)
    pop.pass_(PASSWORD)
    pop.dele(1)
    pop.close()
    assert _count(server, ALICE) == 1
