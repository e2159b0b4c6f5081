"""The sending side of SMTP (RFC 5321) and LMTP (RFC 2033) as an engine without a socket.

Owns: the order of commands and replies of one connection: greeting, EHLO or HELO, STARTTLS, AUTH, transactions with
pipelining (RFC 2920), QUIT. Never: connects, waits, chooses a server, decides to try again. Raises: ProtocolError on
input; ValueError when the driver calls out of turn.

A driver feeds what it received, sends `take_output()`, and acts on `next_event()`:

    greeting ──► Ready ──► start_tls() ──► BeginTls ──(handshake)──► tls_started() ──► Ready
                   │  └──► authenticate() ──► Authenticated | AuthRefused
                   ├─────► send(transaction) ──► SendContent ──► content()…, end_content() ──► Done
                   └─────► quit() ──► Closed
"""

import math
from collections import deque

from postroom.base import ProtocolError
from postroom.sasl import BadBase64, ClientMechanism, UnexpectedChallenge, decode_base64, encode_base64

from .chunking import ChunkWriter
from .client_commands import by_chunks, mail_command, rcpt_command, unacceptable, unsendable
from .client_reply import Extensions, ReplyLimits, ReplyReader, ServerReply, local_reply
from .client_types import (
    Authenticated,
    AuthRefused,
    BeginTls,
    ClientEvent,
    Closed,
    Done,
    Outcome,
    Ready,
    Refused,
    SendContent,
    SendMail,
    Stage,
    TlsRefused,
)
from .dot_stuffing import DotStuffer

_MAX_COMMAND_OCTETS = 512  # RFC 5321 §4.5.3.1.4, with CRLF

_ENDED = local_reply(421, "4.4.2", "The connection has ended")


