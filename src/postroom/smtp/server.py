"""The server's side of SMTP and LMTP as an engine: octets in, events and octets out.

Owns: framing, the order of commands (RFC 5321 §4.1.4), every reply that needs nobody's knowledge but its own, and the
limits of SmtpSettings. Never: looks anything up, waits, decides policy. Raises: nothing on input; RuntimeError when its
session breaks the contract (a reply that was not asked for, none where one is due).

The session's loop: `feed` what was received; take `next_event` until it is None, answering each by `reply`; send
`take_output`. An event that waits for its reply holds back everything behind it, so replies keep the order of commands.
"""

import enum
from collections.abc import Callable
from typing import ClassVar

from postroom.sasl import encode_base64

from . import replies
from .announcement import Offers, ehlo_lines
from .body import BodyReader
from .chunk_reading import ChunkedBody, parse_chunk
from .chunked_message import ChunkedMessage
from .commands import (
    COMMANDS,
    NOT_OFFERED,
    OF_THE_WEB,
    Does,
    Refused,
    parse_auth,
    parse_auth_response,
    parse_hello,
    parse_mail,
    parse_rcpt,
    parse_verify,
)
from .input_lines import InputLines
from .replies import Reply
from .settings import SmtpSettings
from .types import Auth, AuthResponse, Event, Mail, MessageData, MessageEnd, MessageStart, Rcpt, StartTls, Verify


class Mode(enum.Enum):
    """What the next octets are."""

    COMMAND = enum.auto()
    SKIP = enum.auto()  # the rest of a line that was refused already
    AUTH = enum.auto()  # a SASL response
    MESSAGE = enum.auto()  # behind DATA
    CHUNK = enum.auto()  # behind BDAT
    TLS = enum.auto()  # a handshake, which is none of our business
    CLOSED = enum.auto()  # ignored


