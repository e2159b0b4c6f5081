"""IMAP and POP3 clients that do as little as they can: what they cost must not hide what the server costs.

Owns: one connection each. Never: parses more than the line that ends a reply. Raises: BenchError when that line is not
the one wanted, or none comes.
"""

import socket
import ssl
from collections.abc import Sequence

from tests.interop.server import PASSWORD

from bench.errors import BenchError

_TAIL = 4096
_TIMEOUT = 300


def anyone() -> ssl.SSLContext:
    """TLS without a look at the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port: int, tls: ssl.SSLContext | None = None, source: str = "") -> socket.socket:
    """A connection to 127.0.0.1, perhaps from another address of this machine."""
    sock = socket.create_connection(("127.0.0.1", port), _TIMEOUT, (source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock) if tls is not None else sock


class _Client:
    _buffer = memoryview(bytearray(1 << 20))  # one for all: nothing stays in it

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def close(self) -> None:
        self.sock.close()

    def _receive(self) -> int:
        count = self.sock.recv_into(self._buffer)
        if not count:
            raise BenchError("the server closed the connection")
        return count

    def line(self) -> bytes:
        """A reply that fits into one piece and ends with a line's end."""
        said = b""
        while not said.endswith(b"\r\n"):
            said += self._buffer[: self._receive()]
        return said


class Imap(_Client):
    """Signed in, with a folder selected when one is named."""

    def __init__(
        self, port: int, user: str = "", folder: str = "", *, tls: ssl.SSLContext | None = None, source: str = ""
    ) -> None:
        super().__init__(connect(port, tls, source))
        self._number = 0
        self._rest = b""
        if b" OK" not in (greeting := self.line()) and b"PREAUTH" not in greeting:
            raise BenchError(f"the greeting was {greeting[:100]!r}")
        if user:
            self.run(b'LOGIN "%b" "%b"' % (user.encode(), PASSWORD.encode()))
        if folder:
            self.run(b"SELECT " + folder.encode())

    def send(self, command: bytes) -> bytes:
        """Send a command and read nothing; its tag."""
        self._number += 1
        tag = b"z%d " % self._number
        self.sock.sendall(b"%b%b\r\n" % (tag, command))
        return tag

    def run(self, command: bytes) -> int:
        """A command to its end; how many octets the reply had."""
        return self.finish(self.send(command))

    def ask(self, command: bytes) -> bytes:
        """A command's whole reply."""
        pieces = list[bytes]()
        self.finish(self.send(command), pieces)
        return b"".join(pieces)

    def finish(self, tag: bytes, pieces: list[bytes] | None = None) -> int:
        """Read until the line with the tag, which must say OK."""
        total, tail = 0, b""
        while True:
            count = self._receive()
            total += count
            if pieces is not None:
                pieces.append(bytes(self._buffer[:count]))
            if count >= _TAIL:
                tail = bytes(self._buffer[count - _TAIL : count])
            else:
                tail = (tail + self._buffer[:count])[-_TAIL:]
            if tail.endswith(b"\r\n"):
                last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
                if last.startswith(tag):
                    if not last.startswith(tag + b"OK"):
                        raise BenchError(f"a command was answered {last[:200]!r}")
                    return total

    def until(self, word: bytes) -> bytes:
        """All up to the end of the line that has `word` in it; the rest is kept for the next call."""
        said = self._rest
        while (at := said.find(word)) < 0 or (end := said.find(b"\n", at)) < 0:
            said += self._buffer[: self._receive()]
        self._rest = said[end + 1 :]
        return said[: end + 1]

    def idle(self) -> None:
        """Begin IDLE."""
        self.sock.sendall(b"idle IDLE\r\n")
        self.until(b"+ ")

    def done(self) -> None:
        """End it."""
        self.sock.sendall(b"DONE\r\n")
        self.until(b"idle OK")


class Pop3(_Client):
    """Signed in."""

    def __init__(self, port: int, user: str) -> None:
        super().__init__(connect(port))
        self._expect(self.line())
        self.run(b"USER " + user.encode())
        self.run(b"PASS " + PASSWORD.encode())

    def run(self, command: bytes) -> None:
        """A command with a reply of one line."""
        self.sock.sendall(command + b"\r\n")
        self._expect(self.line())

    def listing(self, command: bytes) -> int:
        """A command with a reply of many lines; its octets."""
        self.sock.sendall(command + b"\r\n")
        total, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            count = self._receive()
            if not total:
                self._expect(bytes(self._buffer[: min(count, 200)]))
            total += count
            tail = (tail + self._buffer[max(0, count - 5) : count])[-5:]
        return total

    def _expect(self, reply: bytes) -> None:
        if not reply.startswith(b"+OK"):
            raise BenchError(f"POP3 answered {reply[:200]!r}")


def append(folder: str, *messages: bytes, flags: Sequence[bytes] = ()) -> bytes:
    """An APPEND of one message, or of many at once (RFC 3502), without waiting between them (RFC 7888)."""
    given = flags or [b""] * len(messages)
    pieces = (
        b"%b {%d+}\r\n%b" % (b" (%b)" % flag if flag else b"", len(one), one)
        for flag, one in zip(given, messages, strict=True)
    )
    return b"APPEND " + folder.encode() + b"".join(pieces)
