"""The mail programs of the demo: Alice's laptop, Bob's desktop, phone and tablet.

Owns: just enough of a client for each protocol to play its dialogue. Never: hides a failure: an unexpected reply raises
DemoFailure. Raises: DemoFailure.
"""

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import TypeVar

from postroom.net import Dialer, NetSettings, SocketConnection

from .transcript import Transcript

WAIT_SECONDS = 20.0


class DemoFailure(Exception):
    """A step did not go as it must; the text says what was expected."""


class LineClient:
    """One connection of CRLF lines, shown in a transcript."""

    def __init__(self, connection: SocketConnection, transcript: Transcript) -> None:
        self.connection = connection
        self.transcript = transcript
        self._buffer = b""
        connection.observer = transcript.watch

    def note(self, text: str) -> None:
        """Explain the next line."""
        self.transcript.note(text)

    def send(self, line: str, note: str = "") -> None:
        """Say one line."""
        if note:
            self.note(note)
        self.connection.send(line.encode() + b"\r\n")
        self.connection.flush()

    async def line(self) -> str:
        """The next line from the server."""
        while b"\r\n" not in self._buffer:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    data = await self.connection.receive()
            except TimeoutError:
                raise DemoFailure(f"the server said nothing for {WAIT_SECONDS:g} s") from None
            if not data:
                raise DemoFailure("the server closed the connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    async def until(self, wanted: Callable[[str], bool]) -> list[str]:
        """Lines up to and with the first for which `wanted` is true."""
        lines = [await self.line()]
        while not wanted(lines[-1]):
            lines.append(await self.line())
        return lines

    async def starttls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Shake hands and check the server's certificate."""
        await self.connection.start_tls_client(context, hostname)

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()


class SmtpClient(LineClient):
    """A mail program or server that submits or relays."""

    async def reply(self, *codes: str) -> str:
        """A whole reply, which must begin with one of `codes`; its last line."""
        last = (await self.until(lambda line: line[3:4] == " "))[-1]
        if codes and not last.startswith(codes):
            raise DemoFailure(f"expected {' or '.join(codes)}, got: {last}")
        return last

    async def command(self, line: str, *codes: str, note: str = "") -> str:
        """Say a command and check its reply."""
        self.send(line, note)
        return await self.reply(*codes)

    async def submit(self, sender: str, password: str, recipients: list[str], message: str, tls: ssl.SSLContext) -> str:
        """The dialogue of a mail program on port 587; the last reply (RFC 6409)."""
        self.note("greeting (RFC 5321 §3.1)")
        await self.reply("220")
        await self.command(
            "EHLO laptop.alice.test", "250", note="names itself, asks what the server can do (RFC 5321 §4.1.1.1)"
        )
        await self.command("STARTTLS", "220", note="nothing secret before this (RFC 3207)")
        await self.starttls(tls, "mail.alice.test")
        await self.command("EHLO laptop.alice.test", "250", note="again: now AUTH is offered (RFC 3207 §4.2)")
        token = base64.b64encode(f"\0{sender}\0{password}".encode()).decode()
        await self.command(f"AUTH PLAIN {token}", "235", note="\\0name\\0password in base64 (RFC 4954, RFC 4616)")
        await self.command(f"MAIL FROM:<{sender}>", "250", note="the envelope's sender (RFC 5321 §4.1.1.2)")
        for recipient in recipients:
            await self.command(f"RCPT TO:<{recipient}>", "250", note="one for each recipient (RFC 5321 §4.1.1.3)")
        await self.command("DATA", "354", note="header and body follow (RFC 5321 §4.1.1.4)")
        for line in message.split("\n"):
            self.send("." + line if line.startswith(".") else line)
        self.note("a line with a single dot ends the message (RFC 5321 §4.5.2)")
        last = await self.command(".", "250")
        await self.command("QUIT", "221", note="goodbye (RFC 5321 §4.1.1.10)")
        return last


class Pop3Client(LineClient):
    """Bob's desktop."""

    async def command(self, line: str, note: str = "") -> str:
        """Say a command; its +OK line."""
        self.send(line, note)
        answer = await self.line()
        if not answer.startswith("+OK"):
            raise DemoFailure(f"expected +OK, got: {answer}")
        return answer

    async def multiline(self, line: str, note: str = "") -> list[str]:
        """Say a command; the lines of its answer, un-dotted."""
        await self.command(line, note)
        lines = (await self.until(lambda text: text == "."))[:-1]
        return [text[1:] if text.startswith(".") else text for text in lines]


class ImapClient(LineClient):
    """Bob's phone and tablet."""

    def __init__(self, connection: SocketConnection, transcript: Transcript) -> None:
        super().__init__(connection, transcript)
        self._count = 0

    async def command(self, line: str, note: str = "") -> list[str]:
        """Say a command under the next tag; all lines up to its OK."""
        self._count += 1
        tag = f"A{self._count:03d}"
        self.send(f"{tag} {line}", note)
        lines = await self.until(lambda text: text.startswith(tag + " "))
        if not lines[-1].startswith(f"{tag} OK"):
            raise DemoFailure(f"expected {tag} OK, got: {lines[-1]}")
        return lines

    async def idle(self, note: str = "") -> str:
        """Begin IDLE; the tag to expect after DONE."""
        self._count += 1
        tag = f"A{self._count:03d}"
        self.send(f"{tag} IDLE", note)
        if not (answer := await self.line()).startswith("+"):
            raise DemoFailure(f"expected +, got: {answer}")
        return tag

    async def done(self, tag: str) -> None:
        """End IDLE."""
        self.send("DONE", "ends IDLE (RFC 2177)")
        await self.until(lambda text: text.startswith(tag + " OK"))


Client = SmtpClient | Pop3Client | ImapClient
C = TypeVar("C", SmtpClient, Pop3Client, ImapClient)


async def connect(kind: type[C], port: int, transcript: Transcript, tls: ssl.SSLContext | None, hostname: str) -> C:
    """A client of that kind, connected to 127.0.0.1, with implicit TLS when `tls` is given."""
    dialer = Dialer(NetSettings())
    connection = await dialer.connect("127.0.0.1", port, timeout=WAIT_SECONDS, tls=tls, server_hostname=hostname)
    return kind(connection, transcript)
