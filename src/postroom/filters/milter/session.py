"""A milter during one SMTP connection: what it is told when, what it answers.

Owns: the connection with it, the time it has, its new body on its way to a spool. Never: decides what follows
(visit.py, verdict.py). Raises: FilterFailed; after that this milter hears no more of this SMTP connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from postroom.base import Spool
from postroom.filters.connections import Line, Lines, LostConnection
from postroom.filters.types import Client, Content, ContentSource, FilterFailed
from postroom.message import iter_fields
from postroom.message.line_ends import CrlfStream

from . import packets
from .dialogue import CONTINUE, Answer, Dialogue, MilterBroken, Sent, Stage
from .macros import of_client, of_recipient, of_source
from .packets import BadPacket, BodyWish, Wish

MAX_GROWTH_OCTETS = 67_108_864  # by which a new body may be larger than the message
_BATCH_OCTETS = 65_536  # of commands without an answer that leave together
_ACCEPTED = Answer("accept")


@dataclass(slots=True)
class Said:
    """What it said to a message."""

    answer: Answer
    wishes: Sequence[Wish] = ()
    body: Spool | None = None  # the new one; whoever has it closes it
    add_blank: Callable[[bytes], bytes] = field(default=lambda value: value)  # the form of its header values


class MilterSession:
    """`connect`, then for each message `mail`, `recipient` …, `message`; `close` always."""

    def __init__(self, lines: Lines, client: Client, hostname: str, spool: Callable[[], Spool]) -> None:
        self._lines = lines
        self._client = client
        self._hostname = hostname
        self._spool = spool
        self._line: Line | None = None
        self._dialogue = Dialogue()
        self._values = of_client(client, hostname)
        self._pending = b""  # commands that need no answer
        self.failed = ""  # why it is asked no more
        self._hello: str | None = None
        self._of_client: Answer = CONTINUE  # what connect and helo came to
        self._of_message: Answer = CONTINUE  # what ended the message for it before its end
        self._recipients: list[str] | None = None  # told of this message; None: there is none
        self._body: Spool | None = None
        self._crlf = CrlfStream()
        self._room = MAX_GROWTH_OCTETS  # octets that it may have

    # ---- what happens in the SMTP session

    async def connect(self) -> Answer:
        """There is a client. The answer holds for all its messages."""
        async with self._bounded():
            line = self._lines.kept()
            if line is not None and isinstance(line.state, Dialogue):
                self._line, self._dialogue = line, line.state
                try:
                    return await self._connect()
                except LostConnection:
                    line.abort()
            await self._negotiate()
            return await self._connect()

    async def hello(self, name: str, source: ContentSource) -> Answer:
        """What the client calls itself, or something new about that, like TLS."""
        if self._of_client.kind != "continue":
            return self._of_client
        async with self._bounded():
            self._hello = name
            command = packets.packet(packets.HELO, packets.strings(name.encode()))
            await self._give_up()
            answer = await self._ask(Stage.HELO, command, self._values | of_source(source))
            self._of_client = answer
            return answer

    async def mail(self, source: ContentSource, parameters: Iterable[str] = ()) -> Answer:
        """A message begins; one that was not ended is given up."""
        self._of_message, self._recipients = CONTINUE, None
        if self._line is None and not self.failed:
            await self.connect()
        if self._hello != source.hello and self._of_client.kind == "continue":
            await self.hello(source.hello, source)
        if self._of_client.kind != "continue":
            return self._of_client
        async with self._bounded():
            await self._give_up()
            self._recipients = []
            arguments = [f"<{source.mail_from}>", *parameters]
            command = packets.packet(packets.MAIL, packets.strings(*(one.encode() for one in arguments)))
            return self._heed(await self._ask(Stage.MAIL, command, self._values | of_source(source)))

    async def recipient(self, source: ContentSource, address: str, parameters: Iterable[str] = ()) -> Answer:
        """One more recipient; a refusal is of this one alone."""
        if self._is_over or self._recipients is None:
            return CONTINUE
        async with self._bounded():
            answer = await self._ask_recipient(source, address, parameters, refused=False)
            if answer.kind != "refuse":
                self._recipients.append(address)
                self._heed(answer)
            return answer

    async def refused_recipient(self, source: ContentSource, address: str) -> None:
        """One that we do not take (SMFIP_RCPT_REJ)."""
        if not self._is_over and self._recipients is not None and self._dialogue.wants_refused_recipients:
            async with self._bounded():
                await self._ask_recipient(source, address, (), refused=True)

    async def message(self, source: ContentSource, content: Content) -> Said:
        """All of it, and what it says at the end."""
        await self._catch_up(source)
        if self._is_over:
            answer = self._of_client if self._of_client.kind != "continue" else self._of_message
            await self._end_message()
            return Said(answer)
        async with self._bounded():
            try:
                answer = await self._content(source, content)
            finally:
                self._recipients = None
            await self._give_up()
            body, self._body = self._finished_body(), None
            wishes = self._dialogue.wishes if answer.kind in ("continue", "accept") else ()
            return Said(answer, wishes, body, self._dialogue.from_value)

    def close(self) -> None:
        """The client is gone. The connection may serve the next one."""
        line, self._line = self._line, None
        self._drop_body()
        if line is None:
            return
        # With 8.17 of libmilter, OpenDKIM 2.11 leaves the CONNECT after SMFIC_QUIT_NC without an answer.
        if self._lines.settings.kept and not self._pending and (octets := self._dialogue.next_client()):
            line.connection.send(octets)
            line.connection.flush()
            line.state = self._dialogue
            self._lines.keep(line)
            return
        if octets := self._dialogue.quit():
            line.connection.send(octets)
            line.connection.flush()
        line.abort()

    @property
    def version(self) -> int:
        """Of the protocol, as negotiated."""
        return self._dialogue.version

    @property
    def abilities(self) -> str:
        """What it wants to be able to do, in words."""
        return self._dialogue.abilities

    # ---- one message

    @property
    def _is_over(self) -> bool:
        return self._of_client.kind != "continue" or self._of_message.kind != "continue"

    async def _catch_up(self, source: ContentSource) -> None:
        """Tell what was not told at its time: by those who have no session, or a recipient that came otherwise."""
        if self._recipients is None and not self._is_over:
            await self.mail(source)
        for address in source.recipients:
            if self._recipients is not None and address not in self._recipients:
                await self.recipient(source, address)

    async def _content(self, source: ContentSource, content: Content) -> Answer:
        values = self._values | of_source(source) | {"{msg_size}": str(content.size)}
        dialogue = self._dialogue
        if not self._recipients:  # all of them were refused by it, and we are told to go on
            return _ACCEPTED
        answer = await self._ask(Stage.DATA, packets.packet(packets.DATA), values)
        if answer.kind != "continue":
            return answer
        for one in iter_fields(content.header):
            packet = packets.header(one.name, dialogue.value_of(one.value))
            if (answer := await self._ask(Stage.HEADER, packet, values)).kind != "continue":
                return answer
        answer = await self._ask(Stage.END_OF_HEADER, packets.packet(packets.END_OF_HEADER), values)
        if answer.kind != "continue":
            return answer
        if not dialogue.protocol & packets.NO_BODY:
            for piece in content.body():
                answer = await self._ask(Stage.BODY, packets.packet(packets.BODY, piece), values)
                if answer.kind == "skip":
                    break
                if answer.kind != "continue":
                    return answer
        self._room = content.size + MAX_GROWTH_OCTETS
        return await self._ask(Stage.END, packets.packet(packets.END), values)

    def _take_body(self, octets: bytes) -> None:
        if self._body is None:
            self._body, self._crlf = self._spool(), CrlfStream()
        if self._body.size + len(octets) > self._room:
            raise FilterFailed("its new body is too large")
        try:
            self._body.write(self._crlf.feed(octets))
        except OSError as error:
            raise FilterFailed(f"its new body can't be kept: {error.strerror}") from error

    def _finished_body(self) -> Spool | None:
        """Every line of a message ends with CRLF, the last one too."""
        body = self._body
        if body is not None and body.size and body.read(body.size - 1, body.size) != b"\n":
            body.write(b"\r\n")
        return body

    def _heed(self, answer: Answer) -> Answer:
        if answer.kind in ("accept", "discard", "refuse", "close"):
            self._of_message = answer
        return answer

    async def _end_message(self) -> None:
        self._recipients = None
        if self._line is not None:
            async with self._bounded():
                await self._give_up()

    async def _give_up(self) -> None:
        if octets := self._dialogue.abort():
            self._pending = b""
            assert self._line is not None
            await self._line.send(octets)

    # ---- one command

    async def _negotiate(self) -> None:
        self._line = await self._lines.open()
        self._dialogue = Dialogue(may_change=self._lines.settings.may_change)
        await self._line.send(self._dialogue.offer())
        self._dialogue.agree(*await self._packet())

    async def _connect(self) -> Answer:
        client = self._client
        command = packets.connect(client.host or f"[{client.address}]", client.address.partition("%")[0], client.port)
        self._of_client = await self._ask(Stage.CONNECT, command, self._values)
        return self._of_client

    async def _ask_recipient(
        self, source: ContentSource, address: str, parameters: Iterable[str], *, refused: bool
    ) -> Answer:
        command = packets.packet(
            packets.RCPT, packets.strings(*(one.encode() for one in (f"<{address}>", *parameters)))
        )
        values = self._values | of_source(source) | of_recipient(address, refused=refused)
        return await self._ask(Stage.RCPT, command, values)

    async def _ask(self, stage: Stage, command: bytes, values: dict[str, str]) -> Answer:
        sent: Sent = self._dialogue.tell(stage, command, values)
        assert self._line is not None
        if not sent.answered:
            self._pending += sent.octets
            if len(self._pending) > _BATCH_OCTETS:
                octets, self._pending = self._pending, b""
                await self._line.send(octets)
            return CONTINUE
        octets, self._pending = self._pending + sent.octets, b""
        await self._line.send(octets)
        while True:
            answer = self._dialogue.take(*await self._packet())
            if isinstance(answer, BodyWish):
                self._take_body(answer.octets)
            elif answer is not None:
                return answer

    async def _packet(self) -> tuple[bytes, bytes]:
        assert self._line is not None
        line, seconds = self._line, self._lines.settings.timeout_seconds
        deadline = asyncio.get_running_loop().time() + seconds
        while (found := packets.next_packet(line.held)) is None:
            try:
                await line.more_by(deadline)
            except TimeoutError as error:
                raise FilterFailed(f"no answer in {seconds:g} s") from error
        kind, data, line.held = found
        return kind, data

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """For the time it has in all, and the end of its connection when something is wrong."""
        if self.failed:
            raise FilterFailed(self.failed)
        seconds = self._lines.settings.total_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except BaseException as error:
            if isinstance(error, TimeoutError):
                error = FilterFailed(f"no end in {seconds:g} s")
            elif isinstance(error, BadPacket | MilterBroken):
                error = FilterFailed(f"it breaks the protocol: {error}")
            self._fail(str(error) if isinstance(error, FilterFailed) else "an error of this server's own")
            raise error from None

    def _fail(self, why: str) -> None:
        self.failed = why
        self._drop_body()
        if self._line is not None:
            self._line.abort()
            self._line = None

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