class ServerEngine:
    """One session. Its owner sets `offers` as the connection's state allows."""

    def __init__(self, hostname: str, settings: SmtpSettings, *, lmtp: bool = False) -> None:
        self._hostname = hostname
        self._settings = settings
        self.lmtp = lmtp
        self.offers = Offers()
        self.authenticated = False
        self.hello = ""  # the client's name; "" before EHLO
        self.extended = False  # by EHLO or LHLO, not HELO
        self.mail: Mail | None = None  # of the open transaction
        self.recipients = 0  # accepted in it
        self.transactions = 0  # messages whose end was seen
        self.mode = Mode.COMMAND
        self._input = InputLines(settings)
        self._out: list[bytes] = []
        self._waiting: Event | None = None  # the event that `reply` is due for
        self._replies_due = 0
        self._body = BodyReader()
        self._too_large = False
        self._chunks = ChunkedMessage(settings)  # what comes by BDAT
        self._skipped = 0
        self._errors = 0
        self._refused_recipients = 0
        self._idle_commands = 0
        self._starttls_cut = 0
        self._talked_over_hello = False

    # ---- for the session

    def greet(self, product: str = "Postroom") -> None:
        """The 220 greeting (RFC 5321 §3.1)."""
        protocol = "LMTP" if self.lmtp else "ESMTP"
        self._out.append(f"220 {self._hostname} {protocol} {product}\r\n".encode())

    @property
    def closed(self) -> bool:
        """Send what `take_output` gives, then close."""
        return self.mode is Mode.CLOSED

    @property
    def reply_due(self) -> bool:
        """An event waits for its (in LMTP: for another) reply."""
        return self._waiting is not None

    @property
    def in_message(self) -> bool:
        """Octets of a message are due next."""
        return self.mode is Mode.MESSAGE or self.mode is Mode.CHUNK

    @property
    def message_open(self) -> bool:
        """A message has begun and may still come to its end; else what is there of it is of no use."""
        return self.mode is Mode.MESSAGE or self._chunks.open

    @property
    def thrown_away_at_starttls(self) -> int:
        """Octets that came behind STARTTLS before the handshake: somebody's attempt at injection."""
        return self._starttls_cut

    @property
    def talked_over_hello(self) -> bool:
        """Something stood behind an EHLO or HELO, before its answer was sent (RFC 2920 §3.1)."""
        return self._talked_over_hello

    @property
    def octets_waiting(self) -> int:
        """Received and not yet looked at; behind DATA, when it is to be answered, there should be none."""
        return self._input.pending

    def feed(self, data: bytes) -> None:
        """Take octets from the peer."""
        if self.mode is Mode.CLOSED:
            return
        if self.mode is Mode.TLS:
            self._starttls_cut += len(data)
            return
        self._input.feed(data)

    def take_output(self) -> bytes:
        """The octets to send, all replies since the last call in one piece."""
        out = self._out
        if not out:
            return b""
        data = b"".join(out)
        out.clear()
        return data

    def next_event(self) -> Event | None:
        """The next thing to decide; None: feed more, or close."""
        if self._waiting is not None:
            raise RuntimeError(f"{type(self._waiting).__name__} waits for its reply")
        while True:
            mode = self.mode
            if mode is Mode.COMMAND or mode is Mode.AUTH:
                line = self._input.next_line(in_auth=mode is Mode.AUTH)
                if line is None:
                    return None
                if isinstance(line, Reply):
                    self._refuse_line(line)
                    continue
                event = self._command(line) if mode is Mode.COMMAND else self._auth_response(line)
            elif mode is Mode.MESSAGE or mode is Mode.CHUNK:
                event = self._message() if mode is Mode.MESSAGE else self._chunk_octets()
                if event is None and self.mode is mode:
                    return None
            elif mode is Mode.SKIP:
                if not self._skip():
                    return None
                continue
            else:
                return None
            if event is not None:
                if type(event) is not MessageData:
                    self._waiting = event
                return event

    def reply(self, reply: Reply) -> None:
        """Answer the event given last."""
        event = self._waiting
        if event is None:
            raise RuntimeError("no reply is due")
        if isinstance(event, MessageStart):
            self._waiting = None
            self._start_message(event, reply)
        else:
            self._out.append(reply.wire)
            self._take_reply(event, reply)
        if reply.code == 421:
            self._shut()

    def _take_reply(self, event: Event, reply: Reply) -> None:
        kind = type(event)
        if kind is Rcpt or kind is Verify:
            self._waiting = None
            if not reply.positive:
                self._refused_recipients += 1
                if self._refused_recipients > self._settings.max_refused_recipients:
                    self._close_for("too many refused recipients")
            elif kind is Rcpt:
                self.recipients += 1
        elif kind is Mail:
            self._waiting = None
            if reply.positive:
                assert isinstance(event, Mail)
                self.mail, self.recipients = event, 0
        elif kind is MessageEnd:
            self._replies_due -= 1
            if self._replies_due == 0:
                self._waiting = None
                self._end_transaction()
        elif kind is StartTls:
            self._waiting = None
            if reply.code == 220:
                self._enter_tls()
        else:
            self._waiting = None
            self.mode = Mode.COMMAND
            if reply.positive:
                self.authenticated = True

    def challenge(self, data: bytes) -> None:
        """Answer Auth or AuthResponse by asking on (RFC 4954 §4)."""
        if not isinstance(self._waiting, Auth | AuthResponse):
            raise RuntimeError("no challenge is due")
        self._waiting = None
        self._out.append(b"334 %b\r\n" % encode_base64(data))
        self.mode = Mode.AUTH

    def close(self, reply: Reply) -> None:
        """Say a last word, asked for or not (421 on timeout or shutdown), and end the session."""
        self._out.append(reply.wire)
        self._shut()

    def tls_started(self) -> None:
        """The handshake is done: forget all that came before it (RFC 3207 §4.2)."""
        if self.mode is not Mode.TLS:
            raise RuntimeError("no handshake was due")
        self.mode = Mode.COMMAND
        self.offers.tls_active, self.offers.starttls = True, False
        self.authenticated = False
        self.hello, self.extended = "", False
        self._reset()

    # ---- lines

    def _refuse_line(self, reply: Reply) -> None:
        """One reply, then silence up to the next CRLF."""
        if self.mode is Mode.COMMAND and self._input.begins_with(b"BDAT"):  # how many octets follow, nobody knows
            self.close(replies.BAD_CHUNK)
            return
        self.mode = Mode.SKIP  # an AUTH exchange ends with it (RFC 4954 §4)
        self._skipped = 0
        self._error(reply)

    def _skip(self) -> bool:
        """Drop octets up to the CRLF; False when more are needed."""
        dropped, ended = self._input.skip_line()
        if ended:
            self.mode = Mode.COMMAND
        self._skipped += dropped
        if self._skipped > self._settings.max_discarded_octets:
            self._close_for("line without end")
        return ended

    # ---- commands

    def _command(self, line: bytes) -> Event | None:
        verb, _, argument = line.partition(b" ")
        command = COMMANDS.get(verb) or COMMANDS.get(verb.upper().rstrip())
        if command is None:
            self._unknown(verb.upper().rstrip())
            return None
        does = command.does
        argument = argument.strip(b" \t")  # RFC 5321 §4.1.1: white space at the end is to be tolerated
        try:
            if does & Does.BRINGS_OCTETS:
                return self._bdat(does, argument)
            self._check(does, argument)
            if does & Does.MOVES_NO_MAIL and self._count_idle():
                return None
            return self._HANDLERS[command.verb](self, argument)
        except Refused as refused:
            self._error(refused.reply)
            return None

    def _check(self, does: int, argument: bytes) -> None:
        if does & (Does.ONLY_LMTP if not self.lmtp else Does.ONLY_SMTP):
            raise Refused(replies.OTHER_HELLO)
        if does & Does.NO_ARGUMENT and argument:
            raise Refused(replies.NO_ARGUMENT_ALLOWED)  # RFC 5321 §4.1.1.5, §4.1.1.10
        if does & Does.NEEDS_HELLO and not self.hello:
            raise Refused(replies.HELLO_FIRST)
        if does & Does.NEEDS_SIGN_IN and self.offers.sign_in_first is not None and not self.authenticated:
            raise Refused(self.offers.sign_in_first)
        if does & Does.NEEDS_MAIL and self.mail is None:
            raise Refused(replies.MAIL_FIRST)
        if does & Does.NEEDS_NO_MAIL and self.mail is not None:
            raise Refused(replies.NESTED_MAIL)

    def _unknown(self, verb: bytes) -> None:
        if verb in OF_THE_WEB:
            self.close(replies.NOT_A_WEB_SERVER)
        elif verb.startswith(b"BDAT"):  # "BDAT\t5": octets of a message follow, which must not become commands
            self.close(replies.BAD_CHUNK)
        else:
            self._error(replies.NOT_IMPLEMENTED if verb in NOT_OFFERED else replies.NOT_RECOGNIZED)

    def _ehlo(self, argument: bytes) -> None:
        self.hello = parse_hello(argument)  # RFC 5321 §4.1.4: a refused EHLO changes nothing
        self.extended = True
        self._talked_over_hello |= self._input.pending > 0
        self._reset()
        lines = (f"{self._hostname} greets {self.hello}", *ehlo_lines(self._settings, self.offers))
        self._out.append(replies.encode(250, "", lines))  # RFC 2034 §4: no enhanced codes here

    def _helo(self, argument: bytes) -> None:
        self.hello = parse_hello(argument)
        self.extended = False
        self._talked_over_hello |= self._input.pending > 0
        self._reset()
        self._out.append(replies.encode(250, "", (self._hostname,)))

    def _mail(self, argument: bytes) -> Event | None:
        if self.transactions >= self._settings.max_transactions:
            self._close_for("too many messages in one session")
            return None
        return parse_mail(argument, self._settings, self.offers)

    def _rcpt(self, argument: bytes) -> Event | None:
        assert self.mail is not None
        if self._chunks.begun:
            raise Refused(replies.CHUNKS_BEGUN)
        rcpt = parse_rcpt(argument, self._settings, smtputf8=self.mail.smtputf8)
        if self.recipients >= self._settings.max_recipients:
            self._out.append(replies.TOO_MANY_RECIPIENTS.wire)  # RFC 5321 §4.5.3.1.10
            return None
        return rcpt

    def _data(self, _: bytes) -> Event | None:
        refusal: Reply | None = None
        if self._chunks.begun:  # RFC 3030 §2
            refusal = replies.CHUNKS_BEGUN
        elif self.mail is not None and self.mail.binary:
            refusal = replies.BINARY_BY_DATA
        elif self.recipients == 0:  # RFC 5321 §3.3; RFC 2033 §4.2 wants 503
            refusal = replies.NO_RECIPIENTS if self.lmtp else replies.NO_VALID_RECIPIENTS
        if refusal is not None:
            self._error(refusal)
            self._refuse_message()
            return None
        return MessageStart()

    def _rset(self, _: bytes) -> None:
        self._reset()
        self._out.append(replies.OK.wire)

    def _noop(self, _: bytes) -> None:
        self._out.append(replies.OK.wire)

    def _vrfy(self, argument: bytes) -> Event | None:
        return self._verify(argument, False)

    def _expn(self, argument: bytes) -> Event | None:
        return self._verify(argument, True)

    def _verify(self, argument: bytes, expand: bool) -> Event | None:
        if not argument:
            raise Refused(replies.SYNTAX_ERROR)
        told = self.offers.verify == "on" or (self.offers.verify == "signed-in" and self.authenticated)
        asked = parse_verify(argument, self._settings, expand=expand) if told else None
        if asked is None:  # RFC 5321 §3.5.3, §7.3
            self._out.append((replies.CANNOT_EXPAND if expand else replies.CANNOT_VERIFY).wire)
        return asked

    def _help(self, argument: bytes) -> None:
        wanted = COMMANDS.get(argument.upper())
        hidden = Does.ONLY_SMTP if self.lmtp else Does.ONLY_LMTP
        if argument and wanted is None:
            raise Refused(Reply(504, "5.5.4", "No help on that"))
        shown = [wanted] if wanted is not None else list(COMMANDS.values())
        self._out.append(replies.encode(214, "2.0.0", [c.help for c in shown if not c.does & hidden]))

    def _quit(self, _: bytes) -> None:
        self.close(replies.CLOSING)

    def _starttls(self, _: bytes) -> Event:
        if self.offers.tls_active:
            raise Refused(replies.ALREADY_TLS)
        if not self.offers.starttls:
            raise Refused(replies.NOT_IMPLEMENTED)
        return StartTls()

    def _auth(self, argument: bytes) -> Event:
        if self.authenticated:
            raise Refused(replies.ALREADY_AUTHENTICATED)
        return parse_auth(argument, self.offers)

    def _auth_response(self, line: bytes) -> Event | None:
        self.mode = Mode.COMMAND
        try:
            return parse_auth_response(line)
        except Refused as refused:
            self._error(refused.reply)
            return None

    _HANDLERS: ClassVar[dict[str, Callable[["ServerEngine", bytes], Event | None]]] = {
        "EHLO": _ehlo,
        "LHLO": _ehlo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "NOOP": _noop,
        "VRFY": _vrfy,
        "EXPN": _expn,
        "HELP": _help,
        "QUIT": _quit,
        "STARTTLS": _starttls,
        "AUTH": _auth,
    }

    # ---- the message

    def _start_message(self, event: MessageStart, reply: Reply) -> None:
        accepted = reply.code == 354
        if event.chunked and reply.code != 421:
            self.mode = Mode.CHUNK
            if accepted:
                self._chunks.begin(binary=self.mail is not None and self.mail.binary)
            else:
                self._chunks.fail(reply)
            return
        self._out.append(reply.wire)
        if accepted:
            self.mode = Mode.MESSAGE
            self._body = BodyReader(convert_bare_cr_lf=self._settings.quirk_bare_cr_lf_in_data)
            self._too_large = False
        else:
            self._refuse_message()

    def _refuse_message(self) -> None:
        """DATA was refused. A client that sent the message without waiting for 354 broke RFC 2920 §3.1; what it sent
        was written by somebody else, perhaps, and must not become commands."""
        if self._input.pending:
            self._close_for("no message was asked for")  # RFC 5321 §3.8, §7.8

    def _message(self) -> Event | None:
        """A piece or the end; None when more octets are needed or the session was cut."""
        reader = self._body
        if not reader.done:
            if not self._input.pending:
                return None
            piece = reader.feed(self._input.take())
            if reader.octets > self._settings.max_message_octets:
                self._too_large = True
                if reader.octets > self._settings.max_message_octets + self._settings.max_discarded_octets:
                    self._close_for("message without end")
                    return None
            if piece and not self._too_large:
                return MessageData(piece)
            if not reader.done:
                return None
        self._input.feed(reader.trailing)
        return self._message_end(replies.TOO_LARGE if self._too_large else self._verdict(reader), reader)

    def _message_end(self, refusal: Reply | None, reader: BodyReader | ChunkedBody) -> MessageEnd:
        self.mode = Mode.COMMAND
        self.transactions += 1
        self._replies_due = self.recipients if self.lmtp else 1  # RFC 2033 §4.2, §4.3
        return MessageEnd(refusal, reader.eight_bit, reader.long_lines)

    def _verdict(self, reader: BodyReader | ChunkedBody) -> Reply | None:
        if reader.bare_cr_lf and not reader.converts:
            return replies.BARE_CR_LF  # RFC 5321 §2.3.8
        if reader.nul and not self._settings.quirk_nul_in_data:
            return replies.NUL_IN_MESSAGE  # RFC 2045 §2.8: not even 8bit data has them
        return None

    # ---- the message in chunks (RFC 3030 §2)

    def _bdat(self, does: int, argument: bytes) -> Event | None:
        chunk = parse_chunk(argument)
        if chunk is None:
            self.close(replies.BAD_CHUNK)
            return None
        try:
            self._check(does, argument)
        except Refused as refused:
            self._chunks.refuse(chunk, refused.reply)
        else:
            nobody = replies.NO_RECIPIENTS if self.lmtp else replies.NO_VALID_RECIPIENTS
            if self._chunks.expect(chunk, None if self.recipients else nobody):
                return MessageStart(chunked=True)
        self.mode = Mode.CHUNK
        return None

    def _chunk_octets(self) -> Event | None:
        """A piece, the end of the message, or the reply to a chunk; None without a change of mode: more are needed."""
        chunks = self._chunks
        if piece := chunks.take(self._input):
            return MessageData(piece)
        if chunks.excessive:
            self._close_for("too much that was refused")
            return None
        return self._end_chunk() if chunks.complete else None

    def _end_chunk(self) -> Event | None:
        chunks = self._chunks
        if (refusal := chunks.refusal) is not None:
            self._refuse_chunk(refusal)
            return None
        if not chunks.last:
            self.mode = Mode.COMMAND
            self._out.append(Reply(250, "2.0.0", f"{chunks.size} octets received").wire)
            return None
        body = chunks.body
        if piece := body.finish():
            return MessageData(piece)
        return self._message_end(self._verdict(body), body)

    def _refuse_chunk(self, refusal: Reply) -> None:
        self.mode = Mode.COMMAND
        chunks, times = self._chunks, 1
        first = chunks.tell()
        if chunks.last and self.mail is not None:  # the transaction is over, as behind a DATA that failed
            times = self.recipients if self.lmtp else 1  # RFC 2033 §4.3: none where there is no recipient
            self._reset()
        self._out += [refusal.wire] * times
        if first:
            self._count_error()
        else:
            self._count_idle()

    # ---- ends

    def _end_transaction(self) -> None:
        self._idle_commands = 0
        self._chunks.forgive()
        self._reset()

    def _reset(self) -> None:
        self.mail, self.recipients = None, 0
        self._chunks.forget()

    def _enter_tls(self) -> None:
        self._starttls_cut = self._input.clear()
        self.mode = Mode.TLS

    def _error(self, reply: Reply) -> None:
        self._out.append(reply.wire)
        self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors > self._settings.max_errors:
            self._close_for("too many errors")

    def _count_idle(self) -> bool:
        """True when that was one too many."""
        self._idle_commands += 1
        if self._idle_commands <= self._settings.max_idle_commands:
            return False
        self._close_for("too many commands without a message")
        return True

    def _close_for(self, reason: str) -> None:
        self.close(Reply(421, "4.7.0", f"{self._hostname} closing connection: {reason}"))

    def _shut(self) -> None:
        self.mode = Mode.CLOSED
        self._waiting = None
        self._input.clear()
