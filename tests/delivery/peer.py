"""A scripted SMTP server on loopback: says what a test wants, remembers what it heard."""

import asyncio
import contextlib
import ssl
from collections import defaultdict, deque
from dataclasses import dataclass, field

DROP = b"<drop>"  # close the connection instead of answering
SILENT = b"<silent>"  # say nothing, keep the connection open
RESET = b"<reset>"  # throw the connection away after reading some of the content


class Raw(bytes):
    """Exactly these octets, without a line end."""


class Last(bytes):
    """Say this, then close the connection."""


class Drip(bytes):
    """Say this octet by octet, with a pause after each."""

    pause = 0.01


DEFAULTS = {
    "GREETING": b"220 peer.test ESMTP",
    "HELO": b"250 peer.test",
    "MAIL": b"250 2.1.0 ok",
    "RCPT": b"250 2.1.5 ok",
    "DATA": b"354 go on",
    "BDAT": b"250 2.0.0 chunk",
    "END": b"250 2.0.0 taken",
    "RSET": b"250 2.0.0 ok",
    "QUIT": b"221 2.0.0 bye",
    "STARTTLS": b"220 2.0.0 go on",
    "AUTH": b"235 2.7.0 welcome",
}


@dataclass
class Mail:
    mail_from: str
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""


class Peer:
    """`script` gives replies by verb, used up in order, the last one for ever; also by "RCPT <address>"."""

    def __init__(
        self,
        script: dict[str, list[bytes]] | None = None,
        *,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 1000000"),
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        self._script = {verb: deque(replies) for verb, replies in (script or {}).items()}
        self._extensions = extensions
        self._tls = tls
        self._implicit = implicit_tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.port = 0
        self.commands: list[str] = []
        self.taken: list[Mail] = []
        self.sessions = 0
        self.clients: list[str] = []  # their addresses
        self.silences = 0  # that were kept instead of a reply
        self.open = 0
        self.most_open = 0
        self.secure: list[bool] = []
        self.counts: dict[str, int] = defaultdict(int)

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> "Peer":
        context = self._tls if self._implicit else None
        self._server = await asyncio.start_server(self._serve, address, port, ssl=context)
        self.address, self.port = self._server.sockets[0].getsockname()[:2]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _answer(self, *verbs: str) -> bytes:
        for verb in verbs:
            replies = self._script.get(verb)
            if replies:
                return replies.popleft() if len(replies) > 1 else replies[0]
        return DEFAULTS[verbs[-1]]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.sessions += 1
        self.clients.append(writer.get_extra_info("peername")[0])
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        except ValueError:
            pass  # no lines of text: what should have been TLS
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError, TimeoutError):
                await writer.wait_closed()

    async def _say(self, writer: asyncio.StreamWriter, reply: bytes) -> bool:
        if reply == SILENT:
            self.silences += 1
            await asyncio.Event().wait()
        if reply == DROP:
            return False
        if isinstance(reply, Drip):
            for octet in reply:
                writer.write(bytes((octet,)))
                await asyncio.sleep(reply.pause)
        writer.write(reply if isinstance(reply, Raw) else b"\r\n" if isinstance(reply, Drip) else reply + b"\r\n")
        await writer.drain()
        if isinstance(reply, Last):
            return False
        return not reply.startswith((b"421", b"221"))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure = self._implicit
        mail, begun = Mail(""), False
        if not await self._say(writer, self._answer("GREETING")):
            return
        while line := (await reader.readline()).decode():
            self.commands.append(line.rstrip("\r\n"))
            verb = line.split()[0].upper() if line.split() else ""
            self.counts[verb] += 1
            match verb:
                case "EHLO":
                    reply = self._answer("EHLO") if "EHLO" in self._script else self._hello(secure)
                case "MAIL":
                    mail = Mail(_path(line))
                    self.secure.append(secure)
                    reply = self._answer("MAIL")
                    begun = reply.startswith(b"2")
                case "RCPT":
                    reply = self._answer(f"RCPT {_path(line)}", "RCPT") if begun else b"503 5.5.1 MAIL first"
                    if reply.startswith(b"2"):
                        mail.recipients.append(_path(line))
                case "BDAT":
                    mail.content += await reader.readexactly(int(line.split()[1]))
                    last = line.endswith(" LAST\r\n")
                    reply = self._answer("BDAT", "END") if last and "BDAT" not in self._script else self._answer("BDAT")
                    if last and reply.startswith(b"2") and mail.recipients:
                        self.taken.append(mail)
                case _:
                    reply = self._answer(verb)
            if not await self._say(writer, reply):
                return
            if verb == "STARTTLS" and reply.startswith(b"220") and self._tls is not None:
                await writer.start_tls(self._tls)
                secure = True
            if verb == "DATA" and reply.startswith(b"354") and not await self._take(reader, writer, mail):
                return

    def _hello(self, secure: bool) -> bytes:
        offered = ["peer.test", *(e for e in self._extensions if not (secure and e == "STARTTLS"))]
        return b"\r\n".join(
            b"250%c%b" % (b" " if k == len(offered) - 1 else b"-", e.encode()) for k, e in enumerate(offered)
        )

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mail: Mail) -> bool:
        if self._script.get("CONTENT"):
            await reader.read(10)
            if not await self._say(writer, self._answer("CONTENT", "END")):
                return False
        content = bytearray()
        while not content.endswith(b"\r\n.\r\n") and content != b".\r\n":
            piece = await reader.read(65536)
            if not piece:
                return False
            content += piece
        mail.content = bytes(content[:-3]).replace(b"\r\n..", b"\r\n.")
        reply = self._answer("END")
        if reply.startswith(b"2") and mail.recipients:
            self.taken.append(mail)
        return await self._say(writer, reply)


def _path(line: str) -> str:
    return line[line.index("<") + 1 : line.rindex(">")]
