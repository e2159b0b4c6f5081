"""The server's side of one POP3 session: octets in, replies and requests out.

Owns: the state (RFC 1939 §3), the order of commands and replies, the limits, all reply texts. Never: sends or receives,
checks a password, reads or removes a message: it hands out Requests. Raises: nothing on input; ValueError when the
session answers a request that was not made.

The session's loop: `feed` what came, then for each `next_request()` until None: carry it out and answer it; then send
`take_output()`. While a request is not answered no further command is looked at, so that replies keep the order of
commands (RFC 2449 §6.6).
"""

from collections.abc import Callable, Iterator
from itertools import chain

from postroom.sasl import BadBase64, decode_base64, encode_base64

from .commands import COMMANDS, State
from .lines import BadLine, LineReader
from .maildrop import Maildrop, NoSuchMessage
from .multiline import TERMINATOR
from .requests import Authenticate, AuthResponse, Close, Refusal, Request, Retrieve, Send, SignIn, StartTls, Update
from .settings import Pop3Settings

BUSY = b"-ERR [SYS/TEMP] Too many connections, please try again later\r\n"
STOPPING = b"-ERR [SYS/TEMP] The server is stopping\r\n"
CLOSED_ACCOUNT = b"-ERR [SYS/PERM] This account is no longer active\r\n"
_TROUBLE = b"[SYS/TEMP] Something went wrong, please try again later"
_NOT_BASE64 = b"That is not base64"
_NEEDS_TLS = b"[AUTH] Sign-in needs TLS: use STLS or the TLS port"

Arguments = tuple[bytes | None, ...]