class ClientEngine:
    """One connection's conversation."""

    def __init__(
        self,
        hostname: str,
        *,
        limits: ReplyLimits | None = None,
        lmtp: bool = False,
        chunk_octets: int = 262_144,
        chunk_large: bool = True,  # also what is not binary, if it is longer
    ) -> None:
        self._hostname = hostname.encode("ascii")
        self._lmtp = lmtp
        self._chunk_octets = chunk_octets
        self._chunk_over = chunk_octets if chunk_large else math.inf
        self._reader = ReplyReader(limits or ReplyLimits())
        self._out: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        self._expected: deque[tuple[Stage, int]] = deque([(Stage.GREETING, -1)])
        self._plan: deque[tuple[Stage, int, bytes]] = deque()  # what can't be sent before a reply
        self._outside = Stage.IDLE  # the stage when no reply is expected
        self._said_helo = False
        self._dirty = False  # a transaction was begun and not ended: RSET before the next
        self._mechanism: ClientMechanism | None = None
        self._signed_in = False
        self._initial: bytes | None = None  # an initial response too long for the AUTH line
        self._mail: SendMail | None = None
        self._outcomes: list[Outcome | None] = []
        self._accepted: deque[int] = deque()
        self._mail_refused: ServerReply | None = None
        self._content: DotStuffer | ChunkWriter | None = None  # while the driver gives it
        self._chunks_due = False  # content goes out by BDAT as soon as the recipients are known
        self._content_cut = False  # the content ended without its dot: anything sent now would be content
        self.extensions = Extensions()
        self._end = _ENDED  # why no command can be sent any more
        self.replies = 0  # how many came: a driver tells progress from octets that drip
        self.usable = True  # False: nothing more can be sent on this connection

    # ---- the driver's side

    @property
    def stage(self) -> Stage:
        """What comes next from the server, or what the driver should do."""
        if self._content is not None:
            return Stage.CONTENT
        return self._expected[0][0] if self._expected else self._outside

    def feed(self, data: bytes) -> None:
        """Octets from the server. Raises ProtocolError; then the events say how everything open ended."""
        if self._deaf():
            return
        self._reader.feed(data)
        try:
            while (reply := self._reader.next_reply()) is not None:
                self._on_reply(reply)
                if self._deaf():
                    self._reader.clear()
                    return
        except ProtocolError as error:
            self.lost(f"Protocol error: {error}", "4.5.0")
            raise

    def _deaf(self) -> bool:
        """RFC 3207 §4.2: nothing sent in the clear after the go-ahead for TLS may count later."""
        return self._outside in (Stage.HANDSHAKE, Stage.CLOSED)

    def take_output(self) -> bytes:
        """Octets to send; each is given out once."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def next_event(self) -> ClientEvent | None:
        return self._events.popleft() if self._events else None

    @property
    def undecided(self) -> bool:
        """All of a message is out, and its answer is not in: the server may have taken it."""
        return self._content is None and any(expected is Stage.END for expected, _ in self._expected)

    def lost(self, reason: str, enhanced: str = "4.4.2") -> None:
        """The connection is gone (or the driver gave up on it): whatever is open ends as a temporary failure."""
        if self._outside is Stage.CLOSED:
            return
        stage = Stage.END if self.undecided else self.stage
        reply = local_reply(421, enhanced, reason)  # RFC 5321 §3.8: act as if a 451 had come
        if self._mail is not None:
            self._fail_rest(reply, stage)
            self._finish()
        elif stage in (Stage.GREETING, Stage.HELLO):
            self._events.append(Refused(stage, reply))
        else:
            self._events.append(Closed(reply))
        self._end = reply
        self._close()

    # A command on a connection that has ended meanwhile is answered at once, as if a 421 had come: the driver could not
    # have known. Calling out of turn is the driver's mistake and a ValueError.

    def start_tls(self) -> None:
        """STARTTLS (RFC 3207)."""
        if not self.usable:
            self._events.append(TlsRefused(self._end))
            return
        self._command(Stage.STARTTLS, b"STARTTLS")

    def tls_started(self) -> None:
        """The handshake is done: all that was learnt before is forgotten (RFC 3207 §4.2)."""
        if self._outside is not Stage.HANDSHAKE:
            raise ValueError("no STARTTLS under way")
        self._reader.clear()
        self.extensions = Extensions()
        self._outside = Stage.IDLE
        self._said_helo = False
        self._hello()

    def authenticate(self, mechanism: ClientMechanism) -> None:
        """AUTH (RFC 4954)."""
        if not self.usable:
            self._events.append(AuthRefused(self._end))
            return
        self._mechanism = mechanism
        self._initial = None
        initial = mechanism.initial()
        line = b"AUTH " + mechanism.name.encode("ascii")
        if initial is not None:
            with_initial = line + b" " + (encode_base64(initial) or b"=")
            if len(with_initial) + 2 <= _MAX_COMMAND_OCTETS:
                line = with_initial
            else:  # RFC 4954 §4: then it has to wait for the first, empty, challenge
                self._initial = initial
        self._command(Stage.AUTH, line)

    def send(self, mail: SendMail) -> None:
        """Begin a transaction. What this server can't take fails at once, without a command."""
        if not self.usable:
            self._events.append(Done((Outcome(self._end, Stage.MAIL),) * len(mail.recipients)))
            return
        self._check_idle()
        self._mail = mail
        self._mail_refused = unacceptable(mail, self.extensions)
        self._outcomes = [None] * len(mail.recipients)
        self._accepted.clear()
        for index, recipient in enumerate(mail.recipients):
            refusal = self._mail_refused or unsendable(recipient.address, mail)
            if refusal is not None:
                self._outcomes[index] = Outcome(refusal, Stage.IDLE)
        if None not in self._outcomes:
            self._finish()
            return
        if self._dirty:
            self._plan.append((Stage.RSET, -1, b"RSET\r\n"))
        line = mail_command(mail, self.extensions, signed_in=self._signed_in)
        self._plan.append((Stage.MAIL, -1, line + b"\r\n"))
        for index, recipient in enumerate(mail.recipients):
            if self._outcomes[index] is None:
                self._plan.append((Stage.RCPT, index, rcpt_command(recipient, mail, self.extensions) + b"\r\n"))
        self._chunks_due = by_chunks(mail, self.extensions, self._chunk_over)
        if not self._chunks_due:
            self._plan.append((Stage.DATA, -1, b"DATA\r\n"))
        self._dirty = True
        self._pump()

    def content(self, piece: bytes) -> None:
        """Octets of the message, while `wants_content`; a Done in between means that nobody wants the rest."""
        if isinstance(self._content, ChunkWriter):
            self._plan.extend((Stage.CONTENT, -1, chunk) for chunk in self._content.feed(piece))
            self._pump()
        elif self._content is not None:
            self._out.append(self._content.feed(piece))
        elif self._mail is not None:
            raise ValueError("the server does not wait for content")

    def end_content(self) -> None:
        """All octets were given."""
        content, self._content = self._content, None
        if isinstance(content, ChunkWriter):
            self._plan.append((Stage.END, -1, content.finish()))
            self._pump()
        elif content is not None:
            self._out.append(content.finish())

    @property
    def wants_content(self) -> bool:
        """More of the message may be given."""
        return self._content is not None

    @property
    def holds_content(self) -> bool:
        """… but a chunk waits for a reply: the driver should wait too before it gives more."""
        return self._content is not None and bool(self._plan)

    @property
    def can_quit(self) -> bool:
        """QUIT would be understood as a command: also when the server refused us (RFC 5321 §4.1.1.10)."""
        idle = not self._expected and self._mail is None and self._outside is Stage.IDLE
        return idle and not self._content_cut

    def quit(self) -> None:
        """Say goodbye."""
        if not self.can_quit:
            raise ValueError(f"not now: {self.stage.value}")
        self._write(Stage.QUIT, -1, b"QUIT")

    # ---- commands

    def _check_idle(self) -> None:
        if self._expected or self._mail is not None or self._outside is not Stage.IDLE:
            raise ValueError(f"not now: {self.stage.value}")

    def _command(self, stage: Stage, line: bytes) -> None:
        self._check_idle()
        self._write(stage, -1, line)

    def _write(self, stage: Stage, index: int, line: bytes) -> None:
        self._out.append(line + b"\r\n")
        self._expected.append((stage, index))

    def _hello(self) -> None:
        verb = b"LHLO " if self._lmtp else b"EHLO "  # RFC 2033 §4.1
        self._write(Stage.HELLO, -1, verb + self._hostname)

    def _pump(self) -> None:
        """Send what may be sent now: everything with PIPELINING (RFC 2920 §3.1), one command without."""
        pipelining = "PIPELINING" in self.extensions
        while self._plan and (pipelining or not self._expected):
            stage, index, octets = self._plan.popleft()
            self._out.append(octets)
            if stage is Stage.END:
                self._expect_end()
            else:
                self._expected.append((stage, index))

    def _expect_end(self) -> None:
        """LMTP answers once for each recipient (RFC 2033 §4.2), SMTP once for all."""
        self._expected.extend([(Stage.END, k) for k in self._accepted] if self._lmtp else [(Stage.END, -1)])

    # ---- replies

    def _on_reply(self, reply: ServerReply) -> None:
        self.replies += 1
        if not self._expected:
            if reply.code == 421:  # RFC 5321 §3.8: it may come at any time
                self._events.append(Closed(reply))
                self._end = reply
                self._close()
                return
            raise ProtocolError(f"a reply to nothing: {reply}")
        stage, index = self._expected.popleft()
        try:
            if self._mail is not None:
                self._on_transaction_reply(stage, index, reply)
            else:
                _ON_REPLY[stage](self, reply)
        except ProtocolError:
            self._expected.appendleft((stage, index))  # it is still what everything waits for
            raise

    def _on_greeting(self, reply: ServerReply) -> None:
        if reply.code != 220:
            self._events.append(Refused(Stage.GREETING, reply))
            self._unusable()
            return
        self._hello()

    def _on_hello(self, reply: ServerReply) -> None:
        if reply.positive:
            self.extensions = Extensions() if self._said_helo else Extensions.of(reply)
            self._events.append(Ready(self.extensions, reply.lines[0].split(" ", 1)[0]))
        elif reply.permanent and not self._said_helo and not self._lmtp:
            self._said_helo = True  # RFC 5321 §3.2: older servers know only HELO
            self._write(Stage.HELLO, -1, b"HELO " + self._hostname)
        else:
            self._events.append(Refused(Stage.HELLO, reply))
            self._unusable()

    def _on_starttls(self, reply: ServerReply) -> None:
        if reply.code == 220:
            self._outside = Stage.HANDSHAKE
            self._events.append(BeginTls())
        else:
            self._events.append(TlsRefused(reply))
            self._close_on_421(reply)

    def _on_auth(self, reply: ServerReply) -> None:
        if reply.code == 334 and self._mechanism is not None:
            try:
                challenge = decode_base64("".join(reply.lines).encode("ascii", "replace"))
                if self._initial is not None and not challenge:
                    answer, self._initial = self._initial, None
                else:
                    answer = self._mechanism.step(challenge)
                self._write(Stage.AUTH, -1, encode_base64(answer))
            except (BadBase64, UnexpectedChallenge):
                self._mechanism = None
                self._write(Stage.AUTH, -1, b"*")  # RFC 4954 §4: cancel
        elif reply.code == 235:
            if self._mechanism is not None and not self._mechanism.complete:  # RFC 5802 §5: then it has not succeeded
                raise ProtocolError("the server says that we are signed in, and has not proven to know the password")
            self._signed_in = True
            self._events.append(Authenticated(reply))
        elif reply.code >= 400:
            self._events.append(AuthRefused(reply))
            self._close_on_421(reply)
        else:
            raise ProtocolError(f"not an answer to AUTH: {reply}")

    def _on_quit(self, reply: ServerReply) -> None:
        self._events.append(Closed(reply))
        self._close()

    def _on_transaction_reply(self, stage: Stage, index: int, reply: ServerReply) -> None:
        if reply.code == 421:  # RFC 5321 §3.8: the server is going away, whatever else was asked
            self._fail_rest(reply, Stage.CONTENT if self._content is not None else stage)
            self._finish()
            self._close()
            return
        if stage is Stage.MAIL:
            if not reply.positive:
                self._mail_refused = reply
                self._fail_rest(reply, Stage.MAIL)
                self._plan.clear()
        elif stage is Stage.RCPT:
            self._on_rcpt(index, reply)
        elif stage is Stage.DATA:
            self._on_data(reply)
        elif stage is Stage.CONTENT:
            self._on_chunk(reply)
        elif stage is Stage.END:
            self._on_end(index, reply)
        self._pump()
        if self._expected or self._plan or self._content is not None:
            return
        if self._chunks_due and self._accepted:
            # RFC 3030 §2: not before MAIL and RCPT are answered; so nobody gets what nobody here would take
            self._begin_content(ChunkWriter(self._chunk_octets, binary=self._mail is not None and self._mail.binary))
        else:
            self._finish()

    def _begin_content(self, content: DotStuffer | ChunkWriter) -> None:
        self._chunks_due = False
        self._content = content
        self._events.append(SendContent())

    def _on_rcpt(self, index: int, reply: ServerReply) -> None:
        if self._mail_refused is not None:
            return
        if reply.positive:
            self._accepted.append(index)
        else:
            if reply.code == 552 and reply.enhanced == "5.5.3":  # RFC 5321 §4.5.3.1.10: too many, to be read as 452
                reply = ServerReply(452, reply.lines, "4.5.3")
            self._outcomes[index] = Outcome(reply, Stage.RCPT)
        if not self._accepted and self._plan and self._plan[0][0] is Stage.DATA:  # all recipients refused
            self._plan.clear()

    def _on_data(self, reply: ServerReply) -> None:
        if reply.code == 354:
            if self._accepted:
                self._begin_content(DotStuffer())
                self._expect_end()
            else:
                self._write(Stage.END, -1, b".")  # RFC 2920 §3.1: an empty message to nobody
        elif reply.code < 400:
            raise ProtocolError(f"not an answer to DATA: {reply}")
        else:
            self._fail_rest(reply, Stage.DATA)

    def _on_chunk(self, reply: ServerReply) -> None:
        if reply.code >= 400:
            # RFC 3030 §2: no more chunks. Those sent are whole, so what comes next is read as a command: RSET.
            self._content = None
            self._plan.clear()
            self._fail_rest(reply, Stage.CONTENT)
        elif not reply.positive:
            raise ProtocolError(f"not an answer to a chunk: {reply}")

    def _on_end(self, index: int, reply: ServerReply) -> None:
        if self._content is not None:  # it did not wait for the end
            if reply.code < 400:
                raise ProtocolError(f"an answer before the end of the message: {reply}")
            self._content = None
            self._content_cut = True
            self._unusable()
            self._fail_rest(reply, Stage.CONTENT)
            self._expected.clear()
            return
        if reply.code < 400 and not reply.positive:
            raise ProtocolError(f"not an answer to a message: {reply}")
        self._dirty = not reply.positive  # RFC 3030 §2 asks for RSET after a refused chunk; after DATA it does no harm
        for k in (index,) if index >= 0 else tuple(self._accepted):
            if self._outcomes[k] is None:
                self._outcomes[k] = Outcome(reply, Stage.END)

    # ---- ends

    def _fail_rest(self, reply: ServerReply, stage: Stage) -> None:
        self._outcomes = [Outcome(reply, stage) if outcome is None else outcome for outcome in self._outcomes]

    def _finish(self) -> None:
        self._events.append(Done(tuple(outcome for outcome in self._outcomes if outcome is not None)))
        self._mail = self._content = None
        self._plan.clear()

    def _unusable(self) -> None:
        self.usable = False

    def _close_on_421(self, reply: ServerReply) -> None:
        if reply.code == 421:
            self._close()

    def _close(self) -> None:
        self.usable = False
        self._outside = Stage.CLOSED
        self._expected.clear()
        self._plan.clear()
        self._content = None


_ON_REPLY = {
    Stage.GREETING: ClientEngine._on_greeting,
    Stage.HELLO: ClientEngine._on_hello,
    Stage.STARTTLS: ClientEngine._on_starttls,
    Stage.AUTH: ClientEngine._on_auth,
    Stage.QUIT: ClientEngine._on_quit,
}