class Pop3Engine:
    """One session. The greeting is its first output.

    Its owner keeps `mechanisms` (what AUTH takes, best first) and `takes_passwords` (whether USER does) as the
    connection's state allows; neither matters while sign-in is not possible at all.
    """

    def __init__(
        self,
        settings: Pop3Settings,
        *,
        hostname: str,
        tls: bool = False,
        tls_offered: bool = False,
        plaintext_sign_in: bool = False,
    ) -> None:
        self._settings = settings
        self.state = State.AUTHORIZATION
        self.utf8 = False  # RFC 6856 §2.1
        self.maildrop: Maildrop | None = None
        self.mechanisms: tuple[str, ...] = ()
        self.takes_passwords = True
        self._tls = tls
        self._tls_offered = tls_offered
        self._plaintext_sign_in = plaintext_sign_in
        self._lines = LineReader(
            max(settings.max_line_octets, settings.max_response_line_octets), settings.max_discarded_octets
        )
        self._hostname = hostname.encode("ascii", "replace")
        self._username: bytes | None = None  # of a USER that PASS may follow
        self._in_exchange = False  # the next line answers a challenge
        self._pending: Request | None = None
        self._failures = 0
        self._bad_commands = 0
        self._closed = False
        self._output: list[bytes] = []
        self._output_octets = 0
        self._ok(b"%b POP3 server ready" % self._hostname)

    # ---- the session's side

    def feed(self, data: bytes) -> None:
        """Octets that arrived. Those that come while TLS is being started were not protected and are dropped."""
        if not self._closed and not isinstance(self._pending, StartTls):
            self._lines.feed(data)

    def take_output(self) -> bytes:
        """What to send, in order."""
        output = b"".join(self._output)
        self._output.clear()
        self._output_octets = 0
        return output

    def next_request(self) -> Request | None:
        """Work through the lines that are there; None when all are answered."""
        if self._pending is not None and not isinstance(self._pending, Close):
            raise ValueError("the last request is not answered yet")
        while not self._closed:
            settings = self._settings
            in_exchange = self._in_exchange
            if self._output_octets > settings.output_octets:
                self._pending = Send(iter(()))  # many pipelined commands: let the peer take some replies first
                return self._pending
            longest = settings.max_response_line_octets
            line = self._lines.take(
                longest if in_exchange else settings.max_line_octets, begins=b"AUTH ", limit_then=longest
            )
            if line is None:
                return None
            request = self._response(line) if in_exchange else self._command(line)
            if request is not None:
                self._pending = request
                if isinstance(request, Close):
                    self._closed = True
                    self._lines.clear()
                elif isinstance(request, StartTls):
                    self._lines.clear()  # RFC 2595 §4, RFC 3207 §4.2: nothing from before TLS survives
                return request
        return None

    def signed_in(self, maildrop: Maildrop) -> None:
        """The person is who they say, and the maildrop is theirs alone."""
        self._answered(SignIn, Authenticate, AuthResponse)
        self.maildrop = maildrop
        self.state = State.TRANSACTION
        self._ok(b"maildrop has %b" % _summary(maildrop))

    def refuse_sign_in(self, refusal: Refusal) -> None:
        """Nobody was signed in. Too many wrong passwords end the session."""
        self._answered(SignIn, Authenticate, AuthResponse)
        self._error(refusal.value)
        if refusal in (Refusal.WRONG, Refusal.LATER):
            self._failures += 1
            self._closed = self._failures >= self._settings.max_sign_in_failures

    def challenge(self, data: bytes) -> None:
        """Ask on (RFC 5034 §4)."""
        self._answered(Authenticate, AuthResponse)
        self._say(b"+ %b\r\n" % encode_base64(data))
        self._in_exchange = True

    def tls_started(self) -> None:
        """The handshake is done: all that was said before is forgotten."""
        self._answered(StartTls)
        self._tls = True
        self._username = None
        self._lines.clear()

    def retrieved(self) -> None:
        """The whole multi-line response was sent."""
        pending = self._pending
        self._answered(Retrieve)
        if isinstance(pending, Retrieve) and pending.lines is None:
            self._drop().note_retrieved(pending.position)

    def fail(self) -> None:
        """The message can't be read now, and nothing of the response was sent."""
        self._answered(Retrieve)
        self._error(_TROUBLE)

    def gone(self, number: int) -> None:
        """The message was removed by others and is no longer kept; nothing of the response was sent."""
        self._answered(Retrieve)
        self._error(b"message %d is not here any more" % number)

    def refuse_utf8(self) -> None:
        """The message needs UTF-8 mode, and nothing of the response was sent (RFC 6856 §5)."""
        self._answered(Retrieve)
        self._error(b"[UTF8] This message needs the UTF8 command before sign-in")

    def sent(self) -> None:
        """All pieces were sent."""
        self._answered(Send)

    def updated(self, removed: int | None) -> None:
        """The marked messages are removed for good; None: they could not be (RFC 1939 §6)."""
        self._answered(Update)
        if removed is None:
            self._error(b"[SYS/TEMP] Deleted messages not removed")
        else:
            self._sign_off(b" (%b deleted)" % _messages(removed) if removed else b"")
        self._closed = True

    @property
    def closed(self) -> bool:
        """No command will be taken any more: send the output and close."""
        return self._closed

    # ---- replies

    def _say(self, octets: bytes) -> None:
        self._output.append(octets)
        self._output_octets += len(octets)

    def _ok(self, text: bytes = b"") -> None:
        self._say(b"+OK %b\r\n" % text if text else b"+OK\r\n")

    def _error(self, text: bytes) -> None:
        self._say(b"-ERR %b\r\n" % text)

    def _sign_off(self, note: bytes) -> None:
        self._ok(b"%b POP3 server signing off%b" % (self._hostname, note))

    def _answered(self, *kinds: type[Request]) -> None:
        if not isinstance(self._pending, kinds):
            raise ValueError(f"no {' or '.join(kind.__name__ for kind in kinds)} is waiting for an answer")
        self._pending = None

    def _bad(self, text: bytes) -> Close | None:
        self._error(text)
        self._bad_commands += 1
        if self._bad_commands >= self._settings.max_bad_commands:
            return Close()
        return None

    # ---- one line

    def _command(self, line: bytes | BadLine) -> Request | None:
        if isinstance(line, BadLine):
            self._username = None
            closing = self._bad(line.value.encode())
            return Close() if line is BadLine.ENDLESS else closing
        space = line.find(b" ")
        keyword = (line if space < 0 else line[:space]).upper()
        username, self._username = self._username, None  # RFC 1939 §7: PASS only immediately after USER
        command = COMMANDS.get(keyword)
        if command is None:
            return self._bad(b"Unknown command")
        if self.state not in command.states:
            return self._bad(b"%b can't be given in this state" % keyword)
        found = command.arguments.fullmatch(b"" if space < 0 else line[space:])
        if found is None:
            return self._bad(b"Use: %b" % command.usage)
        if keyword == b"PASS":
            return self._pass(username, found[1])
        try:
            return _HANDLERS[keyword](self, found.groups())
        except NoSuchMessage as error:
            self._error(str(error).encode())
            return None

    def _may_sign_in(self) -> bool:
        return self._tls or self._plaintext_sign_in

    # ---- AUTHORIZATION

    def _user(self, arguments: Arguments) -> Request | None:
        if not self._may_sign_in():
            self._error(_NEEDS_TLS)
            return None
        if not self.takes_passwords:
            self._error(b"[AUTH] Use AUTH")
            return None
        self._username = arguments[0]
        self._ok()  # whether there is such a user is not told (RFC 3206 §5)
        return None

    def _pass(self, username: bytes | None, password: bytes) -> Request | None:
        if username is None:
            self._error(_NEEDS_TLS if not self._may_sign_in() else b"USER comes before PASS")
            return None
        return SignIn(username, password)

    def _auth(self, arguments: Arguments) -> Request | None:
        raw_name, initial = arguments
        if not self._may_sign_in():  # RFC 5034 §4: no plaintext mechanism without TLS
            self._error(_NEEDS_TLS)
            return None
        mechanism = (raw_name or b"").upper().decode("ascii", "replace")
        if mechanism not in self.mechanisms:
            self._error(b"No such mechanism")
            return None
        if initial is None or initial == b"=":  # RFC 5034 §4: a response of no octets
            return Authenticate(mechanism, None if initial is None else b"")
        response = self._decoded(initial)
        return self._bad(_NOT_BASE64) if response is None else Authenticate(mechanism, response)

    def _response(self, line: bytes | BadLine) -> Request | None:
        self._in_exchange = False
        if isinstance(line, BadLine):
            closing = self._bad(line.value.encode())
            return Close() if line is BadLine.ENDLESS else closing
        if line == b"*":
            return self._bad(b"Sign-in cancelled")
        response = self._decoded(line)
        return self._bad(_NOT_BASE64) if response is None else AuthResponse(response)

    def _decoded(self, line: bytes) -> bytes | None:
        try:
            return decode_base64(line, self._settings.max_response_line_octets)
        except BadBase64:
            return None

    def _stls(self, arguments: Arguments) -> Request | None:
        if self._tls:
            self._error(b"TLS is already active")  # RFC 2595 §4
            return None
        if not self._tls_offered:
            self._error(b"[SYS/PERM] TLS is not set up here")
            return None
        if self.utf8:
            self._error(b"STLS comes before UTF8")  # RFC 6856 §2.1
            return None
        self._ok(b"Begin TLS negotiation")
        return StartTls()

    def _utf8(self, arguments: Arguments) -> Request | None:
        self.utf8 = True
        self._ok(b"UTF-8 mode")
        return None

    # ---- AUTHORIZATION and TRANSACTION

    def _capa(self, arguments: Arguments) -> Request | None:
        settings = self._settings
        sign_in = self._may_sign_in()
        expire = b"NEVER" if settings.expire_days is None else b"%d" % settings.expire_days
        self._say(
            b"\r\n".join(
                line
                for line, announced in (  # RFC 2449 §6
                    (b"+OK Capability list follows", True),
                    (b"TOP", True),
                    (b"USER", sign_in and self.takes_passwords),
                    (b"SASL " + " ".join(self.mechanisms).encode(), sign_in and bool(self.mechanisms)),  # RFC 5034 §3
                    (b"RESP-CODES", True),
                    (b"AUTH-RESP-CODE", True),  # RFC 3206 §6
                    (b"LOGIN-DELAY %d" % settings.login_delay_seconds, settings.login_delay_seconds > 0),
                    (b"PIPELINING", True),
                    (b"EXPIRE " + expire, True),
                    (b"UIDL", True),
                    (b"UTF8 USER", True),  # RFC 6856 §2
                    (b"LANG", True),
                    (b"STLS", self._tls_offered and not self._tls and self.state is State.AUTHORIZATION),  # RFC 2595 §4
                    (b"IMPLEMENTATION Postroom", True),
                    (TERMINATOR, True),
                )
                if announced
            )
        )
        return None

    def _lang(self, arguments: Arguments) -> Request | None:
        asked = arguments[0]
        if asked is None:
            self._say(b"+OK Language listing follows:\r\nen English\r\n.\r\n")  # RFC 6856 §3.2
        elif asked.lower() in (b"en", b"*", b"i-default"):
            self._ok(b"en Language changed")
        else:
            self._error(b"en No such language")
        return None

    def _quit(self, arguments: Arguments) -> Request | None:
        drop = self.maildrop
        if drop is None:
            self._sign_off(b"")
            return Close()
        self.state = State.UPDATE  # RFC 1939 §6
        uids, expires = drop.marked_uids(), self._settings.expire_days is not None
        if uids or expires:
            return Update(uids, drop.retrieved_uids() if expires else ())
        self._sign_off(b"")
        return Close()

    # ---- TRANSACTION

    def _drop(self) -> Maildrop:
        assert self.maildrop is not None
        return self.maildrop

    def _stat(self, arguments: Arguments) -> Request | None:
        drop = self._drop()
        self._ok(b"%d %d" % (drop.messages, drop.octets))
        return None

    def _list(self, arguments: Arguments) -> Request | None:
        drop = self._drop()
        if arguments[0] is not None:
            number = int(arguments[0])
            self._ok(b"%d %d" % (number, drop.size(number)))
            return None
        self._ok(_summary(drop))
        return self._listing(drop.scan_listings(self._settings.listing_piece_lines))

    def _uidl(self, arguments: Arguments) -> Request | None:
        drop = self._drop()
        if arguments[0] is not None:
            number = int(arguments[0])
            self._ok(b"%d %b" % (number, drop.unique_id(number)))
            return None
        self._ok()
        return self._listing(drop.unique_id_listings(self._settings.listing_piece_lines))

    def _listing(self, pieces: Iterator[bytes]) -> Request | None:
        return Send(chain(pieces, (TERMINATOR,)))

    def _retr(self, arguments: Arguments) -> Request | None:
        number = int(arguments[0] or b"")
        return Retrieve(number, self._drop().position(number), None)

    def _top(self, arguments: Arguments) -> Request | None:
        number, lines = int(arguments[0] or b""), int(arguments[1] or b"")
        return Retrieve(number, self._drop().position(number), lines)

    def _dele(self, arguments: Arguments) -> Request | None:
        number = int(arguments[0] or b"")
        self._drop().delete(number)
        self._ok(b"message %d deleted" % number)
        return None

    def _noop(self, arguments: Arguments) -> Request | None:
        self._ok()
        return None

    def _rset(self, arguments: Arguments) -> Request | None:
        drop = self._drop()
        drop.reset()
        self._ok(b"maildrop has %b" % _summary(drop))
        return None


def _messages(count: int) -> bytes:
    return b"1 message" if count == 1 else b"%d messages" % count


def _summary(drop: Maildrop) -> bytes:
    return b"%b (%d octets)" % (_messages(drop.messages), drop.octets)


_HANDLERS: dict[bytes, Callable[[Pop3Engine, Arguments], Request | None]] = {
    b"USER": Pop3Engine._user,
    b"AUTH": Pop3Engine._auth,
    b"STLS": Pop3Engine._stls,
    b"UTF8": Pop3Engine._utf8,
    b"CAPA": Pop3Engine._capa,
    b"LANG": Pop3Engine._lang,
    b"QUIT": Pop3Engine._quit,
    b"STAT": Pop3Engine._stat,
    b"LIST": Pop3Engine._list,
    b"UIDL": Pop3Engine._uidl,
    b"RETR": Pop3Engine._retr,
    b"TOP": Pop3Engine._top,
    b"DELE": Pop3Engine._dele,
    b"NOOP": Pop3Engine._noop,
    b"RSET": Pop3Engine._rset,
}
